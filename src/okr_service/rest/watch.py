"""What is told of each request: a line in the log, a span, and how long it took.

None of it holds what the caller sent but its `traceparent`, and its request id in the log.
A route is told by its template. FastAPI's own telemetry, Starlette's and OpenTelemetry's tell
the path and the query that were asked, so these few lines stand in for them.
"""

import logging
import time
from collections.abc import Iterable

from opentelemetry import context, propagate, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okr_service.kernel.doing import Doing, busy_with
from okr_service.kernel.telemetry import durations, gauge, tracer

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_OTHER = "_OTHER"  # OpenTelemetry's word for a method that is none
_NO_ROUTE = "none"
_PROBES = {"/healthz", "/readyz"}
_LEFT = 499  # nginx's, for a caller who did not wait
_FAILED = 500
_LINE = "%s %s %d"
_EVENTS = b"text/event-stream"
_CARRIED = {b"traceparent": "traceparent", b"tracestate": "tracestate"}

_durations = durations(
    "http.server.request.duration",
    "How long requests took to answer; streams of events, until they began.",
)
_log = logging.getLogger("okr_service.requests")


class Watch:
    """Tells of every request once it is over."""

    active = 0  # of all instances in a process

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell how it went."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        with busy_with(Doing(request_id=scope["request_id"])) as told:
            if scope["type"] == "http":
                await self._watched(scope, receive, send, told)
            else:
                await self._app(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, told: Doing) -> None:
        answer = _Answer(send)
        span = tracer.start_span(scope["method"], _caller(scope), SpanKind.SERVER)
        token = context.attach(trace.set_span_in_context(span))
        Watch.active += 1
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            answer.status = answer.status or _FAILED
            raise
        finally:
            Watch.active -= 1
            answer.end(scope, span, told)
            context.detach(token)


class _Answer:
    """What became of an answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self._seconds: float | None = None
        self.status = 0
        self._bytes = 0
        self._is_whole = False

    async def send(self, message: Message) -> None:
        """Pass on a part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if dict(message["headers"]).get(b"content-type", b"").startswith(_EVENTS):
                self._seconds = time.perf_counter() - self._began
        else:
            self._bytes += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        await self._send(message)

    def end(self, scope: Scope, span: Span, told: Doing) -> None:
        """Tell of it."""
        took = time.perf_counter() - self._began
        method, route = scope["method"], _route(scope)
        method = method if method in _METHODS else _OTHER
        status = self.status or _LEFT
        labels = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_class": f"{status // 100}xx",
        }
        _durations.record(took if self._seconds is None else self._seconds, labels)
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes({**labels, "http.response.status_code": status})
            if told.tenant_id is not None:
                span.set_attribute("okr.tenant.id", str(told.tenant_id))
            if status >= _FAILED:
                span.set_status(Status(StatusCode.ERROR))
        if route not in _PROBES and _log.isEnabledFor(logging.INFO):
            self._log(method, route, status, took)
        span.end()

    def _log(self, method: str, route: str, status: int, took: float) -> None:
        facts = {
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(took * 1000, 2),
            "bytes": self._bytes,
            **({} if self._is_whole else {"broken_off": True}),
        }
        # Made by hand: `info` would look up the stack who calls, each time anew.
        said = (method, route, status)
        made = _log.makeRecord(_log.name, logging.INFO, __file__, 0, _LINE, said, None)
        made.facts = facts
        _log.handle(made)


def _caller(scope: Scope) -> context.Context | None:
    """Return the trace that the caller is in, if it says so (W3C Trace Context)."""
    carrier = {
        _CARRIED[name]: value.decode("latin-1")
        for name, value in scope["headers"]
        if name in _CARRIED
    }
    return propagate.extract(carrier, context.Context()) if carrier else None


def _route(scope: Scope) -> str:
    """Return a route's template; what is no route of FastAPI's says its own."""
    told = getattr(scope.get("route"), "path_format", None)
    return told or getattr(scope.get("endpoint"), "route", None) or _NO_ROUTE


def _active() -> Iterable[Observation]:
    return [Observation(Watch.active)]


gauge("http.server.active_requests", "Requests that are being answered.", _active)

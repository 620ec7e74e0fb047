"""Every request is answered, and in time."""

import asyncio
import logging

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okr_service.kernel.errors import InternalError, OkrError
from okr_service.kernel.traces import traceback_of
from okr_service.rest.errors import AnswerTooSlow, RequestTooSlow
from okr_service.rest.problems import problem

_STREAMS = (
    *(b"application/x-ndjson", b"text/event-stream", b"text/csv"),
    b"application/vnd.apache.parquet",
    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
_log = logging.getLogger(__name__)


class Guard:
    """Ends a request at its deadline, and answers for whatever failed unforeseen.

    Where time is up the request is cancelled: its transaction rolls back and its
    connection goes back to the pool. If it was just committing, it may be
    stored though the answer says 503: the same Idempotency-Key finds out. A stream
    lasts as long as it lasts once it has begun; each part has its own statement's time.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on for as long as it may take."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, asyncio.timeout(self._seconds))
        try:
            async with exchange.deadline:
                await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            pass  # nobody is left to answer
        except Exception as error:  # noqa: BLE001 - this is where it ends
            await self._end(scope, exchange, error)

    async def _end(self, scope: Scope, exchange: "_Exchange", error: Exception) -> None:
        late = exchange.deadline.expired()
        if not late:
            _log.error("request %s failed\n%s", scope["request_id"], traceback_of(error))
        if not exchange.answering:  # else the server, seeing no end of it, breaks it off
            said = self._said(late=late, missing=exchange.missing)
            headers = {"Connection": "close"} if exchange.missing else None
            answer = problem(Request(scope), said, headers)
            await answer(scope, exchange.receive, exchange.send)

    def _said(self, *, late: bool, missing: bool) -> OkrError:
        if not late:
            return InternalError()
        return RequestTooSlow(self._seconds) if missing else AnswerTooSlow(self._seconds)


class _Exchange:
    """How far a request and its answer have come."""

    def __init__(self, receive: Receive, send: Send, deadline: asyncio.Timeout) -> None:
        self._receive = receive
        self._send = send
        self.deadline = deadline
        self.missing = False  # a body that is waited for and not all there
        self.answering = False
        self._whole = False

    async def receive(self) -> Message:
        self.missing = not self._whole
        message = await self._receive()
        self._whole = self._whole or not message.get("more_body", False)
        self.missing = not self._whole
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answering = True
            headers = dict(message["headers"])
            is_whole = b"content-length" in headers
            if not is_whole and headers.get(b"content-type", b"").startswith(_STREAMS):
                self.deadline.reschedule(None)
        await self._send(message)

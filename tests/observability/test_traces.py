"""Traces go on from where the caller is, and tell where time went but not what was asked."""

from collections.abc import Callable

import httpx
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.working import working
from tests.observability.test_log_lines import SPAN, TRACE, TRACEPARENT
from tests.waiting import until
from tests.webhooks.conftest import receiving
from tests.webhooks.receiver import Receiver

__all__ = ["receiving"]
Spans = Callable[[], tuple[ReadableSpan, ...]]


def served(spans: Spans) -> ReadableSpan:
    [found] = [span for span in spans() if span.kind is SpanKind.SERVER]
    return found


async def test_the_callers_trace_goes_on(
    rest: httpx.AsyncClient, tenant: Tenant, spans: Spans
) -> None:
    await rest.get("/v1/people/external:kin@saomai.example", headers=TRACEPARENT)
    of_request = served(spans)
    assert of_request.parent is not None
    assert of_request.context is not None
    assert f"{of_request.context.trace_id:032x}" == TRACE
    assert f"{of_request.parent.span_id:016x}" == SPAN
    assert of_request.name == "GET /v1/people/{ref}"
    told = dict(of_request.attributes or {})
    assert told["http.response.status_code"] == 404
    assert told["okr.tenant.id"] == str(tenant.tenant_id)
    statements = [span for span in spans() if span.name.startswith("SELECT people")]
    assert statements
    for span in statements:
        assert span.parent is not None
        assert span.parent.span_id == of_request.context.span_id
        assert set(span.attributes or {}) == {
            *("db.system.name", "db.operation.name"),
            *("okr.db.tables", "okr.db.fingerprint"),
        }
    everything = "".join(span.to_json() for span in spans())
    assert "kin@" not in everything


async def test_a_trace_begins_where_the_caller_has_none_or_says_it_wrong(
    rest: httpx.AsyncClient, spans: Spans
) -> None:
    await rest.get("/v1/objectives", headers={"traceparent": "00-nonsense"})
    assert served(spans).parent is None


async def test_what_fails_is_told_without_its_message(
    start: Start, tenant: Tenant, spans: Spans
) -> None:
    app = start()

    @app.get("/boom")
    async def boom() -> None:
        raise ValueError("secret")

    async with client(app, tenant.key) as calling:
        assert (await calling.get("/boom")).status_code == 500
    of_request = served(spans)
    assert of_request.status.status_code is StatusCode.ERROR
    assert not of_request.status.description
    assert "secret" not in of_request.to_json()


async def test_jobs_and_what_they_send_have_spans(
    app: FastAPI, build: Build, receiving: Callable[..., Receiver], spans: Spans
) -> None:
    receiver = receiving()
    await build.post("webhooks", name="W", url=receiver.url, types=["okr.unit.created"])
    async with working(app):
        await build.unit()
        await until(lambda: len(receiver.received) == 1)  # others' are sent, too
    await until(lambda: any(span.name == "job webhook_turn" for span in spans()))
    sent = [dict(span.attributes or {}) for span in spans() if span.name == "POST"]
    assert {"http.response.status_code": 204} in sent
    assert receiver.url not in "".join(span.to_json() for span in spans())

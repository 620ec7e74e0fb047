"""Every line of a request has its ids, and none has what anybody wrote."""

import asyncio
import json
import logging

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.conftest import Tenant
from tests.imports.working import ended, rows, submitted, working
from tests.observability.conftest import Figure, Line
from tests.rest.listening import listening

from okr_service.kernel.database import Database
from okr_service.kernel.statements import PATIENCE, facts_of
from okr_service.observability.logs import JsonLines, TextLines

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
SECRET = "Doanh thu bí mật"


def of_logger(lines: list[Line], name: str) -> list[Line]:
    return [line for line in lines if line["logger"] == f"okr_service.{name}"]


async def test_a_request_has_one_line(
    rest: httpx.AsyncClient, tenant: Tenant, lines: list[Line]
) -> None:
    answer = await rest.get("/v1/objectives?q=secret", headers=TRACEPARENT)
    [line] = of_logger(lines, "requests")
    assert (line["message"], line["level"]) == ("GET /v1/objectives 200", "info")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["tenant_id"] == str(tenant.tenant_id)
    assert line["trace_id"] == TRACE
    assert (line["method"], line["route"]) == ("GET", "/v1/objectives")
    assert (line["status"], line["bytes"]) == (200, len(answer.content))
    assert line["duration_ms"] > 0
    assert "secret" not in json.dumps(lines)


async def test_probes_have_none(rest: httpx.AsyncClient, lines: list[Line]) -> None:
    assert (await rest.get("/healthz")).status_code == 200
    assert of_logger(lines, "requests") == []


async def test_a_request_that_is_refused_has_one_too(app: FastAPI, lines: list[Line]) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://okr.test") as calling:
        answer = await calling.get("/v1/objectives")
    [line] = of_logger(lines, "requests")
    assert (answer.status_code, line["status"], line["tenant_id"]) == (401, 401, None)


async def test_a_slow_statement_is_counted_and_told_without_its_values(
    app: FastAPI,
    tenant: Tenant,
    lines: list[Line],
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PATIENCE, "seconds", 0.04)
    database: Database = app.state.service.database
    before = figure("okr_statements_slow_total", db_operation_name="SELECT")
    async with database.reading(tenant.tenant_id) as connection:
        await connection.execute(text(f"SELECT pg_sleep(0.05), '{SECRET}', count(*) FROM units"))
        given = text("SELECT pg_sleep(0.05), CAST(:given AS text)")
        await connection.execute(given, {"given": SECRET})
    told = [line["message"] for line in of_logger(lines, "kernel.statements")]
    assert any("(SELECT units) took 0." in line for line in told)
    assert any("(SELECT no table) took 0." in line for line in told)
    assert SECRET not in json.dumps(lines, ensure_ascii=False)
    assert figure("okr_statements_slow_total", db_operation_name="SELECT") == before + 2


def test_a_fingerprint_is_of_the_statement_and_not_of_its_values() -> None:
    one = facts_of(f"SELECT title FROM objectives\n WHERE title = '{SECRET}' AND weight > 12.5")
    other = facts_of("SELECT title  FROM objectives WHERE title = 'x''y' AND weight > 3 -- z")
    third = facts_of("SELECT title FROM units WHERE title = $1")
    assert one == other
    assert (one.operation, one.tables) == ("SELECT", ("objectives",))
    assert third.fingerprint != one.fingerprint
    assert str(one) == f"{one.fingerprint} (SELECT objectives)"
    assert facts_of("WITH a AS (SELECT 1) INSERT INTO units SELECT").tables == ("units",)
    assert facts_of(f'SELECT 1 FROM "{SECRET}"').tables == ()


async def test_lines_of_a_job_have_its_ids(
    app: FastAPI,
    rest: httpx.AsyncClient,
    build: Build,
    tenant: Tenant,
    lines: list[Line],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await build.unit(external_id="U1")
    await build.cycle(code="2026")
    monkeypatch.setattr(PATIENCE, "seconds", 1e-6)  # so that each statement has a line
    async with working(app):
        job = await submitted(rest, rows(1, SECRET))
        assert (await ended(rest, job))["state"] == "done"
    of_jobs = [line for line in lines if line.get("job_id")]
    own = [line for line in of_jobs if line["tenant_id"] == str(tenant.tenant_id)]
    assert any("objectives" in line["message"] for line in own)
    assert not any("request_id" in line for line in own)
    assert SECRET not in json.dumps(lines, ensure_ascii=False)


async def test_what_a_request_leaves_behind_is_not_told_as_its_own(
    rest: httpx.AsyncClient, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PATIENCE, "seconds", 1e-6)
    answer = await rest.post("/v1/units", json={"name": "Left behind"})
    mine = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert mine[-1]["logger"] == "okr_service.requests"
    await asyncio.sleep(0.5)  # for what follows upon a commit
    still = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert still == mine


async def test_tracebacks_of_others_have_no_messages(lines: list[Line]) -> None:
    error = ValueError(SECRET)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
    place = '  File "a.py", line 1, in b'
    text_of_it = f"Traceback (most recent call last):\n{place}\n    c\nE: {SECRET}"
    logging.getLogger("uvicorn.error").error(text_of_it)
    logging.getLogger("some.library").error("It failed", exc_info=error)

    async def failing() -> None:
        raise ValueError(SECRET)

    loop = asyncio.get_running_loop()
    failed = asyncio.create_task(failing(), name=SECRET)
    await asyncio.wait({failed})
    context = {"message": "Task exception was never retrieved", "task": failed}
    loop.default_exception_handler({**context, "exception": failed.exception()})
    told = [line for line in lines if line.get("failure")]
    assert {line["logger"] for line in told} == {"uvicorn.error", "some.library", "asyncio"}
    assert all(line["failure"].startswith("builtins.ValueError") for line in told)
    assert SECRET not in json.dumps(lines, ensure_ascii=False)


async def test_a_stream_that_is_cut_at_shutdown_quotes_nothing(
    app: FastAPI, lines: list[Line]
) -> None:
    @app.get("/cut")
    async def cut() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            raise ValueError(SECRET) from error

    async with listening(app) as port, httpx.AsyncClient() as calling:
        asking = asyncio.create_task(calling.get(f"http://127.0.0.1:{port}/cut"))
        await asyncio.sleep(0.3)
        asking.cancel()
    assert SECRET not in json.dumps(lines, ensure_ascii=False)


def test_lines_for_people_tell_the_same() -> None:
    record = logging.LogRecord("okr_service.x", logging.ERROR, "", 0, "said %s", ("so",), None)
    record.facts = {"status": 503}
    record.exc_info = (KeyError, KeyError(SECRET), None)
    line, *failure = TextLines().format(record).splitlines()
    assert line.endswith("ERROR okr_service.x said so status=503")
    assert failure[0] == "builtins.KeyError"
    assert SECRET not in "".join(failure)
    assert json.loads(JsonLines().format(record))["status"] == 503
    record.name = "others"  # who may put anything there
    assert "status" not in json.loads(JsonLines().format(record))

"""A request has so long and no longer, and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.rest.listening import listening

from okr_service.kernel.database import Database

_BUSY = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND backend_type = 'client backend'
       AND (state = 'active' OR state LIKE 'idle in transaction%')
"""


@asynccontextmanager
async def holding(database: Database, table: str) -> AsyncIterator[None]:
    """Keep everyone else from a table."""
    async with database.transaction() as tx:
        await tx.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield
        await tx.rollback()


def lent(app: FastAPI) -> int:
    """Return how many connections the pools have not got back."""
    database = app.state.service.database
    return sum(e.sync_engine.pool.checkedout() for e in (database._reader, database._writer))


async def busy(database: Database) -> int:
    async with database.reading() as connection:
        number: int = await connection.scalar(text(_BUSY))
    return number


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_a_late_answer_is_given_up_and_its_write_taken_back(
    start: Start, tenant: Tenant, build: Build, database: Database, language: str
) -> None:
    unit = await build.unit(name="Before")
    app = start(request_timeout_seconds=1.5, pool_size=3)
    headers = {"Accept-Language": language}
    async with client(app, tenant.key) as calling:
        assert (await calling.get("/v1/units")).status_code == 200
        async with holding(database, "audit_events"):  # written last, after the unit itself
            began = monotonic()
            answers = await asyncio.gather(
                *(
                    calling.patch(f"/v1/units/{unit['id']}", json={"name": f"After {n}"})
                    for n in range(6)
                ),
                *(calling.post("/v1/units", json={"name": "New"}, headers=headers) for _ in "abc"),
            )
            took = monotonic() - began
            assert lent(app) == 0
            await asyncio.sleep(0.2)
            assert await busy(database) == 1  # whoever holds the table

        assert took < 5
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "answer-too-slow")
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answers[-1].headers["content-language"] == language
        listed = (await calling.get("/v1/units")).json()["data"]
        assert [shown["name"] for shown in listed] == ["Before"]
        # Every connection is still good for something.
        again = await asyncio.gather(
            *(calling.post("/v1/units", json={"name": "New"}) for _ in range(9))
        )
        assert {answer.status_code for answer in again} == {201}
    assert lent(app) == 0


async def test_a_late_read_is_given_up(
    start: Start, tenant: Tenant, build: Build, database: Database
) -> None:
    await build.objective()
    app = start(request_timeout_seconds=3)
    async with client(app, tenant.key) as calling:
        assert (await calling.get("/v1/objectives")).status_code == 200
        async with holding(database, "objectives"):
            answers = await asyncio.gather(*(calling.get("/v1/objectives") for _ in range(5)))
            assert lent(app) == 0
        assert {a.json()["code"] for a in answers} == {"answer-too-slow"}
        assert (await calling.get("/v1/objectives")).status_code == 200


async def test_an_idempotent_write_that_was_given_up_can_be_sent_again(
    start: Start, tenant: Tenant, database: Database
) -> None:
    app, key = start(request_timeout_seconds=1.5), {"Idempotency-Key": "once"}
    async with client(app, tenant.key) as calling:
        async with holding(database, "audit_events"):
            late = await calling.post("/v1/units", json={"name": "A"}, headers=key)
        again = await calling.post("/v1/units", json={"name": "A"}, headers=key)
        third = await calling.post("/v1/units", json={"name": "A"}, headers=key)
    assert [a.status_code for a in (late, again, third)] == [503, 201, 201]
    assert third.json() == again.json()


async def send_slowly(port: int, key: str, *parts: bytes) -> tuple[bytes, float]:
    """Send the beginning of a request; returns all that is answered, and after how long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/units HTTP/1.1\r\nHost: okr.test\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    began = monotonic()
    writer.write(head.encode())
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.1)
    answer = await asyncio.wait_for(reader.read(), 5)  # until the service hangs up
    writer.close()
    return answer, monotonic() - began


async def test_a_body_that_trickles_in_is_not_waited_for(
    start: Start, tenant: Tenant, database: Database
) -> None:
    app = start(request_timeout_seconds=1.5)
    async with listening(app) as port:
        answers = await asyncio.gather(
            send_slowly(port, tenant.key),
            send_slowly(port, tenant.key, b'{"na', b"me", b'": "'),
        )
    for answer, seconds in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 "), answer
        assert b"connection: close" in head.lower()
        assert b'"code":"request-too-slow"' in body
        assert 1.4 < seconds < 4
    assert lent(app) == 0
    assert await busy(database) == 0


async def test_an_upload_that_is_broken_off_is_nobodys_fault(
    start: Start, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    app = start()
    async with listening(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST /v1/units HTTP/1.1\r\nHost: okr.test\r\nAuthorization: Bearer {tenant.key}\r\n"
            'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"na'
        )
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await asyncio.sleep(0.2)
    assert caplog.records == []


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/x-ndjson"])
async def test_a_stream_may_go_on(start: Start, media_type: str) -> None:
    app = start(request_timeout_seconds=0.2)

    @app.get("/events")
    async def events() -> Any:
        from starlette.responses import StreamingResponse  # noqa: PLC0415

        async def told() -> AsyncIterator[str]:
            for number in range(4):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(told(), media_type=media_type)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://okr.test") as calling:
        assert (await calling.get("/events")).text.count("data") == 4

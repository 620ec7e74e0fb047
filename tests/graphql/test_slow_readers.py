"""Who does not read holds neither memory nor others back."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.graphql.following import CHECK_INS, Json, connected, talking
from tests.rest.listening import listening

_STALLED, _REPORTS, _COMMENT = 10, 600, "x" * 20_000
_WHOLE = "subscription { checkInAdded { cursor checkIn { value comment } } }"


@pytest.fixture
async def port(start: Start) -> AsyncIterator[int]:
    app = start()
    async with listening(app) as port:
        yield port
    await app.state.service.feed.close()


async def _stall(stack: AsyncExitStack, port: int, key: str, *, stream: bool) -> None:
    """Subscribe, and read nothing from then on."""
    body = json.dumps({"query": _WHOLE})
    if not stream:
        opened = connected(port, max_queue=1, close_timeout=0.2)
        talk = await stack.enter_async_context(opened)
        await talk.send(type="connection_init", payload={"Authorization": f"Bearer {key}"})
        assert (await talk.receive())["type"] == "connection_ack"
        await talk.subscribe(_WHOLE)
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
    stack.callback(_abort, writer)
    writer.write(
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Accept: text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    assert b"200" in await reader.readline()


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("stream", [False, True], ids=["websocket", "stream"])
async def test_what_is_not_read_is_not_kept(
    port: int, tenant: Tenant, build: Build, stream: bool
) -> None:
    """Kept for them all it would be 120 MB."""
    key_result = await build.key_result(await build.objective())
    async with AsyncExitStack() as stack:
        for _ in range(_STALLED):
            await _stall(stack, port, tenant.key, stream=stream)
        talk = await stack.enter_async_context(talking(port, tenant.key))
        await talk.subscribe(CHECK_INS)
        await talk.hears_nothing(0.5)
        tracemalloc.start()
        await _report_all(build, key_result)
        for nth in range(_REPORTS):
            assert (await talk.told("checkInAdded"))["checkIn"]["value"] == str(nth)
        await asyncio.sleep(2.5)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert grown < 20_000_000


async def _report_all(build: Build, key_result: Json) -> None:
    of = {"key_result_id": key_result["id"], "comment": _COMMENT}
    for start in range(0, _REPORTS, 200):
        reports = [{**of, "value": str(nth)} for nth in range(start, start + 200)]
        answer = await build.rest.post("/v1/check-ins:batch", json={"check_ins": reports})
        assert answer.is_success, answer.text


async def test_who_was_slow_is_told_all_from_the_feed(
    port: int, tenant: Tenant, build: Build
) -> None:
    key_result = await build.key_result(await build.objective())
    async with talking(port, tenant.key, max_queue=1) as talk:
        await talk.subscribe(_WHOLE)
        await talk.hears_nothing(0.3)
        await _report_all(build, key_result)
        await asyncio.sleep(4)  # longer than anything is kept
        told = [(await talk.told("checkInAdded"))["checkIn"]["value"] for _ in range(_REPORTS)]
    assert told == [str(nth) for nth in range(_REPORTS)]

"""Replicas are one service: behind a balancer, killed, and replaced while requests come in."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import httpx
import pytest
from tests.build import Build
from tests.conftest import API_KEY_SECRET, new_tenant
from tests.operating.acceptance import Alternating, accepted
from tests.operating.balanced import Replica, balanced, is_required, program, serving

from okr_service.kernel.database import Database
from okr_service.rollup.service import verify

pytestmark = pytest.mark.skipif(
    program() is None and not is_required(), reason="HAProxy is not installed"
)
_RATE = 200  # requests a second
_WRITES = 4  # one of so many requests is a report


@pytest.fixture
async def replicas(own_database_url: str) -> AsyncIterator[list[Replica]]:
    """Run two."""
    environment = {
        "OKR_DATABASE_URL": own_database_url,
        "OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value(),
        "OKR_POOL_SIZE": "5",
    }
    async with serving(environment) as running:
        yield running


async def test_two_replicas_are_one_service(
    own_database: Database, replicas: list[Replica]
) -> None:
    tenant = await new_tenant(own_database)
    async with balanced(replicas) as client:
        alternating = Alternating(client, tenant.key)
        await accepted(client)
    assert set(alternating.served) == {"r0", "r1"}
    assert min(alternating.served.values()) > sum(alternating.served.values()) / 4
    async with own_database.reading(tenant.tenant_id) as connection:
        assert await verify(connection, tenant.tenant_id) == []


async def test_a_replica_that_is_killed_loses_nothing_that_was_acknowledged(
    own_database: Database, replicas: list[Replica]
) -> None:
    tenant, dice = await new_tenant(own_database), Random(8)
    async with balanced(replicas) as client:
        client.headers["Authorization"] = f"Bearer {tenant.key}"
        key_result = await Build(client).key_result()
        acknowledged: set[str] = set()
        over = asyncio.Event()

        async def report(writer: int) -> None:
            for nth in range(10_000):
                if over.is_set():
                    return
                name = f"W{writer}-{nth}"
                await _report(client, key_result["id"], name)
                acknowledged.add(name)

        writing = asyncio.gather(*(report(writer) for writer in range(8)))
        for _ in range(2):
            await asyncio.sleep(dice.uniform(0.5, 1.0))
            victim = dice.choice(replicas)
            await victim.stop(signal.SIGKILL)
            await asyncio.sleep(0.5)
            await victim.start()
        over.set()
        await writing
        stored = Counter(check_in["external_id"] for check_in in await _all(client, "check-ins"))
    assert stored == Counter(acknowledged)
    assert len(stored) > 50


async def test_a_rolling_restart_under_load_loses_no_request(
    own_database: Database, replicas: list[Replica]
) -> None:
    tenant = await new_tenant(own_database)
    async with balanced(replicas) as client:
        client.headers["Authorization"] = f"Bearer {tenant.key}"
        key_result = await Build(client).key_result()
        outcomes: Counter[str] = Counter()
        over = asyncio.Event()
        began = time.monotonic()
        loading = asyncio.create_task(_load(client, key_result["id"], outcomes, over))
        for replica in replicas:
            await asyncio.sleep(1)
            assert await replica.stop() == 0
            await replica.start()
        await asyncio.sleep(1)
        over.set()
        sent = await loading
        rate = sent / (time.monotonic() - began)
    sys.stdout.write(f"{sent} requests, {rate:.0f} a second: {dict(outcomes)}\n")
    assert outcomes.keys() == {"200", "201"}, outcomes
    assert outcomes.total() == sent > _RATE


async def _load(
    client: httpx.AsyncClient, key_result: str, outcomes: Counter[str], over: asyncio.Event
) -> int:
    """Send requests at a steady rate, whether those before are answered or not."""
    loop, sent = asyncio.get_running_loop(), 0
    began = loop.time()
    asked: set[asyncio.Task[None]] = set()

    async def ask(nth: int) -> None:
        try:
            if nth % _WRITES:
                answer = await client.get("/v1/key-results?limit=5")
            else:
                body = {"key_result_id": key_result, "value": nth}
                answer = await client.post("/v1/check-ins", json=body)
        except httpx.TransportError as error:
            outcomes[type(error).__name__] += 1
        else:
            told = "" if answer.is_success else f" {answer.text[:300]}"
            outcomes[f"{answer.status_code}{told}"] += 1

    while not over.is_set():
        await asyncio.sleep(max(0.0, began + sent / _RATE - loop.time()))
        task = asyncio.create_task(ask(sent))
        asked.add(task)
        task.add_done_callback(asked.discard)
        sent += 1
    await asyncio.gather(*asked)
    return sent


async def _report(client: httpx.AsyncClient, key_result: str, name: str) -> None:
    """Report under a name until that is acknowledged."""
    body = {"key_result_id": key_result, "value": "5", "external_id": name}
    while True:
        with suppress(httpx.TransportError):
            if (await client.post("/v1/check-ins", json=body)).is_success:
                return
        await asyncio.sleep(0.02)


async def _all(client: httpx.AsyncClient, kind: str) -> list[dict[str, str]]:
    found, cursor = [], ""
    while True:
        page = (await client.get(f"/v1/{kind}?limit=200&fields=external_id{cursor}")).json()
        found += page["data"]
        if not page["page"]["has_more"]:
            return found
        cursor = f"&cursor={page['page']['next_cursor']}"

"""Who is told by webhooks ends up with what is stored, however often all involved are killed."""

import asyncio
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant, new_tenant
from tests.events.mirror import Mirror
from tests.processes import begun, worker
from tests.rollup.racing import EDITS, planted
from tests.rollup.test_concurrency import edited_at_once
from tests.waiting import eventually
from tests.webhooks.receiver import Received, Receiver

from okr_service.kernel.database import Database
from okr_service.kernel.queue import SCHEMA
from okr_service.serving import Service

Receiving = Callable[..., Receiver]
_WORKERS = 2
_FAILS = 0.02  # of messages, before it is stored; and as many after
_LIVES = (0.5, 2.0)  # seconds, from one that begins to the next that dies
# What else the survivors would wait for: 30 s for a worker to be given up, 60 s for a delivery.
_TIME_PASSES = [
    text("SELECT FROM webhooks WHERE tenant_id = :tenant_id FOR UPDATE"),  # as workers do first
    text(
        f"UPDATE {SCHEMA}.pgqueuer SET heartbeat = heartbeat - interval '60 s'"
        " WHERE status = 'picked' AND entrypoint = 'webhook_turn'"
    ),
    text(
        "UPDATE webhook_deliveries SET due_at = due_at - interval '60 s'"
        " WHERE tenant_id = :tenant_id AND state = 'waiting'"
    ),
]
_LEFT = text(
    "SELECT (SELECT count(*) FROM webhook_deliveries AS d"
    "         WHERE d.tenant_id = :tenant_id AND d.state = 'waiting')"
    "     + (SELECT max(f.last_place) FROM event_feeds AS f WHERE f.tenant_id = :tenant_id)"
    "     - (SELECT max(w.place) FROM webhooks AS w WHERE w.tenant_id = :tenant_id)"
    "     + (SELECT count(*) FROM events AS e"
    "         WHERE e.tenant_id = :tenant_id AND e.place IS NULL)"
)


class Consumer:
    """Applies each message once, by its id; fails before that, or after, now and then."""

    def __init__(self, dice: Random) -> None:
        self.mirror = Mirror()
        self.doubled = 0
        self.wrong: list[str] = []
        self._dice = dice
        self._known: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def take(self, message: Received) -> int:
        """Take a message; returns the status to answer with."""
        with self._one_at_a_time:
            if self._dice.random() < _FAILS:
                return 500
            if message.message_id in self._known:
                self.doubled += 1
            else:
                self._known.add(message.message_id)
                try:
                    self.mirror.apply(message.event)
                except (AssertionError, KeyError) as error:
                    self.wrong.append(repr(error))
            return 500 if self._dice.random() < _FAILS else 204


@asynccontextmanager
async def dying_workers(
    url: str, dice: Random, killed: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Run `okr work` in processes that are killed and replaced, until the block ends."""

    async def spawned() -> Process:
        return await worker(url, allow_private_webhooks="true")

    async def kill_and_replace() -> None:
        while True:
            await asyncio.sleep(dice.uniform(*_LIVES))
            victim = dice.randrange(_WORKERS)
            workers[victim].kill()
            await workers[victim].wait()
            await killed()
            workers[victim] = await spawned()
            await begun(workers[victim])

    workers = [await spawned() for _ in range(_WORKERS)]
    killing = asyncio.create_task(kill_and_replace())
    try:
        yield
    finally:
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        for one in workers:
            with suppress(ProcessLookupError):
                one.kill()
            await one.wait()


@pytest.mark.parametrize("seed", [1])
async def test_a_consumer_ends_up_with_what_is_stored(
    own_database: Database, own_database_url: str, start: Start, receiving: Receiving, seed: int
) -> None:
    app, tenant = start(database_url=SecretStr(own_database_url)), await new_tenant(own_database)
    await _followed(own_database, own_database_url, app, tenant, receiving, seed, 5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
async def test_a_consumer_of_many_writes_ends_up_with_what_is_stored(
    own_database: Database, own_database_url: str, start: Start, receiving: Receiving, seed: int
) -> None:
    app, tenant = start(database_url=SecretStr(own_database_url)), await new_tenant(own_database)
    await _followed(own_database, own_database_url, app, tenant, receiving, seed, 150)


async def _followed(
    database: Database,
    url: str,
    app: FastAPI,
    tenant: Tenant,
    receiving: Receiving,
    seed: int,
    edits: int,
) -> None:
    consumer, of = Consumer(Random(f"{seed}/takes")), {"tenant_id": tenant.tenant_id}
    receiver = receiving(consumer.take)
    service: Service = app.state.service

    async def time_passes() -> None:
        async with database.transaction(tenant.tenant_id) as tx:
            for passes in _TIME_PASSES:
                await tx.execute(passes, of)

    async def left() -> int:
        service.feed.wrote(tenant.tenant_id)
        async with database.reading(tenant.tenant_id) as connection:
            return int(await connection.scalar(_LEFT, of) or 0)

    async with (
        client(app, tenant.key) as rest,
        dying_workers(url, Random(f"{seed}/kills"), time_passes),
    ):
        build = Build(rest)
        hook = {"name": "All", "url": receiver.url, "include_private": True}
        await build.post("webhooks", **hook)
        tree = await planted(database, tenant, build, seed)
        await edited_at_once(database, tree, edits, EDITS)
        await eventually(left, lambda count: count == 0, 90)
    assert not consumer.wrong, consumer.wrong[:3]
    assert consumer.doubled
    async with database.reading(tenant.tenant_id) as connection:
        await consumer.mirror.compare(connection, tenant.tenant_id)

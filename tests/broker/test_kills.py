"""Workers and brokers killed at any moment while others write: the stream has the feed, once."""

import asyncio
from asyncio.subprocess import Process
from contextlib import suppress
from random import Random

import pytest
from fastapi import FastAPI
from tests.broker.conftest import Founded
from tests.broker.server import Server
from tests.broker.test_publishing import all_published, feed_of, require_same
from tests.build import Build, Json
from tests.events.mirror import Mirror
from tests.imports.working import working
from tests.processes import begun, worker

from okr_service.kernel.database import Database

_SEED = 20_261_128
_WRITERS = 4


async def _work(database_url: str, broker: Server) -> Process:
    """Start `okr work`, and wait until it does jobs."""
    given = {"broker_url": broker.address, "broker_duplicate_window_seconds": "0.1"}
    return await begun(await worker(database_url, **given))


async def _write(build: Build, chance: Random, finished: asyncio.Event) -> None:
    results: list[Json] = []
    while not finished.is_set():
        match chance.randrange(6):
            case 0:
                results.append(await build.key_result())
            case 1:
                await build.unit()
            case 2:
                await build.objective(private=chance.random() < 0.5)
            case _ if results:
                await build.check_in(chance.choice(results), chance.randint(0, 100))
        await asyncio.sleep(chance.uniform(0, 0.1))


async def _kill_now_and_then(
    app: FastAPI, database_url: str, broker: Server, chance: Random, rounds: int
) -> None:
    """Kill a worker of a process of its own, or the broker; others give it up after a second.

    They give up those too that are alive and say so less often, so that two publish the same.
    """
    async with working(app, patience=1):
        process = await _work(database_url, broker)
        try:
            for is_broker in chance.sample([True, False] * rounds, 2 * rounds):
                await asyncio.sleep(chance.uniform(0.1, 2))
                if is_broker:
                    broker.kill()
                    await asyncio.sleep(chance.uniform(0, 1))
                    broker.start()
                else:
                    process.kill()
                    await process.wait()
                    process = await _work(database_url, broker)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _trial(
    app: FastAPI, database_url: str, owner: Database, founded: Founded, broker: Server, rounds: int
) -> None:
    finished = asyncio.Event()
    await founded.build.objective()  # and the unit and the cycle that all are in
    writing = [
        asyncio.create_task(_write(founded.build, Random(f"{_SEED}/{nth}"), finished))
        for nth in range(_WRITERS)
    ]
    await _kill_now_and_then(app, database_url, broker, Random(f"{_SEED}/{rounds}"), rounds)
    finished.set()
    await asyncio.gather(*writing)
    async with working(app, patience=1):
        found = await all_published(broker, founded, 60)
    require_same(found, await feed_of(founded.build))
    mirror = Mirror()
    for one in found:
        if not one.event["type"].startswith("okr.tenant."):
            mirror.apply(one.event)
    async with owner.reading(founded.tenant.tenant_id) as connection:
        await mirror.compare(connection, founded.tenant.tenant_id)


async def test_kills_lose_nothing_and_double_nothing(
    publishing: FastAPI, own_database_url: str, owner: Database, founded: Founded, broker: Server
) -> None:
    await _trial(publishing, own_database_url, owner, founded, broker, 1)


@pytest.mark.slow
async def test_no_kill_ever_loses_or_doubles_anything(
    publishing: FastAPI, own_database_url: str, owner: Database, founded: Founded, broker: Server
) -> None:
    await _trial(publishing, own_database_url, owner, founded, broker, 10)

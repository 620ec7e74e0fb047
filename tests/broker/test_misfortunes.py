"""Brokers that die, are deaf, full or strict, workers that die or are two: once each, in order."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from nats.js.api import DiscardPolicy, StreamConfig
from pydantic import SecretStr
from sqlalchemy import delete, text, update
from tests.broker.conftest import Founded
from tests.broker.server import PREFIX, STREAM, Between, Server
from tests.broker.test_publishing import all_published, feed_of, require_same
from tests.conftest import Start, Tenant
from tests.imports.working import CSV, ended, rows, submitted, worker_of, working
from tests.waiting import eventually, until

from okr_service.broker import lines, turns
from okr_service.broker.model import BrokerCursor
from okr_service.broker.service import turn_of
from okr_service.events import turns as taking_turns
from okr_service.events.model import Event, EventFeed
from okr_service.events.service import forget_events, place_events
from okr_service.kernel.database import Database
from okr_service.kernel.queue import NotYet, Task
from okr_service.worker import Worker

_WINDOW_IS_OVER = 0.3  # seconds, after a duplicate window of 100 ms


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have turns end as soon as there is nothing to publish."""
    monkeypatch.setattr(taking_turns, "_LINGERS", 0.0)


class Died(BaseException):
    """A worker got no further."""


@pytest.fixture
async def worker(publishing: FastAPI) -> AsyncIterator[Worker]:
    """Make a worker that does what the test has it do."""
    made = worker_of(publishing)
    yield made
    await made.close()


async def place_of(database: Database, tenant: Tenant) -> int | None:
    """Return how far a tenant's feed is said to be published."""
    async with database.transaction(tenant.tenant_id) as tx:
        row = await tx.get(BrokerCursor, tenant.tenant_id)
    return None if row is None else row.place


async def take_turn(worker: Worker, task: Task) -> None:
    """Have a turn taken until there is nothing to publish."""
    with pytest.raises(NotYet):
        await worker.publishing.do(task)


async def dies_before_it_moves_the_cursor(
    worker: Worker, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have a worker publish, and get no further."""

    async def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(turns, "published", die)
        with pytest.raises(Died):
            await worker.publishing.do(task)


@pytest.mark.usefixtures("hasty")
async def test_what_was_published_before_the_cursor_moved_is_not_published_again(
    founded: Founded,
    owner: Database,
    broker: Server,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = turn_of(founded.tenant.tenant_id)
    for _ in range(4):
        await founded.build.unit()
    await dies_before_it_moves_the_cursor(worker, task, monkeypatch)
    first = await broker.published(founded.tenant.tenant_id)
    assert len(first) == len(await feed_of(founded.build))
    assert await place_of(owner, founded.tenant) == 0
    await asyncio.sleep(_WINDOW_IS_OVER)
    await founded.build.unit(name="Sau đó")
    await take_turn(worker, task)
    found = await broker.published(founded.tenant.tenant_id)
    assert found[: len(first)] == first
    require_same(found, await feed_of(founded.build))
    assert await place_of(owner, founded.tenant) == len(found)


@pytest.mark.usefixtures("hasty")
async def test_what_was_taken_out_of_the_stream_since_is_not_published_again(
    founded: Founded, broker: Server, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = founded.tenant.tenant_id
    for _ in range(3):
        await founded.build.unit()
    await founded.build.person()
    await dies_before_it_moves_the_cursor(worker, turn_of(tenant_id), monkeypatch)
    async with broker.client() as connected:
        units = f"{PREFIX}.{tenant_id}.okr.unit.created"
        assert await connected.jetstream().purge_stream(STREAM, subject=units)
    await asyncio.sleep(_WINDOW_IS_OVER)
    await take_turn(worker, turn_of(tenant_id))
    types = [one.event["type"] for one in await broker.published(tenant_id)]
    assert types == ["okr.tenant.created", "okr.person.created"]


async def test_a_line_that_died_in_the_middle_goes_on_behind_what_is_stored(
    founded: Founded, broker: Server, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = turn_of(founded.tenant.tenant_id)
    for _ in range(6):
        await founded.build.unit()
    store, stored = lines.Line.store, 0

    async def some(self: lines.Line, message: object) -> None:
        nonlocal stored
        if stored == 3:
            raise Died
        stored += 1
        await store(self, message)  # type: ignore[arg-type] # as it was given

    with monkeypatch.context() as patched:
        patched.setattr(lines.Line, "store", some)
        with pytest.raises(Died):
            await worker.publishing.do(task)
    await asyncio.sleep(_WINDOW_IS_OVER)
    monkeypatch.setattr(taking_turns, "_LINGERS", 0.0)
    await take_turn(worker, task)
    found = await broker.published(founded.tenant.tenant_id)
    require_same(found, await feed_of(founded.build))


@pytest.mark.usefixtures("hasty")
async def test_two_that_publish_the_same_at_the_same_time_store_it_once_in_order(
    publishing: FastAPI, founded: Founded, broker: Server, worker: Worker
) -> None:
    task, second = turn_of(founded.tenant.tenant_id), worker_of(publishing)
    result = await founded.build.key_result()
    for value in range(30):
        await founded.build.check_in(result, value)
    # Past the queue, which gives a turn to one alone: as if one had been thought dead.
    await asyncio.gather(*(take_turn(one, task) for one in (worker, second)))
    found = await broker.published(founded.tenant.tenant_id)
    require_same(found, await feed_of(founded.build))
    await second.close()


@pytest.mark.usefixtures("hasty")
async def test_a_publisher_that_wakes_up_late_doubles_nothing(
    publishing: FastAPI,
    founded: Founded,
    broker: Server,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = turn_of(founded.tenant.tenant_id)
    for _ in range(5):
        await founded.build.unit()
    asleep, awake = asyncio.Event(), asyncio.Event()
    store = worker._stream.store

    async def late(message: object, after: int) -> int:
        asleep.set()
        await awake.wait()
        return await store(message, after)  # type: ignore[arg-type] # as it was given

    monkeypatch.setattr(worker._stream, "store", late)
    sleeping = asyncio.create_task(take_turn(worker, task))
    await asleep.wait()
    second = worker_of(publishing)
    await take_turn(second, task)
    await asyncio.sleep(_WINDOW_IS_OVER)
    awake.set()
    await sleeping
    await second.close()
    found = await broker.published(founded.tenant.tenant_id)
    require_same(found, await feed_of(founded.build))


async def test_two_workers_share_the_tenants(
    publishing: FastAPI, founded: Founded, other: Founded, broker: Server
) -> None:
    async with working(publishing), working(publishing):
        for _ in range(10):
            await asyncio.gather(founded.build.unit(), other.build.unit())
        for one in (founded, other):
            require_same(await all_published(broker, one), await feed_of(one.build))


async def test_a_broker_that_is_killed_and_comes_back_has_everything_once(
    publishing: FastAPI, founded: Founded, broker: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(publishing):
        await founded.build.unit()
        await all_published(broker, founded)
        broker.kill()
        for _ in range(20):
            await founded.build.unit()
        await until(lambda: "events are not published" in caplog.text)
        job = await submitted(founded.rest, rows(5))
        assert (await ended(founded.rest, job))["state"] == "done"
        await asyncio.sleep(1)
        broker.start()
        found = await all_published(broker, founded)
    require_same(found, await feed_of(founded.build))
    told = [r.getMessage() for r in caplog.records if r.name.startswith("okr_service.broker")]
    assert len([line for line in told if "are not published" in line]) <= 2, told
    assert told[-1] == "events are published again"


async def test_a_broker_killed_in_the_middle_of_a_long_line_has_everything_once(
    publishing: FastAPI, founded: Founded, broker: Server
) -> None:
    sent = await founded.rest.post("/v1/imports?mode=commit", content=rows(300), headers=CSV)
    assert sent.status_code == 202
    async with working(publishing):
        await ended(founded.rest, sent.json())
        for _ in range(3):
            await asyncio.sleep(0.15)
            broker.kill()
            broker.start()
        found = await all_published(broker, founded)
    require_same(found, await feed_of(founded.build))


async def test_lost_acknowledgements_double_nothing(
    start: Start, own_database_url: str, founded: Founded, broker: Server
) -> None:
    between = Between(broker.port)
    app = start(
        database_url=SecretStr(own_database_url),
        broker_url=(await between.start(),),
        broker_duplicate_window_seconds=0.1,
    )
    async with working(app):
        for _ in range(3):
            await founded.build.unit()
            await all_published(broker, founded)
            between.deaf = True
            for _ in range(3):
                await founded.build.unit()
            await asyncio.sleep(1.5)  # longer than an answer is waited for
            between.deaf = False
            between.cut()
        found = await all_published(broker, founded)
    await between.close()
    require_same(found, await feed_of(founded.build))


async def test_what_has_no_room_waits_and_nothing_else_does(
    publishing: FastAPI, founded: Founded, broker: Server, caplog: pytest.LogCaptureFixture
) -> None:
    full = StreamConfig(
        name=STREAM, subjects=[f"{PREFIX}.>"], max_bytes=4_000, discard=DiscardPolicy.NEW
    )
    async with broker.client() as connected:
        await connected.jetstream().add_stream(full)
        async with working(publishing):
            for _ in range(15):
                await founded.build.unit()
            await until(lambda: "maximum bytes exceeded" in caplog.text)
            job = await submitted(founded.rest, rows(5))
            assert (await ended(founded.rest, job))["state"] == "done"
            await asyncio.sleep(1)
            assert caplog.text.count("maximum bytes exceeded") == 1
            feed = await feed_of(founded.build)
            some = await broker.published(founded.tenant.tenant_id)
            require_same(some, feed[: len(some)])
            assert 0 < len(some) < len(feed)
            await connected.jetstream().update_stream(full.evolve(max_bytes=-1))
            require_same(await all_published(broker, founded), feed)


async def test_an_event_that_is_too_large_holds_up_its_tenant_alone(
    publishing: FastAPI,
    founded: Founded,
    other: Founded,
    broker: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    strict = StreamConfig(name=STREAM, subjects=[f"{PREFIX}.>"], max_msg_size=2_000)
    async with broker.client() as connected:
        await connected.jetstream().add_stream(strict)
        async with working(publishing):
            await founded.build.objective(description="Dài " * 600)
            await until(lambda: "message size exceeds maximum allowed" in caplog.text)
            await other.build.unit()
            require_same(await all_published(broker, other), await feed_of(other.build))
            assert f"tenant {founded.tenant.tenant_id}" in caplog.text
            assert caplog.text.count("are not published") == 1
            await connected.jetstream().update_stream(strict.evolve(max_msg_size=-1))
            require_same(await all_published(broker, founded), await feed_of(founded.build))


@pytest.mark.usefixtures("hasty")
async def test_what_was_forgotten_unpublished_is_told_and_the_rest_goes_on(
    founded: Founded,
    owner: Database,
    broker: Server,
    worker: Worker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant_id = founded.tenant.tenant_id
    await founded.build.unit()
    await take_turn(worker, turn_of(tenant_id))
    first = await broker.published(tenant_id)
    for _ in range(3):
        await founded.build.unit()
    async with owner.transaction(tenant_id) as tx:
        await forget_events(tx, tenant_id, datetime.now(UTC) + timedelta(minutes=1), 1_000)
    await founded.build.unit(name="Còn lại")
    await take_turn(worker, turn_of(tenant_id))
    assert f"3 events of tenant {tenant_id} were forgotten unpublished" in caplog.text
    [*before, last] = await broker.published(tenant_id)
    assert before == first
    require_same([last], await feed_of(founded.build))


@pytest.mark.usefixtures("hasty")
async def test_a_feed_restored_from_a_copy_goes_on_behind_what_it_does_not_know(
    founded: Founded,
    owner: Database,
    broker: Server,
    worker: Worker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant_id = founded.tenant.tenant_id
    await founded.build.unit()
    await take_turn(worker, turn_of(tenant_id))
    known = len(await feed_of(founded.build))
    for _ in range(3):
        await founded.build.unit()
    await take_turn(worker, turn_of(tenant_id))
    gone = await broker.published(tenant_id)
    async with owner.transaction(tenant_id) as tx:  # as the copy had it
        await tx.execute(delete(Event).where(Event.tenant_id == tenant_id, Event.place > known))
        for model, column in ((EventFeed, "last_place"), (BrokerCursor, "place")):
            of = update(model).where(model.tenant_id == tenant_id)
            await tx.execute(of.values({column: known}))
    await founded.build.unit(name="Sau khi khôi phục")
    await take_turn(worker, turn_of(tenant_id))
    found = await broker.published(tenant_id)
    assert found[: len(gone)] == gone
    require_same(found[len(gone) :], (await feed_of(founded.build))[known:])
    assert "has events that the feed never had" in caplog.text


async def test_a_worker_that_stops_in_the_middle_keeps_how_far_it_came(
    publishing: FastAPI, founded: Founded, owner: Database, broker: Server
) -> None:
    sent = await founded.rest.post("/v1/imports?mode=commit", content=rows(300), headers=CSV)
    async with working(publishing) as first:
        await ended(founded.rest, sent.json())
        await eventually(lambda: place_of(owner, founded.tenant), bool)
        await first.close()
    halfway = await broker.published(founded.tenant.tenant_id)
    assert await place_of(owner, founded.tenant) == len(halfway)
    async with working(publishing):
        require_same(await all_published(broker, founded), await feed_of(founded.build))


async def test_publishing_tells_nothing_of_what_is_published(
    publishing: FastAPI, founded: Founded, broker: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with working(publishing):
        await founded.build.unit(name="Bí mật kinh doanh")
        await all_published(broker, founded)
        broker.kill()
        await founded.build.unit(name="Bí mật kinh doanh")
        await until(lambda: "events are not published" in caplog.text)
    assert "Bí mật" not in caplog.text
    assert str(broker.port) not in caplog.text


async def test_places_are_given_out_by_whoever_publishes(
    founded: Founded, owner: Database, broker: Server, worker: Worker
) -> None:
    async with owner.transaction(founded.tenant.tenant_id) as tx:
        assert await place_events(tx, founded.tenant.tenant_id, 0) == 0
        left = text("SELECT count(*) FROM events WHERE tenant_id = :of AND place IS NULL")
        unplaced = await tx.scalar(left, {"of": founded.tenant.tenant_id})
    assert unplaced == 1
    publishing = asyncio.create_task(worker.publishing.do(turn_of(founded.tenant.tenant_id)))
    require_same(await all_published(broker, founded), await feed_of(founded.build))
    publishing.cancel()
    await asyncio.wait({publishing})

"""Receivers that fail, hang or flood, workers that die: nothing is lost, nobody else waits."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.imports.working import worker_of, working
from tests.waiting import eventually, until
from tests.webhooks.receiver import Received, Receiver
from tests.webhooks.test_webhooks import deliveries, made

from okr_service.events import turns as taking_turns
from okr_service.kernel.database import Database
from okr_service.kernel.queue import SCHEMA, NotYet, Task
from okr_service.webhooks import deliveries as settling
from okr_service.webhooks import service, turns

Receiving = Callable[..., Receiver]
_OLDER = text("""
    UPDATE webhook_deliveries
       SET first_attempt_at = first_attempt_at - CAST(:by AS interval), due_at = now()
     WHERE tenant_id = :tenant_id AND state = 'waiting'
""")
_FAILS_LONGER = text("""
    UPDATE webhooks SET failing_since = failing_since - CAST(:by AS interval), paused_until = NULL
     WHERE tenant_id = :tenant_id
""")
_FINISHED_EARLIER = text("""
    UPDATE webhook_deliveries SET finished_at = finished_at - CAST(:by AS interval)
     WHERE tenant_id = :tenant_id
""")
_TURNS = text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer WHERE dedupe_key LIKE :name")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have turns end as soon as there is nothing to send."""
    monkeypatch.setattr(taking_turns, "_LINGERS", 0.0)


async def turn_of(database: Database, tenant: Tenant) -> Task:
    """Return the job of the tenant's only webhook."""
    async with database.reading() as connection:
        turn = await connection.scalar(
            text("SELECT turn_id FROM webhooks WHERE tenant_id = :of"), {"of": tenant.tenant_id}
        )
    return Task(tenant.tenant_id, turn)


async def later(database: Database, tenant: Tenant, by: timedelta) -> None:
    """Let time pass for what waits."""
    of = {"tenant_id": tenant.tenant_id, "by": by}
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(_OLDER, of)
        await tx.execute(_FAILS_LONGER, of)


@pytest.mark.usefixtures("hasty")
async def test_what_fails_for_three_days_is_dead_disabled_told_of_and_can_be_replayed(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving(lambda _: 503)
    webhook = await made(build, receiver)
    path = f"webhooks/{webhook['id']}"
    await build.unit(name="A")
    worker = worker_of(app)
    task = await turn_of(database, tenant)
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    [waiting] = await deliveries(build)
    assert (waiting["state"], waiting["status"], waiting["attempts"]) == ("waiting", 503, 1)
    await later(database, tenant, timedelta(days=3))
    await worker.turns.do(task)  # it is disabled, so that its turns are over
    [dead] = await deliveries(build)
    shown = await build.get(path)
    assert (dead["state"], dead["attempts"]) == ("dead", 2)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "failing")
    told = (await build.get("events?types=okr.webhook.disabled"))["data"]
    assert [one["subject"] for one in told] == [path]

    receiver.reply = lambda _: 200
    await build.rest.patch(f"/v1/{path}", json={"enabled": True})
    assert (await build.post(f"{path}:replay"))["replayed"] == 1
    with pytest.raises(NotYet):
        await worker.turns.do(await turn_of(database, tenant))
    [delivered] = [one for one in await deliveries(build) if one["id"] == dead["id"]]
    assert (delivered["state"], delivered["event_id"]) == ("delivered", dead["event_id"])
    again = await build.rest.post(f"/v1/webhook-deliveries/{dead['id']}:replay")
    assert again.json()["state"] == "waiting"
    twice = await build.rest.post(f"/v1/webhook-deliveries/{dead['id']}:replay")
    assert (twice.status_code, twice.json()["code"]) == (409, "delivery-waits")
    await worker.close()


@pytest.mark.usefixtures("hasty")
async def test_a_dead_delivery_lets_the_line_go_on(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    def not_the_first(message: Received) -> int:
        return 400 if message.event["data"]["after"].get("value") == "1" else 200

    receiver = receiving(not_the_first)
    await made(build, receiver, types=["okr.check_in.recorded"])
    key_result = await build.key_result()
    for value in (1, 2):
        await build.check_in(key_result, value)
    worker, task = worker_of(app), await turn_of(database, tenant)
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    assert len(receiver.received) == 1
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(_OLDER, {"tenant_id": tenant.tenant_id, "by": timedelta(days=3)})
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    values = [one.event["data"]["after"]["value"] for one in receiver.received]
    assert values == ["1", "1", "2"]
    assert sorted(one["state"] for one in await deliveries(build)) == ["dead", "delivered"]
    await worker.close()


async def test_a_slow_address_holds_up_nobody_else(
    app: FastAPI, build: Build, receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_SECONDS", 3.0)

    def never(_: Received) -> int:
        time.sleep(6)
        return 200

    slow, quick = receiving(never), receiving()
    of_slow = await made(build, slow)
    await made(build, quick)
    async with working(app):
        for _ in range(5):
            await build.unit()
        began = time.monotonic()
        await until(lambda: len(quick.received) == 5)
        assert time.monotonic() - began < 3
        log = await eventually(
            lambda: deliveries(build, webhook_id=of_slow["id"]),
            lambda found: any(one["reason"] for one in found),
        )
    assert {one["reason"] for one in log} - {None} == {"timeout"}


async def test_a_flood_for_an_answer_is_not_read(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    receiver = receiving(lambda _: (200, {"content-length": "10000000000"}))
    webhook = await made(build, receiver)
    async with working(app):
        await build.post(f"webhooks/{webhook['id']}:ping")
        await eventually(
            lambda: deliveries(build), lambda found: [o["state"] for o in found] == ["delivered"]
        )


async def test_a_redirect_is_not_followed(app: FastAPI, build: Build, receiving: Receiving) -> None:
    inside = receiving()
    receiver = receiving(lambda _: (302, {"location": inside.url}))
    webhook = await made(build, receiver)
    async with working(app):
        await build.post(f"webhooks/{webhook['id']}:ping")
        await eventually(
            lambda: deliveries(build), lambda found: [o["status"] for o in found] == [302]
        )
    assert inside.received == []


@pytest.mark.usefixtures("hasty")
async def test_who_asks_for_patience_gets_it(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving(lambda _: (429, {"retry-after": "600"}))
    webhook = await made(build, receiver)
    await build.unit()
    await build.unit()
    worker = worker_of(app)
    task = await turn_of(database, tenant)
    for _ in range(3):
        with pytest.raises(NotYet):
            await worker.turns.do(task)
    shown = await build.get(f"webhooks/{webhook['id']}")
    left = datetime.fromisoformat(shown["paused_until"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert len(receiver.received) == 2
    await worker.close()


@pytest.mark.usefixtures("hasty")
async def test_one_that_alone_is_refused_holds_up_nothing(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving(lambda m: 400 if m.event["data"]["after"]["name"] == "Bad" else 200)
    webhook = await made(build, receiver)
    await build.unit(name="Bad")
    worker, task = worker_of(app), await turn_of(database, tenant)
    for _ in range(6):
        with pytest.raises(NotYet):
            await worker.turns.do(task)
        async with database.transaction(tenant.tenant_id) as tx:
            await tx.execute(_OLDER, {"tenant_id": tenant.tenant_id, "by": timedelta(0)})
    shown = await build.get(f"webhooks/{webhook['id']}")
    assert (len(receiver.received), shown["failures"], shown["paused_until"]) == (6, 1, None)
    await build.unit(name="Good")
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    assert "Good" in [one.event["data"]["after"]["name"] for one in receiver.received[6:]]
    await worker.close()


@pytest.mark.usefixtures("hasty")
async def test_a_ping_and_a_corrected_address_are_not_paused(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    down, up = receiving(lambda _: 500), receiving()
    webhook = await made(build, down)
    path = f"webhooks/{webhook['id']}"
    worker, task = worker_of(app), await turn_of(database, tenant)
    for nth in range(4):
        await build.unit(name=f"U{nth}")
        with pytest.raises(NotYet):
            await worker.turns.do(task)
        async with database.transaction(tenant.tenant_id) as tx:
            await tx.execute(_OLDER, {"tenant_id": tenant.tenant_id, "by": timedelta(0)})
    assert (await build.get(path))["paused_until"] is not None
    sent = len(down.received)
    await build.post(f"{path}:ping")
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    assert len(down.received) == sent + 1
    await build.rest.patch(f"/v1/{path}", json={"url": up.url})
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    assert sorted(up.types) == ["okr.unit.created"] * 4 + ["okr.webhook.ping"]
    await worker.close()


async def test_a_worker_that_was_thought_dead_undoes_nothing(
    build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    await made(build, receiving())
    await build.unit()
    task = await turn_of(database, tenant)
    batches = []
    for _ in range(2):
        async with database.transaction(tenant.tenant_id) as tx:
            batches.append(await settling.next_batch(tx, task))
        await later(database, tenant, timedelta(0))
    first, second = [batch.deliveries[0] for batch in batches if batch is not None]
    for delivery, status in ((first, 200), (second, 500)):
        async with database.transaction(tenant.tenant_id) as tx:
            outcome = settling.Outcome(delivery, status)
            url = batches[0].webhook.url if batches[0] is not None else ""
            await settling.settle(tx, task, url, [outcome])
    [found] = await deliveries(build)
    assert (found["state"], found["attempts"], found["status"]) == ("waiting", 2, 500)


@pytest.mark.usefixtures("hasty")
async def test_an_address_that_fails_is_tried_with_one_at_a_time(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving(lambda _: 500)
    await made(build, receiver)
    for _ in range(8):
        await build.unit()
    worker, task = worker_of(app), await turn_of(database, tenant)
    for expected in (8, 16, 24, 25, 26):
        with pytest.raises(NotYet):
            await worker.turns.do(task)
        assert len(receiver.received) == expected
        await later(database, tenant, timedelta(0))
    receiver.reply = lambda _: 200
    with pytest.raises(NotYet):
        await worker.turns.do(task)
    assert {one["state"] for one in await deliveries(build)} == {"delivered"}
    await worker.close()


async def test_what_a_dead_worker_had_taken_is_sent_by_another(
    app: FastAPI,
    build: Build,
    tenant: Tenant,
    database: Database,
    receiving: Receiving,
) -> None:
    receiver = receiving()
    await made(build, receiver)
    for _ in range(5):
        await build.unit()
    task = await turn_of(database, tenant)
    async with database.transaction(tenant.tenant_id) as tx:
        batch = await settling.next_batch(tx, task)  # whoever took it is never heard of again
    assert batch is not None
    assert len(batch.deliveries) == 5
    async with database.transaction(tenant.tenant_id) as tx:
        nothing = await settling.next_batch(tx, task)
    assert nothing is not None
    assert nothing.deliveries == []
    await later(database, tenant, timedelta(0))
    async with working(app):
        await until(lambda: len(receiver.received) == 5)


async def test_a_worker_that_stops_settles_what_it_sends(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    def slowly(_: Received) -> int:
        time.sleep(0.7)
        return 200

    receiver = receiving(slowly)
    await made(build, receiver)
    await build.unit()
    worker = worker_of(app)
    worker.start()
    await until(lambda: len(receiver.received) == 1)
    await worker.close()
    assert [one["state"] for one in await deliveries(build)] == ["delivered"]


async def test_eight_writers_and_dying_workers_lose_nothing(
    app: FastAPI, build: Build, receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_WAITS", [timedelta(milliseconds=100)])
    seen: list[Json] = []

    def moody(message: Received) -> int:
        if len(receiver.received) % 7 == 0:
            return 500
        seen.append(message.event)
        return 200

    receiver = receiving(moody)
    await made(build, receiver, types=["okr.check_in.recorded"])
    results = [await build.key_result(await build.objective()) for _ in range(4)]

    async def write(nth: int) -> None:
        for value in range(10):
            await build.check_in(results[nth % 4], nth * 100 + value)

    writing = asyncio.gather(*(write(nth) for nth in range(8)))
    while not writing.done():
        async with working(app):
            await asyncio.sleep(0.7)
    await writing
    async with working(app):
        await until(lambda: len({one["id"] for one in seen}) == 80, 60)
    placed = (await build.get("events?types=okr.check_in.recorded&limit=1000"))["data"]
    order = {one["id"]: nth for nth, one in enumerate(placed)}
    for result in results:
        mine = [one for one in seen if one["data"]["after"]["key_result_id"] == result["id"]]
        firsts = list(dict.fromkeys(order[one["id"]] for one in mine))
        assert firsts == sorted(firsts)


async def test_turned_off_and_on_it_has_one_turn(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving()
    webhook = await made(build, receiver)
    for _ in range(3):
        for enabled in (False, True):
            body = {"enabled": enabled}
            await build.rest.patch(f"/v1/webhooks/{webhook['id']}", json=body)
    name = {"name": f"webhook_turn {tenant.tenant_id}/%"}
    async with working(app):
        await build.unit()
        await until(lambda: len(receiver.received) == 1)
        async with database.reading() as connection:
            await eventually(lambda: connection.scalar(_TURNS, name), lambda found: found == 1)
        await build.rest.delete(f"/v1/webhooks/{webhook['id']}")
    assert [one.event["type"] for one in receiver.received] == ["okr.unit.created"]


async def test_what_was_told_is_forgotten_though_the_webhook_is_disabled(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, receiving: Receiving
) -> None:
    receiver = receiving()
    webhook = await made(build, receiver)
    await build.unit()
    worker = worker_of(app)
    with pytest.raises(NotYet):
        await worker.turns.do(await turn_of(database, tenant))
    assert len(await deliveries(build)) == 1
    await build.rest.patch(f"/v1/webhooks/{webhook['id']}", json={"enabled": False})
    await worker.turns.forget(tenant.tenant_id)
    assert len(await deliveries(build)) == 1
    async with database.transaction(tenant.tenant_id) as tx:
        ago = {"by": worker.turns.kept, "tenant_id": tenant.tenant_id}
        await tx.execute(_FINISHED_EARLIER, ago)
    await worker.turns.forget(tenant.tenant_id)
    assert await deliveries(build) == []
    await worker.close()


async def test_a_tenant_has_only_so_many(
    build: Build, receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    receiver = receiving()
    await made(build, receiver)
    again = {"name": "Another", "url": receiver.url}
    refused = await build.rest.post("/v1/webhooks", json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-webhooks")


async def test_of_many_lines_none_is_left_out(
    app: FastAPI,
    build: Build,
    tenant: Tenant,
    database: Database,
    receiving: Receiving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "_SENT_AT_ONCE", 1)
    receiver = receiving()
    await made(build, receiver)
    units = [await build.unit() for _ in range(3)]
    for unit in units[:2]:
        await build.rest.patch(f"/v1/units/{unit['id']}", json={"name": "Renamed"})
    worker = worker_of(app)
    with pytest.raises(NotYet):
        await worker.turns.do(await turn_of(database, tenant))
    told = [one.event["subject"].split("/")[1] for one in receiver.received]
    ids = [unit["id"] for unit in units]
    assert told == [*ids, *ids[:2]]
    await worker.close()

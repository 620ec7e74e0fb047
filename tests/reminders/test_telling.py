"""What is due is told: once, in time, of what is still so, to whom it concerns."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.group import Group
from tests.imports.working import working
from tests.reminders.reminding import action, events, remind, reminders, told, weekly
from tests.webhooks.conftest import eventually, receiving  # noqa: F401 - a fixture
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_webhooks import made

from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.queue import SCHEMA, NotYet, Task
from okr_service.kernel.sql import DIALECT
from okr_service.reminders import service, telling
from okr_service.reminders.due import ACTIONS, CHECK_INS, Day

_JOBS = text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer WHERE dedupe_key = :name")
_LOSE = text(f"DELETE FROM {SCHEMA}.pgqueuer WHERE dedupe_key = :name")
_HASTEN = text(f"UPDATE {SCHEMA}.pgqueuer SET execute_after = now() WHERE dedupe_key = :name")
_KEPT = text("SELECT count(*) FROM reminders WHERE tenant_id = :tenant_id")


def _job(tenant: Tenant) -> dict[str, str]:
    return {"name": f"reminders {tenant.tenant_id}/{tenant.tenant_id}"}


async def test_a_check_in_is_told_when_it_is_due_and_once_it_is_overdue(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    mai = await build.person()
    key_result = await weekly(build, external_id="KR", title="Doanh thu", owner_id=mai["id"])
    for day in ("2026-01-06", "2026-01-07", "2026-01-08", "2026-01-08", "2026-01-09", "2026-01-12"):
        await remind(app, tenant, day)
    due, overdue = await events(build)
    assert (due["type"], overdue["type"]) == ("okr.check_in.due", "okr.check_in.overdue")
    for event in (due, overdue):
        assert event["subject"] == f"key-results/{key_result['id']}"
        assert event["data"] == {
            "before": None,
            "after": {
                "id": key_result["id"],
                "external_id": "KR",
                "title": "Doanh thu",
                "objective_id": key_result["objective_id"],
                "owner_id": mai["id"],
                "due_date": "2026-01-08",
            },
        }


async def test_an_action_is_told_until_it_is_done(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    left = await action(build, "2026-02-02", external_id="A")
    done = await action(build, "2026-02-02")
    await action(build, None)
    await remind(app, tenant, "2026-02-01")
    await build.rest.patch(f"/v1/actions/{done['id']}", json={"state": "done"})
    await remind(app, tenant, "2026-02-03")
    assert sorted(await told(build)) == sorted([
        ("okr.action.due", left["id"], "2026-02-02"),
        ("okr.action.due", done["id"], "2026-02-02"),
        ("okr.action.overdue", left["id"], "2026-02-02"),
    ])  # fmt: skip
    assert (await events(build))[-1]["subject"] == f"actions/{left['id']}"


async def test_what_is_long_due_is_told_as_overdue_alone(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    key_result = await weekly(build)
    await remind(app, tenant, "2026-03-01")
    assert await told(build) == [("okr.check_in.overdue", key_result["id"], "2026-01-08")]


async def test_a_check_in_made_meanwhile_is_not_asked_for(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    key_result = await weekly(build)
    await remind(app, tenant, "2026-01-07")
    first = await build.check_in(key_result, 1, observed_at="2026-01-08T09:00:00Z")
    await remind(app, tenant, "2026-01-09")
    await remind(app, tenant, "2026-01-14")
    await build.post(f"check-ins/{first['id']}:void", reason="Wrong")
    await remind(app, tenant, "2026-01-14")
    assert await told(build) == [
        ("okr.check_in.due", key_result["id"], "2026-01-08"),
        ("okr.check_in.due", key_result["id"], "2026-01-15"),
        ("okr.check_in.overdue", key_result["id"], "2026-01-08"),
    ]


async def test_a_new_due_date_is_told_anew_and_an_old_one_not_again(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    one = await action(build, "2026-02-02")
    expected = []
    for due_date in ("2026-02-02", "2026-02-03", "2026-02-02", "2026-02-05"):
        changed = await build.rest.patch(f"/v1/actions/{one['id']}", json={"due_date": due_date})
        assert changed.is_success
        await remind(app, tenant, "2026-02-10")
        expected.append(("okr.action.overdue", one["id"], due_date))
    del expected[2]
    assert await told(build) == expected


async def test_cadences_are_the_cycle_s_or_the_key_result_s_own(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    cycle = await build.cycle(cadence="weekly")
    objective = await build.objective(cycle_id=cycle["id"])
    results = {
        "2026-01-08": await build.key_result(objective),
        "2026-01-15": await build.key_result(objective, cadence="every_two_weeks"),
        "2026-02-01": await build.key_result(objective, cadence="monthly"),
        "2026-01-20": await build.key_result(
            objective, cadence="monthly", start_date="2026-01-02", due_date="2026-01-20"
        ),
    }
    await build.key_result()  # of a cycle without a cadence
    for day in range(31):
        await remind(app, tenant, date(2026, 1, 1) + timedelta(days=day))
    found = [one for one in await told(build) if one[0] == "okr.check_in.due"]
    assert sorted(found) == sorted(
        ("okr.check_in.due", one["id"], due) for due, one in results.items()
    )
    shown = {(await build.get(f"key-results/{one['id']}"))["check_in_due_date"]: one
             for one in results.values()}  # fmt: skip
    assert shown.keys() == results.keys()


async def test_nothing_is_asked_of_what_does_not_go_on(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    cycle = await build.cycle(cadence="weekly")
    for end in ("draft", "closed", "cancelled", "deleted", "key result deleted"):
        state = "draft" if end == "draft" else "active"
        objective = await build.objective(cycle_id=cycle["id"], state=state)
        key_result = await build.key_result(objective)
        if end != "key result deleted":
            plan = await build.action_plan(key_result)
            await build.action(plan, due_date="2026-01-08")
        if end in ("closed", "cancelled"):
            verb = {"closed": "close", "cancelled": "cancel"}[end]
            assert (await build.rest.post(f"/v1/objectives/{objective['id']}:{verb}", json={})
                    ).is_success  # fmt: skip
        if end == "key result deleted":
            gone = await build.rest.delete(f"/v1/key-results/{key_result['id']}")
            assert gone.is_success, gone.text
        if end == "deleted":
            gone = await build.rest.delete(f"/v1/objectives/{objective['id']}")
            assert gone.is_success, gone.text
    going = await build.key_result(await build.objective(cycle_id=cycle["id"]))
    await remind(app, tenant, "2026-01-12")
    assert await told(build) == [("okr.check_in.overdue", going["id"], "2026-01-08")]


async def test_a_tenant_says_when_it_is_told(app: FastAPI, build: Build, tenant: Tenant) -> None:
    one = await action(build, "2026-02-10")
    settings = {"reminder_days_ahead": 3, "reminder_hour": 8}
    changed = await build.rest.patch("/v1/tenant", json=settings)
    assert changed.json() | settings == changed.json()
    await remind(app, tenant, "2026-02-07", hour=7)
    assert await told(build) == []
    await remind(app, tenant, "2026-02-07", hour=8)
    assert await told(build) == [("okr.action.due", one["id"], "2026-02-10")]
    await remind(app, tenant, "2026-02-11", hour=7)
    assert len(await told(build)) == 1
    for wrong in ({"reminder_days_ahead": 32}, {"reminder_hour": 24}, {"reminder_hour": -1}):
        refused = await build.rest.patch("/v1/tenant", json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-input")
        assert [each["pointer"] for each in refused.json()["errors"]] == [f"/{next(iter(wrong))}"]


async def test_many_at_the_same_instant_tell_once(
    app: FastAPI, start: Start, build: Build, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_WALKED_AT_ONCE", 2)
    monkeypatch.setattr(telling, "_TOLD_AT_ONCE", 3)
    cycle = await build.cycle(cadence="weekly")
    for _ in range(5):
        objective = await build.objective(cycle_id=cycle["id"])
        for _ in range(4):
            await build.key_result(objective)
    plan = await build.action_plan(await build.key_result(objective))
    for _ in range(7):
        await build.action(plan, due_date="2026-01-08")
    replicas = [app, start(), start()]
    await asyncio.gather(*(remind(one, tenant, "2026-01-09") for one in replicas * 2))
    found = await told(build)
    assert len(found) == len(set(found)) == 28


async def test_what_is_reported_while_it_is_told_is_held_against(
    build: Build, tenant: Tenant, database: Database
) -> None:
    """It seemed due, then it was reported on before it was held: nothing is told."""
    key_result = await weekly(build)
    day = Day.of(datetime(2026, 1, 9, 12, tzinfo=UTC), 0, 1)
    async with database.reading(tenant.tenant_id) as tx:
        first = CHECK_INS.first(day)
        ids, _ = await service.seem_due(tx, tenant.tenant_id, CHECK_INS, day, first, 10)
    assert [str(one) for one in ids] == [key_result["id"]]
    await build.check_in(key_result, 1, observed_at="2026-01-09T09:00:00Z")
    async with database.transaction(tenant.tenant_id) as tx:
        assert await service.tell(tx, tenant.tenant_id, CHECK_INS, day, ids) == 0
    assert await told(build) == []


async def test_a_worker_that_dies_half_way_leaves_the_rest_to_another(
    app: FastAPI, build: Build, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_TOLD_AT_ONCE", 2)
    plan = await build.action_plan(await build.key_result())
    for _ in range(5):
        await build.action(plan, due_date="2026-01-08")
    tell, calls = service.tell, 0

    async def dying(*given: Any) -> int:
        nonlocal calls
        calls += 1
        done = await tell(*given)
        if calls == 2:
            raise ConnectionResetError  # after it was told, before it is committed
        return done

    monkeypatch.setattr(telling, "tell", dying)
    with pytest.raises(DatabaseUnavailable):
        await remind(app, tenant, "2026-01-09")
    assert len(await told(build)) == 2
    await remind(app, tenant, "2026-01-09")
    found = await told(build)
    assert len(found) == len(set(found)) == 5


async def test_each_tenant_has_one_job_that_goes_on_by_itself(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    one = await action(build, yesterday.isoformat())
    async with database.transaction() as tx:
        assert await tx.scalar(_JOBS, _job(tenant)) == 1
        await tx.execute(_HASTEN, _job(tenant))
    async with working(app):
        await eventually(lambda: told(build), lambda found: len(found) == 1)
        async with database.reading() as connection:
            await eventually(
                lambda: connection.scalar(_JOBS, _job(tenant)), lambda found: found == 1
            )
    assert await told(build) == [("okr.action.overdue", one["id"], yesterday.isoformat())]
    with pytest.raises(NotYet) as later:
        await reminders(app).do(Task(tenant.tenant_id, tenant.tenant_id))
    assert timedelta(0) < later.value.after <= timedelta(hours=1)


async def test_a_lost_job_is_found_again(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    async with database.transaction() as tx:
        await tx.execute(_LOSE, _job(tenant))
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    await action(build, yesterday.isoformat())
    async with working(app), working(app):
        await eventually(lambda: told(build), lambda found: len(found) == 1)
    async with database.reading() as connection:
        assert await connection.scalar(_JOBS, _job(tenant)) == 1


async def test_a_job_of_no_tenant_ends(app: FastAPI, tenant: Tenant) -> None:
    nobody = Task(tenant_id=UUID(int=1), job_id=tenant.tenant_id)
    await reminders(app).do(nobody)


async def test_what_is_too_long_ago_is_neither_told_nor_kept(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_FORGOTTEN_AT_ONCE", 2)
    for _ in range(5):
        await action(build, "2026-01-08")
    await remind(app, tenant, "2027-02-12")
    assert len(await told(build)) == 5
    async with database.transaction(tenant.tenant_id) as tx:
        assert await tx.scalar(_KEPT, {"tenant_id": tenant.tenant_id}) == 5
    await remind(app, tenant, "2027-02-13")
    await remind(app, tenant, "2027-02-20")
    async with database.transaction(tenant.tenant_id) as tx:
        assert await tx.scalar(_KEPT, {"tenant_id": tenant.tenant_id}) == 0
    for day in ("2027-02-20", "2027-02-13"):
        await remind(app, tenant, day)
    assert len(await told(build)) == 5


async def test_private_objectives_are_told_of_to_whom_they_concern(
    group: Group, tenant: Tenant
) -> None:
    for name in ("open", "secret"):
        path = f"/v1/actions/{group.actions[name]['id']}"
        changed = await group.build.rest.patch(path, json={"due_date": "2026-02-02"})
        assert changed.is_success, changed.text
    await remind(group.app, tenant, "2026-02-02")
    seen = {}
    for person in ("an", "leader", "planner"):
        async with group.calling(person) as calling:
            seen[person] = {one[1] for one in await told(Build(calling))}
    of_open, of_secret = group.actions["open"]["id"], group.actions["secret"]["id"]
    assert seen == {
        "an": {of_open, of_secret},
        "leader": {of_open},
        "planner": {of_open, of_secret},
    }


async def test_a_webhook_is_told_what_of_its_unit_is_due(
    app: FastAPI,
    build: Build,
    tenant: Tenant,
    receiving: Any,  # noqa: F811 - the fixture
) -> None:
    receiver: Receiver = receiving()
    above, other = await build.unit(), await build.unit()
    beneath = await build.unit(parent_id=above["id"])
    cycle = await build.cycle(cadence="weekly")
    await made(build, receiver, types=["okr.check_in.overdue"], unit_id=above["id"])
    mine, _ = [
        await build.key_result(await build.objective(unit_id=unit["id"], cycle_id=cycle["id"]))
        for unit in (beneath, other)
    ]
    await remind(app, tenant, "2026-01-07")
    await remind(app, tenant, "2026-01-09")
    async with working(app):
        await eventually(_count(receiver), lambda found: found == 1)
    [message] = receiver.received
    assert message.event["type"] == "okr.check_in.overdue"
    assert message.event["subject"] == f"key-results/{mine['id']}"


def _count(receiver: Receiver) -> Any:
    async def count() -> int:
        return len(receiver.received)

    return count


@pytest.mark.parametrize("kind", [CHECK_INS, ACTIONS], ids=lambda kind: kind.subject)
async def test_no_table_is_scanned(tenant: Tenant, database: Database, kind: Any) -> None:
    day = Day.of(datetime(2026, 1, 9, tzinfo=UTC), 0, 1)
    first = kind.first(day)
    walk = kind.last(tenant.tenant_id, first, 100)
    look = kind.untold(tenant.tenant_id, day).where(*kind.between(first, None))
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        for statement in (walk, look):
            plan = await _plan(tx, statement)
            assert "Seq Scan" not in plan, plan
        assert "_idx" in await _plan(tx, walk)


async def _plan(tx: Any, statement: Any) -> str:
    written = statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    return "\n".join(await tx.scalars(text(f"EXPLAIN {written}".replace(":", "\\:"))))

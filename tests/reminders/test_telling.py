"""What is due is told: once, in time, of what is still so, to whom it concerns."""

from datetime import date, timedelta
from typing import Any

from fastapi import FastAPI
from tests.build import Build
from tests.conftest import Tenant
from tests.group import Group
from tests.imports.working import working
from tests.reminders.reminding import action, events, remind, told, weekly
from tests.waiting import eventually
from tests.webhooks.conftest import receiving  # noqa: F401 - a fixture
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_webhooks import made


async def test_a_check_in_is_told_when_it_is_due_and_once_it_is_overdue(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    mai = await build.person()
    key_result = await weekly(build, external_id="KR", title="Doanh thu", owner_id=mai["id"])
    for day in ("2026-01-06", "2026-01-07", "2026-01-08", "2026-01-08", "2026-01-09", "2026-01-12"):
        await remind(app, tenant, day)
    due, overdue = await events(build)
    assert (due["type"], overdue["type"]) == ("okr.check_in.due", "okr.check_in.overdue")
    for one in (due, overdue):
        assert one["subject"] == f"key-results/{key_result['id']}"
        assert one["data"] == {
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

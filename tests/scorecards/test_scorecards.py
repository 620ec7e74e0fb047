"""Scorecards over REST: units within units, reports, actions, and what is refused."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant
from tests.scorecards.group import Group, day, found, moment

from okr_service.cycles.service import set_cycle_state
from okr_service.cycles.shapes import CycleState
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.organisation.model import Tenant as TenantRow


def names(card: Json) -> dict[str, Any]:
    """Return the names of the units in a scorecard, nested."""
    return {unit["unit"]["name"]: names(unit) for unit in card["sub_units"]}


async def test_a_card_says_whose_and_when_and_is_empty_at_first(group: Group) -> None:
    card = await group.card(group.company, depth=0)
    assert card == {
        "unit": {key: group.company[key] for key in ("id", "external_id", "name", "kind")},
        "cycle": {
            key: group.cycle[key] for key in ("id", "code", "name", "start_date", "end_date")
        },
        "progress": None,
        "expected_progress": 0.5,
        "health": "unmeasured",
        "objectives": {"total": 0, "measured": 0},
        "key_results": {"total": 0, "reported": 0, "overdue": 0, "on_time_share": None},
        "actions": {"total": 0, "done": 0, "overdue": 0, "done_share": None},
        "sub_units": [],
    }


async def test_units_are_nested_by_name_as_deep_as_asked(group: Group) -> None:
    await group.build.unit(name="North", parent_id=group.sales["id"])
    east = await group.build.unit(name="East", parent_id=group.sales["id"])
    await group.build.unit(name="Shop", parent_id=east["id"])
    await group.objective(east, 30)
    whole = await group.card(group.company)
    assert names(whole) == {"Sales": {"East": {"Shop": {}}, "North": {}}, "Works": {}}
    assert list(names(whole)["Sales"]) == ["East", "North"]
    assert whole["sub_units"][0]["sub_units"][0]["progress"] == 0.3
    assert "cycle" not in whole["sub_units"][0]
    assert names(await group.card(group.company, depth=1)) == {"Sales": {}, "Works": {}}
    assert names(await group.card(group.sales)) == {"East": {"Shop": {}}, "North": {}}


async def test_units_of_one_name_are_in_the_order_of_their_ids(group: Group) -> None:
    made = [await group.build.unit(name="Team", parent_id=group.works["id"]) for _ in range(3)]
    card = await group.card(group.works)
    assert [unit["unit"]["id"] for unit in card["sub_units"]] == sorted(u["id"] for u in made)


async def test_reports_are_overdue_by_the_cadence(build: Build) -> None:
    group = await found(build, cadence="weekly")
    objective = await group.objective(group.company)
    for offset in (-2, -7, -9, None):
        key_result = await build.key_result(objective)
        if offset is not None:
            await build.check_in(key_result, 1, observed_at=moment(offset))
    monthly = await build.key_result(objective, cadence="monthly")
    await build.check_in(monthly, 1, observed_at=moment(-9))
    later = {"start_date": str(day(-3)), "due_date": str(day(50))}
    await build.key_result(objective, **later)
    ended = await build.key_result(objective, due_date=str(day(-50)))
    await build.check_in(ended, 1, observed_at=moment(-45))
    await build.key_result(objective, source="children")
    await build.key_result(objective, metric="actions")
    deleted = await build.key_result(objective)
    await build.rest.delete(f"/v1/key-results/{deleted['id']}")

    card = await group.card(group.company)

    overdue = await build.get("key-results?check_in_status=overdue&count=exact")
    assert overdue["page"]["total"] == 2
    expected = {"total": 9, "reported": 7, "overdue": 2, "on_time_share": 0.714286}
    assert card["key_results"] == expected


@pytest.mark.parametrize("end", ["objective", "cycle"])
async def test_nothing_is_overdue_where_nothing_is_reported_any_more(
    build: Build, database: Database, tenant: Tenant, end: str
) -> None:
    group = await found(build, cadence="weekly")
    objective = await group.objective(group.company)
    await build.key_result(objective)
    assert (await group.card(group.company))["key_results"]["overdue"] == 1
    if end == "objective":
        await build.post(f"objectives/{objective['id']}:close")
    else:  # by itself, its objectives still active
        async with database.transaction() as tx:
            await set_cycle_state(tx, tenant.who, Ref("NOW"), CycleState.CLOSED)
    key_results = (await group.card(group.company))["key_results"]
    assert (key_results["reported"], key_results["overdue"]) == (1, 0)


async def test_without_a_cadence_no_report_is_due(group: Group) -> None:
    objective = await group.objective(group.company, 10)
    await group.build.key_result(objective)
    expected = {"total": 2, "reported": 0, "overdue": 0, "on_time_share": None}
    assert (await group.card(group.company))["key_results"] == expected
    await group.build.key_result(objective, cadence="weekly")
    expected = {"total": 3, "reported": 1, "overdue": 1, "on_time_share": 0}
    assert (await group.card(group.company))["key_results"] == expected


async def test_actions_are_done_or_overdue(group: Group) -> None:
    objective = await group.objective(group.company)
    key_result = await group.build.key_result(objective)
    other = await group.build.key_result(objective, metric="actions")
    past, to_come = str(day(-1)), str(day(0))
    for of, state, due in [
        (key_result, "todo", past),
        (key_result, "doing", past),
        (key_result, "done", past),
        (key_result, "cancelled", past),
        (key_result, "todo", to_come),
        (other, "done", None),
        (other, "doing", None),
    ]:
        period = {"start_date": str(day(-30)), "end_date": str(day(0))}
        plan = await group.build.action_plan(of, **period)
        await group.build.action(plan, state=state, due_date=due)

    card = await group.card(group.company)

    overdue = await group.build.get("actions?overdue=true&count=exact")
    assert overdue["page"]["total"] == 2
    assert card["actions"] == {"total": 6, "done": 2, "overdue": 2, "done_share": 0.333333}


async def test_all_that_counts_is_reported_on_not_only_what_makes_up_progress(
    group: Group,
) -> None:
    top = await group.objective(group.company, 10)
    await group.objective(group.company, 20, parent_id=top["id"])
    draft = await group.objective(group.company, state="draft")
    await group.build.key_result(draft)
    card = await group.card(group.company)
    assert (card["objectives"]["total"], card["key_results"]["total"]) == (2, 2)


async def test_health_is_by_the_tenants_thresholds(
    group: Group, database: Database, tenant: Tenant
) -> None:
    await group.objective(group.company, 45)
    assert (await group.card(group.company))["health"] == "on_track"
    async with database.transaction() as tx:
        own = TenantRow.tenant_id == tenant.tenant_id
        await tx.execute(update(TenantRow).where(own).values(on_track_from=-0.04))
    assert (await group.card(group.company))["health"] == "behind"


async def test_units_and_cycles_go_by_every_name(group: Group) -> None:
    await group.build.rest.patch("/v1/cycles/NOW", json={"external_id": "C/1"})
    whole = await group.card(group.company)
    for unit in (group.company["id"], "external:CO"):
        for cycle in (group.cycle["id"], "NOW", "external:C/1"):
            path = f"units/{unit}/scorecard?cycle_id={cycle}"
            assert await group.build.get(path) == whole


@pytest.mark.parametrize("what", ["scorecard", "league-table"])
async def test_what_is_not_there_is_said_to_be_missing(
    group: Group, other_rest: httpx.AsyncClient, what: str
) -> None:
    theirs = await Build(other_rest).cycle(code="THEIRS")
    rest, own = group.build.rest, f"/v1/units/{group.company['id']}/{what}"

    no_unit = await other_rest.get(own, params={"cycle_id": theirs["id"]})
    assert (no_unit.status_code, no_unit.json()["code"]) == (404, "unit-not-found")
    for cycle in ("THEN", theirs["id"], "THEIRS", "external:NOW"):
        no_cycle = (await rest.get(own, params={"cycle_id": cycle})).json()
        assert (no_cycle["status"], no_cycle["code"]) == (404, "cycle-not-found")
        assert [error["pointer"] for error in no_cycle["errors"]] == ["/cycle_id"]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("", "/cycle_id", "required"),
        ("cycle_id=", "/cycle_id", "too-short"),
        ("cycle_id=NOW&depth=33", "/depth", "above-maximum"),
        ("cycle_id=NOW&depth=-1", "/depth", "below-minimum"),
        ("cycle_id=NOW&colour=red", "/colour", "unknown-field"),
    ],
)
async def test_a_question_that_does_not_fit_is_refused(
    group: Group, query: str, pointer: str, code: str
) -> None:
    answer = await group.build.rest.get(f"/v1/units/external:CO/scorecard?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


async def test_a_nul_in_the_cycle_is_refused(group: Group) -> None:
    answer = await group.build.rest.get("/v1/units/external:CO/scorecard?cycle_id=N%00")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query")


async def test_it_takes_the_permission_to_read(app: FastAPI, group: Group) -> None:
    for scope, status in [("read", 200), ("organisation", 403), ("check_in", 403)]:
        key = (await group.build.post("api-keys", name="A key", scopes=[scope]))["key"]
        async with client(app, key) as calling:
            for what in ("scorecard", "league-table"):
                answer = await calling.get(f"/v1/units/external:CO/{what}?cycle_id=NOW")
                assert answer.status_code == status, scope


@pytest.mark.parametrize("what", ["scorecard", "league-table"])
async def test_what_the_caller_has_already_is_not_sent_again(group: Group, what: str) -> None:
    path = f"/v1/units/external:CO/{what}?cycle_id=NOW"
    tag = (await group.build.rest.get(path)).headers["etag"]
    again = await group.build.rest.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await group.objective(group.sales, 10)
    changed = await group.build.rest.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)

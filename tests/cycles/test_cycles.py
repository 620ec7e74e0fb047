"""Cycles nest, and hold what is in them."""

import pytest
from tests.build import Build


async def test_cycles_nest_within_each_other(build: Build) -> None:
    await build.cycle(code="2026")
    quarter = await build.cycle(
        code="2026-Q1", parent_id="2026", start_date="2026-01-01", end_date="2026-03-31"
    )
    assert quarter["name"] == "2026-Q1"
    cases = [
        ({"parent_id": "2026-Q1"}, "cycle-outside-parent"),
        ({"parent_id": "nowhere"}, "cycle-not-found"),
        ({"end_date": "2025-12-31"}, "cycle-ends-before-start"),
        ({"code": "2026"}, "cycle-code-taken"),
        ({"code": "a b:c"}, "invalid-input"),
    ]
    for given, code in cases:
        dates = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
        response = await build.rest.post("/v1/cycles", json={"code": "X", **dates, **given})
        assert response.json()["code"] == code, given
    loop = await build.rest.patch("/v1/cycles/2026", json={"parent_id": "2026"})
    assert loop.json()["code"] == "cycle-would-loop"


@pytest.mark.parametrize("field", ["start_date", "end_date"])
async def test_a_cycle_keeps_room_for_what_is_in_it(build: Build, field: str) -> None:
    await build.cycle(code="2026")
    objective = await build.objective(cycle_id="2026")
    await build.key_result(objective, start_date="2026-01-01", due_date="2026-12-31")
    shorter = {"start_date": "2026-01-02", "end_date": "2026-12-30"}[field]
    longer = {"start_date": "2025-12-01", "end_date": "2027-01-30"}[field]
    refused = await build.rest.patch("/v1/cycles/2026", json={field: shorter})
    assert (refused.status_code, refused.json()["code"]) == (409, "cycle-dates-in-use")
    assert (await build.rest.patch("/v1/cycles/2026", json={field: longer})).status_code == 200


async def test_a_longer_cycle_may_not_outgrow_what_its_objectives_support(build: Build) -> None:
    year = await build.cycle(code="2026")
    quarter = await build.cycle(code="Q", start_date="2026-01-01", end_date="2026-03-31")
    above = await build.objective(cycle_id=year["id"])
    await build.objective(cycle_id=quarter["id"], parent_id=above["id"])
    response = await build.rest.patch("/v1/cycles/Q", json={"end_date": "2027-03-31"})
    assert response.json()["code"] == "cycle-dates-in-use"


@pytest.mark.parametrize("planned", ["value", "plan", "action"])
async def test_what_is_planned_keeps_a_cycle_as_long_as_it_is(build: Build, planned: str) -> None:
    cycle = await build.cycle(code="2026")
    await build.cycle(code="SHORT", end_date="2026-06-30")
    objective = await build.objective(cycle_id=cycle["id"])
    plan = [{"date": "2026-09-30", "value": "5"}] if planned == "value" else []
    key_result = await build.key_result(objective, plan=plan)
    if planned == "plan":
        await build.action_plan(key_result)
    if planned == "action":
        spring = {"start_date": "2026-03-01", "end_date": "2026-03-31"}
        await build.action(await build.action_plan(key_result, **spring), due_date="2026-09-01")

    shorter = await build.rest.patch("/v1/cycles/2026", json={"end_date": "2026-06-30"})
    moved = await build.rest.patch(f"/v1/objectives/{objective['id']}", json={"cycle_id": "SHORT"})

    assert (shorter.status_code, shorter.json()["code"]) == (409, "cycle-dates-in-use")
    assert (moved.status_code, moved.json()["code"]) == (422, "date-outside-cycle")

"""Closing objectives and cycles, and carrying over what is unfinished."""

import pytest
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.rollup import stored

from okr_service.kernel.database import Database


@pytest.fixture
async def year(build: Build) -> Json:
    return await build.cycle(code="2026")


@pytest.fixture
async def next_year(build: Build) -> Json:
    return await build.cycle(code="2027", start_date="2027-01-01", end_date="2027-12-31")


async def _half_done(build: Build, cycle: Json, **given: object) -> Json:
    objective = await build.objective(cycle_id=cycle["id"], **given)
    await build.check_in(await build.key_result(objective, target_value="8"), "4")
    return objective


async def test_closing_scores_an_objective_with_its_progress(build: Build, year: Json) -> None:
    objective = await _half_done(build, year)

    closed = await build.post(f"objectives/{objective['id']}:close")

    assert (closed["state"], closed["final_score"]) == ("closed", 0.5)
    assert closed["closed_at"] is not None
    assert closed["version"] == 2


async def test_closing_takes_a_score_and_what_was_learnt(build: Build, year: Json) -> None:
    objective = await _half_done(build, year)

    closed = await build.post(
        f"objectives/{objective['id']}:close", final_score="0.7", retrospective="Bán sớm hơn."
    )

    assert (closed["final_score"], closed["retrospective"]) == (0.7, "Bán sớm hơn.")
    amended = await build.post(f"objectives/{objective['id']}:close", final_score="0.6")
    assert (amended["final_score"], amended["retrospective"]) == (0.6, "Bán sớm hơn.")
    assert amended["closed_at"] == closed["closed_at"]


async def test_a_score_above_one_is_refused(build: Build, year: Json) -> None:
    objective = await _half_done(build, year)

    refused = await build.rest.post(
        f"/v1/objectives/{objective['id']}:close", json={"final_score": "1.2"}
    )

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/final_score"


async def test_an_unmeasured_objective_closes_without_score(build: Build, year: Json) -> None:
    objective = await build.objective(cycle_id=year["id"])

    assert (await build.post(f"objectives/{objective['id']}:close"))["final_score"] is None


async def test_reopening_takes_the_score_back(build: Build, year: Json) -> None:
    objective = await _half_done(build, year)
    await build.post(f"objectives/{objective['id']}:close", retrospective="Kept.")

    reopened = await build.post(f"objectives/{objective['id']}:reopen")

    assert (reopened["state"], reopened["final_score"]) == ("active", None)
    assert (reopened["closed_at"], reopened["retrospective"]) == (None, "Kept.")


async def test_carrying_over_goes_on_from_where_it_was(
    build: Build, year: Json, next_year: Json, database: Database, tenant: Tenant
) -> None:
    objective = await _half_done(build, year, title="Mở đại lý", weight=3)
    done = await build.key_result(objective, metric="boolean")
    await build.check_in(done, 1)
    steps = await build.key_result(objective, metric="actions")

    made = await build.post(f"objectives/{objective['id']}:carry-over", cycle_id="2027")

    assert made["carried_over_from_id"] == objective["id"]
    assert (made["title"], made["weight"], made["state"]) == ("Mở đại lý", 3, "active")
    assert (made["cycle_id"], made["progress"]) == (next_year["id"], 0)
    results = (await build.get(f"objectives/{made['id']}/key-results"))["data"]
    assert [(k["start_value"], k["target_value"]) for k in results] == [("4", "8"), (None, None)]
    assert results[1]["metric"] == steps["metric"]
    assert (await build.get(f"objectives/{objective['id']}"))["state"] == "closed"
    await stored.assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize(
    ("state", "cycle", "code"),
    [
        ("draft", "2027", "objective-not-in-force"),
        ("active", "2026", "carried-over-to-its-cycle"),
        ("active", "2030", "cycle-not-found"),
    ],
)
@pytest.mark.usefixtures("next_year")
async def test_what_cannot_be_carried_over_is_refused(
    build: Build, year: Json, state: str, cycle: str, code: str
) -> None:
    objective = await build.objective(cycle_id=year["id"], state=state)

    refused = await build.rest.post(
        f"/v1/objectives/{objective['id']}:carry-over", json={"cycle_id": cycle}
    )

    assert refused.json()["code"] == code


@pytest.mark.usefixtures("next_year")
async def test_carrying_over_twice_or_when_finished_is_refused(build: Build, year: Json) -> None:
    twice, finished = await _half_done(build, year), await _half_done(build, year)
    await build.post(f"objectives/{twice['id']}:carry-over", cycle_id="2027")
    [measured] = (await build.get(f"objectives/{finished['id']}/key-results"))["data"]
    await build.check_in(measured, 8)

    codes = [
        (
            await build.rest.post(
                f"/v1/objectives/{one['id']}:carry-over", json={"cycle_id": "2027"}
            )
        ).json()["code"]
        for one in (twice, finished)
    ]

    assert codes == ["already-carried-over", "objective-finished"]


async def test_closing_a_cycle_closes_all_that_is_in_it(
    build: Build, year: Json, database: Database, tenant: Tenant
) -> None:
    quarter = await build.cycle(
        code="2026-Q3", parent_id="2026", start_date="2026-07-01", end_date="2026-09-30"
    )
    company = await _half_done(build, year)
    team = await _half_done(build, quarter, parent_id=company["id"])
    draft = await build.objective(cycle_id=quarter["id"], state="draft")

    closed = await build.post("cycles/2026:close", retrospective="Đúng hạn")

    assert (closed["state"], closed["code"]) == ("closed", "2026")
    assert closed["closed_cycles"] == ["2026", "2026-Q3"]
    assert {(o["id"], o["final_score"]) for o in closed["closed_objectives"]} == {
        (company["id"], 0.5),
        (team["id"], 0.5),
    }
    states = [(await build.get(f"objectives/{o['id']}"))["state"] for o in (company, team, draft)]
    assert states == ["closed", "closed", "draft"]
    assert (await build.get("cycles/2026-Q3"))["state"] == "closed"
    await stored.assert_right(database, tenant.tenant_id)


async def test_closing_a_cycle_can_be_tried(build: Build, year: Json, next_year: Json) -> None:
    objective = await _half_done(build, year)

    tried = await build.post("cycles/2026:close?mode=dry_run", carry_over_to="2027")

    assert tried["state"] == "open"
    assert [(o["id"], o["carried_over"]) for o in tried["closed_objectives"]] == [
        (objective["id"], True)
    ]
    assert (await build.get(f"objectives/{objective['id']}"))["version"] == 1
    assert (await build.get(f"objectives?cycle_id={next_year['id']}"))["data"] == []


async def test_closing_a_cycle_carries_over_trees(
    build: Build, year: Json, next_year: Json, database: Database, tenant: Tenant
) -> None:
    company = await _half_done(build, year, title="Company")
    await _half_done(build, year, title="Team", parent_id=company["id"])
    finished = await build.objective(cycle_id=year["id"], parent_id=company["id"])
    await build.check_in(await build.key_result(finished, target_value="1"), 1)

    closed = await build.post("cycles/2026:close", carry_over_to="2027")

    carried = {o["title"]: o["carried_over_to_id"] for o in closed["closed_objectives"]}
    assert carried[finished["title"]] is None
    team = await build.get(f"objectives/{carried['Team']}")
    assert (team["parent_id"], team["cycle_id"]) == (carried["Company"], next_year["id"])
    await stored.assert_right(database, tenant.tenant_id)


async def test_a_cycle_is_not_carried_over_into_itself(build: Build, year: Json) -> None:
    await _half_done(build, year)

    refused = await build.rest.post("/v1/cycles/2026:close", json={"carry_over_to": "2026"})

    assert refused.json()["code"] == "cycle-closed"
    assert (await build.get("cycles/2026"))["state"] == "open"

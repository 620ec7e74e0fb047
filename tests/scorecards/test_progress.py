"""How far a unit has come: which objectives make it up, and which are in others already."""

import pytest
from tests.build import Build
from tests.scorecards.group import Group, dates, found


async def test_objectives_count_by_weight(group: Group) -> None:
    await group.objective(group.company, 20)
    await group.objective(group.company, 60, weight="3")
    await group.objective(group.company)
    await group.objective(group.company, 100, state="draft")
    await group.objective(group.sales, 100)

    card = await group.card(group.company)

    assert (card["progress"], card["objectives"]) == (0.5, {"total": 3, "measured": 2})


async def test_of_nothing_measured_nothing_is_said(group: Group) -> None:
    await group.objective(group.company)
    await group.objective(group.company, 50, weight=0)
    card = await group.card(group.company)
    assert (card["progress"], card["health"]) == (None, "unmeasured")
    assert card["objectives"] == {"total": 2, "measured": 1}


async def test_what_is_aligned_under_ones_own_is_in_it_already(group: Group) -> None:
    top = await group.objective(group.company, 0)
    below = await group.objective(group.company, 100, parent_id=top["id"])
    await group.objective(group.company, 100, parent_id=below["id"])
    assert await group.progress(group.company) == await group.build.progress(top) == 0.5


async def test_so_is_what_is_aligned_through_another_unit(group: Group) -> None:
    top = await group.objective(group.company, 0)
    between = await group.objective(group.sales, parent_id=top["id"])
    await group.objective(group.company, 50, parent_id=between["id"])
    assert await group.progress(group.company) == await group.build.progress(top) == 0.25
    assert await group.progress(group.sales) == 0.5


async def test_an_objective_that_does_not_count_holds_nothing(group: Group) -> None:
    top = await group.objective(group.company, 20)
    between = await group.objective(group.company, parent_id=top["id"])
    await group.objective(group.company, 100, parent_id=between["id"])
    path = f"objectives/{between['id']}"
    assert await group.progress(group.company) == 0.6

    await group.build.post(f"{path}:cancel")
    assert await group.progress(group.company) == 0.2, "what is above it still does"
    await group.build.post(f"objectives/{top['id']}:cancel")
    assert await group.progress(group.company) == 1


async def test_a_draft_above_holds_nothing_until_it_is_activated(group: Group) -> None:
    top = await group.objective(group.company, 0, state="draft")
    await group.objective(group.company, 60, parent_id=top["id"])
    assert await group.progress(group.company) == 0.6
    await group.build.post(f"objectives/{top['id']}:activate")
    assert await group.progress(group.company) == 0.3


async def test_a_closed_objective_counts_and_holds(group: Group) -> None:
    top = await group.objective(group.company, 0)
    await group.objective(group.company, 80, parent_id=top["id"])
    await group.build.post(f"objectives/{top['id']}:close")
    assert await group.progress(group.company) == 0.4


async def test_a_deleted_objective_is_not_there(group: Group) -> None:
    await group.objective(group.company, 20)
    deleted = await group.objective(group.company, 60)
    await group.build.rest.delete(f"/v1/objectives/{deleted['id']}")
    card = await group.card(group.company)
    assert (card["progress"], card["objectives"]["total"]) == (0.2, 1)
    assert card["key_results"]["total"] == 1


async def test_each_cycle_has_a_card_of_its_own(group: Group) -> None:
    year = await group.objective(group.company, 0)
    month = await group.build.cycle(code="MONTH", parent_id="NOW", **dates(-10, 20))
    of_month = {"cycle_id": month["id"], "parent_id": year["id"]}
    await group.objective(group.company, 90, **of_month)
    assert (await group.card(group.company, cycle_id="NOW"))["progress"] == 0.45
    assert (await group.card(group.company, cycle_id="MONTH"))["progress"] == 0.9


@pytest.mark.parametrize(
    ("first", "last", "expected", "health"),
    [
        (-100, 100, 0.5, "on_track"),
        (-300, 100, 0.75, "at_risk"),
        (-20, -10, 1, "at_risk"),
        (10, 20, 0, "ahead"),
    ],
)
async def test_health_is_progress_against_the_time_passed(
    build: Build, first: int, last: int, expected: float, health: str
) -> None:
    group = await found(build, **dates(first, last))
    objective = await group.objective(group.company)
    report = {"observed_at": f"{dates(min(first, 0), 0)['start_date']}T00:00:00Z"}
    await build.check_in(await build.key_result(objective), 45, **report)

    card = await group.card(group.company)

    assert (card["expected_progress"], card["health"]) == (expected, health)
    shown = await build.get(f"objectives/{objective['id']}")
    assert (shown["expected_progress"], shown["health"]) == (expected, health)

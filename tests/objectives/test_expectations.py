"""Where things should be by now, how they stand against it, and which reports are due."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, Numeric, Uuid, bindparam, func, select
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.rollup import exact

from okr_service.kernel.database import Database

TODAY = datetime.now(UTC).date()
_FIRST, _LAST = date(2026, 1, 1), date(2026, 12, 31)
_days = st.dates(date(2025, 12, 20), date(2027, 1, 10))
_values = st.decimals(-1000, 1000, places=2) | st.decimals(-(10**19), 10**19, places=10)


def _day(days_from_now: int) -> str:
    return (TODAY + timedelta(days_from_now)).isoformat()


async def _running(build: Build, elapsed: int, length: int = 100, **given: object) -> Json:
    """Make a cycle of so many days, of which so many have passed."""
    dates = {"start_date": _day(-elapsed), "end_date": _day(length - elapsed)}
    return await build.cycle(**{**dates, **given})


def planned(plan: dict[date, Fraction], start: Fraction, on_day: date) -> Fraction | None:
    """Return the planned value of a day, by definition: on straight lines, to 10 decimals."""
    if not plan:
        return None
    points = {**({_FIRST: start} if min(plan) > _FIRST else {}), **plan}
    before = [day for day in points if day <= on_day]
    after = [day for day in points if day > on_day]
    if not after:
        return points[max(points)]
    if not before:
        return start
    first, last = max(before), min(after)
    line = (points[last] - points[first]) * (on_day - first).days / (last - first).days
    return points[first] + exact.rounded(line, 10)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    plan=st.dictionaries(st.dates(_FIRST, _LAST), _values, max_size=5),
    start=_values,
    days=st.lists(_days, min_size=1, max_size=4),
)
async def test_planned_values_lie_on_straight_lines(
    build: Build,
    database: Database,
    tenant: Tenant,
    plan: dict[date, Decimal],
    start: Decimal,
    days: list[date],
) -> None:
    made = await build.key_result(
        start_value=str(start),
        target_value=str(start + 1),
        plan=[{"date": day.isoformat(), "value": str(value)} for day, value in plan.items()],
    )
    exactly = {day: Fraction(value) for day, value in plan.items()}
    async with database.reading() as tx:
        for on_day in days:
            asked = func.okr_planned_value(
                bindparam("tenant_id", tenant.tenant_id, Uuid),
                bindparam("id", made["id"], Uuid(as_uuid=False)),
                bindparam("start", start, Numeric),
                bindparam("first", _FIRST, Date),
                bindparam("day", on_day, Date),
            )
            found = await tx.scalar(select(asked))
            wanted = planned(exactly, Fraction(start), on_day)
            assert (None if found is None else Fraction(found)) == wanted


async def test_an_objective_is_expected_where_its_cycle_is(build: Build) -> None:
    cycle = await _running(build, 25)
    assert (await build.objective(cycle_id=cycle["id"]))["expected_progress"] == 0.25


@pytest.mark.parametrize(("elapsed", "expected"), [(-5, 0), (0, 0), (100, 1), (130, 1)])
async def test_before_and_after_its_cycle_nothing_or_all_is_expected(
    build: Build, elapsed: int, expected: float
) -> None:
    cycle = await _running(build, elapsed)
    assert (await build.objective(cycle_id=cycle["id"]))["expected_progress"] == expected


async def test_a_key_result_is_expected_by_its_own_dates(build: Build) -> None:
    objective = await build.objective(cycle_id=(await _running(build, 50))["id"])
    dates = {"start_date": _day(-10), "due_date": _day(30)}

    assert (await build.key_result(objective))["expected_progress"] == 0.5
    assert (await build.key_result(objective, **dates))["expected_progress"] == 0.25


async def test_a_plan_says_what_is_expected(build: Build) -> None:
    objective = await build.objective(cycle_id=(await _running(build, 50))["id"])
    plan = [{"date": _day(-10), "value": "40"}, {"date": _day(10), "value": "60"}]

    rising = await build.key_result(objective, target_value="200", plan=plan)
    bound = await build.key_result(objective, metric="at_least", target_value="45", plan=plan)

    assert (rising["expected_value"], rising["expected_progress"]) == ("50", 0.25)
    assert (bound["expected_value"], bound["expected_progress"]) == ("50", 1)


@pytest.mark.parametrize(
    ("value", "health"),
    [
        ("55", "ahead"),
        ("54.9999", "on_track"),
        ("40", "on_track"),
        ("39.9999", "behind"),
        ("25", "behind"),
        ("24.9999", "at_risk"),
    ],
)
async def test_health_is_progress_against_what_is_expected(
    build: Build, value: str, health: str
) -> None:
    objective = await build.objective(cycle_id=(await _running(build, 50))["id"])
    measured = await build.key_result(objective)
    await build.check_in(measured, value)

    assert (await build.get(f"key-results/{measured['id']}"))["health"] == health
    assert (await build.get(f"objectives/{objective['id']}"))["health"] == health
    assert [o["id"] for o in (await build.get(f"objectives?health={health}"))["data"]] == [
        objective["id"]
    ]


async def test_what_is_not_measured_has_no_health(build: Build) -> None:
    assert (await build.objective())["health"] == "unmeasured"


async def test_a_tenant_sets_its_own_thresholds(build: Build) -> None:
    objective = await build.objective(cycle_id=(await _running(build, 50))["id"])
    await build.check_in(await build.key_result(objective), "55")
    thresholds = {"ahead_from": 0.2, "on_track_from": 0.1, "behind_from": 0.05}

    changed = await build.rest.patch("/v1/tenant", json=thresholds)

    assert changed.status_code == 200, changed.text
    assert changed.json() | thresholds == changed.json()
    assert (await build.get(f"objectives/{objective['id']}"))["health"] == "behind"


async def test_thresholds_out_of_order_are_refused(build: Build) -> None:
    refused = await build.rest.patch("/v1/tenant", json={"behind_from": 0})
    assert (refused.status_code, refused.json()["code"]) == (422, "thresholds-out-of-order")
    assert (await build.get("tenant"))["version"] == 1


async def _due(build: Build, key_result: Json) -> tuple[str | None, str | None]:
    shown = await build.get(f"key-results/{key_result['id']}")
    return shown["check_in_due_date"], shown["check_in_status"]


async def test_without_a_cadence_nothing_is_due(build: Build) -> None:
    objective = await build.objective(cycle_id=(await _running(build, 50))["id"])
    assert await _due(build, await build.key_result(objective)) == (None, None)


@pytest.mark.parametrize(
    ("cadence", "days", "status"),
    [
        ("weekly", 6, "not_due"),
        ("weekly", 7, "due"),
        ("weekly", 8, "overdue"),
        ("every_two_weeks", 13, "not_due"),
        ("every_two_weeks", 15, "overdue"),
        ("monthly", 27, "not_due"),
        ("monthly", 32, "overdue"),
    ],
)
async def test_a_cadence_makes_the_next_report_due(
    build: Build, cadence: str, days: int, status: str
) -> None:
    cycle = await _running(build, 60, cadence=cadence)
    measured = await build.key_result(await build.objective(cycle_id=cycle["id"]))
    seen = datetime.combine(TODAY - timedelta(days), datetime.min.time(), UTC)
    await build.check_in(measured, 5, observed_at=seen.isoformat())

    assert (await _due(build, measured))[1] == status
    listed = (await build.get(f"key-results?check_in_status={status}"))["data"]
    assert [k["id"] for k in listed] == [measured["id"]]


async def test_a_key_result_has_a_cadence_of_its_own(build: Build) -> None:
    cycle = await _running(build, 10, cadence="weekly")
    objective = await build.objective(cycle_id=cycle["id"])

    assert await _due(build, await build.key_result(objective)) == (_day(-3), "overdue")
    own = await build.key_result(objective, cadence="every_two_weeks")
    assert await _due(build, own) == (_day(4), "not_due")


async def test_the_last_report_is_due_on_the_last_day(build: Build) -> None:
    cycle = await _running(build, 98, cadence="weekly")
    measured = await build.key_result(await build.objective(cycle_id=cycle["id"]))
    yesterday = (datetime.now(UTC) - timedelta(1)).isoformat()
    await build.check_in(measured, 5, observed_at=yesterday)

    assert await _due(build, measured) == (_day(2), "not_due")


async def test_of_what_has_ended_nothing_is_due(build: Build) -> None:
    cycle = await _running(build, 50, cadence="weekly")
    objective = await build.objective(cycle_id=cycle["id"])
    measured = await build.key_result(objective)
    await build.post(f"objectives/{objective['id']}:close")

    assert await _due(build, measured) == (None, None)

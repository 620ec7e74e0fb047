"""The made-up group and the large tree: planned as described, and rolled up right."""

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.conftest import Tenant

from okr_service.demo import group
from okr_service.demo.large import fan_out_for, plant_large
from okr_service.demo.service import plan_demo
from okr_service.demo.sketch import Measure
from okr_service.kernel.database import Database
from okr_service.objectives.shapes import Metric
from okr_service.rollup import service as rollup

_DAY = date(2025, 9, 17)
_OBJECTIVES = """
    SELECT external_id, title, weight, state, progress FROM objectives
     WHERE tenant_id = :tenant_id ORDER BY external_id"""
_REPORTS = """
    SELECT k.external_id, c.value, c.observed_at, c.confidence, c.comment, c.voided_at IS NULL
      FROM check_ins AS c
      JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.id = c.key_result_id
     WHERE c.tenant_id = :tenant_id ORDER BY 1, 3, 6"""
_HISTORY = """
    SELECT h.on_date, h.progress
      FROM progress_history AS h
      JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = h.objective_id
     WHERE h.tenant_id = :tenant_id AND o.external_id = 'MT-AVL-01'"""
_RECORDED_LATER = """
    SELECT count(*) FROM check_ins WHERE tenant_id = :tenant_id AND recorded_at > observed_at"""
_ACTIONS = """
    SELECT external_id, title, state, due_date, weight FROM actions
     WHERE tenant_id = :tenant_id ORDER BY external_id"""


async def rows(database: Database, tenant_id: UUID, question: str) -> list[tuple[object, ...]]:
    async with database.reading() as connection:
        found = await connection.execute(text(question), {"tenant_id": tenant_id})
        return [tuple(row) for row in found]


async def verified(database: Database, tenant_id: UUID) -> bool:
    async with database.reading() as connection:
        return await rollup.verify(connection, tenant_id) == []


async def test_the_group_is_planned_once_and_rolled_up(database: Database, tenant: Tenant) -> None:
    assert await plan_demo(database, tenant.tenant_id, _DAY)
    objectives = await rows(database, tenant.tenant_id, _OBJECTIVES)

    assert not await plan_demo(database, tenant.tenant_id, _DAY)

    assert await rows(database, tenant.tenant_id, _OBJECTIVES) == objectives
    assert await verified(database, tenant.tenant_id)
    assert {row[3] for row in objectives} == {"draft", "active", "closed", "cancelled"}
    assert all(row[4] for row in objectives if str(row[0]).startswith("MT-AVL-0"))


async def test_its_past_was_lived_through(database: Database, tenant: Tenant) -> None:
    await plan_demo(database, tenant.tenant_id, _DAY)

    points = await rows(database, tenant.tenant_id, _HISTORY)
    assert len(points) > 20
    ((late,),) = await rows(database, tenant.tenant_id, _RECORDED_LATER)
    assert late == 0


async def test_the_same_seed_and_day_give_the_same_group(
    database: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    await plan_demo(database, tenant.tenant_id, _DAY)
    await plan_demo(database, other_tenant.tenant_id, _DAY)

    for question in (_OBJECTIVES, _REPORTS, _ACTIONS):
        planned = await rows(database, tenant.tenant_id, question)
        assert planned
        assert planned == await rows(database, other_tenant.tenant_id, question)


@pytest.mark.parametrize("day", [date(2025, 1, 1), date(2024, 2, 29), date(2024, 12, 31)])
async def test_any_day_will_do(database: Database, tenant: Tenant, day: date) -> None:
    assert await plan_demo(database, tenant.tenant_id, day)

    assert await verified(database, tenant.tenant_id)
    seen = "SELECT max(observed_at)::date FROM check_ins WHERE tenant_id = :tenant_id"
    ((last,),) = await rows(database, tenant.tenant_id, seen)
    assert last is None or (isinstance(last, date) and last < day)


def test_every_metric_has_its_key_results() -> None:
    measures: list[Measure] = [
        measure for company in group.GROUP for goal in company.goals for measure in goal.measures
    ]

    assert {measure.metric for measure in measures} == set(Metric)


async def test_a_large_tree_is_planted_and_rolled_up(database: Database, tenant: Tenant) -> None:
    await plant_large(database, tenant.tenant_id, 500)

    assert await verified(database, tenant.tenant_id)
    objectives = {row[0]: row for row in await rows(database, tenant.tenant_id, _OBJECTIVES)}
    assert len(objectives) == 500
    assert objectives["L-0"][4] is not None
    reports = await rows(database, tenant.tenant_id, _REPORTS)
    assert {row[0] for row in reports} == {f"L-{n}/KR{k}" for n in range(500) for k in (1, 2, 3)}


async def test_a_tree_too_deep_to_align_is_refused(database: Database, tenant: Tenant) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        await plant_large(database, tenant.tenant_id, 33, fan_out=1)


@pytest.mark.parametrize(
    ("objectives", "levels", "fan_out"),
    [(1_000, 7, 3), (100_000, 7, 7), (1_000_000, 7, 10), (1_000, 4, 10), (1_000_000, 4, 100)],
)
def test_fan_out_for_makes_trees_of_equal_depth(objectives: int, levels: int, fan_out: int) -> None:
    assert fan_out_for(objectives, levels) == fan_out

"""Figures that something else corrupted are found and mended."""

from decimal import Decimal

import pytest
from sqlalchemy import update
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.rollup import stored

from okr_service.kernel.database import Database
from okr_service.kernel.forest import hold_structure
from okr_service.objectives.model import KeyResult, Objective
from okr_service.rollup.service import repair, verify


@pytest.fixture
async def tree(build: Build) -> list[Json]:
    """Make a company, a team under it, and the team's two key results that have come some way."""
    company = await build.objective()
    team = await build.objective(parent_id=company["id"], weight=2)
    revenue = await build.key_result(team, target_value="3")
    steps = await build.key_result(team, metric="actions")
    await build.key_result(company, weight=3)
    await build.check_in(revenue, 1)
    plan = await build.action_plan(steps)
    await build.action(plan, state="done", weight=2)
    await build.action(plan, weight=5)
    return [company, team, revenue, steps]


async def _corrupt(
    database: Database,
    tenant: Tenant,
    table: type[KeyResult | Objective],
    row: Json,
    **figures: str,
) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            update(table)
            .where(table.tenant_id == tenant.tenant_id, table.id == row["id"])
            .values({name: Decimal(figure) for name, figure in figures.items()})
        )


async def _wrong(database: Database, tenant: Tenant) -> set[tuple[str, str]]:
    async with database.reading() as connection:
        wrong = await verify(connection, tenant.tenant_id)
    return {(one.kind, str(one.id)) for one in wrong}


async def _mend(database: Database, tenant: Tenant) -> int:
    async with database.transaction() as tx:
        await hold_structure(tx, tenant.tenant_id, alone=True)
        return await repair(tx, tenant.who)


@pytest.mark.usefixtures("tree")
async def test_nothing_is_wrong_and_nothing_to_mend(database: Database, tenant: Tenant) -> None:
    assert await _wrong(database, tenant) == set()
    assert await _mend(database, tenant) == 0
    await stored.assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize("figure", ["weight_sum", "progress_sum"])
async def test_a_wrong_sum_is_found_and_mended(
    database: Database, tenant: Tenant, tree: list[Json], figure: str
) -> None:
    team = tree[1]
    await _corrupt(database, tenant, Objective, team, **{figure: "1.5"})

    found = await _wrong(database, tenant)
    assert found == {("objective", team["id"])}  # what is computed anew does not use it
    assert await _mend(database, tenant) == 1
    await stored.assert_right(database, tenant.tenant_id)


async def test_wrong_sums_at_several_levels_are_mended_at_once(
    database: Database, tenant: Tenant, tree: list[Json]
) -> None:
    company, team = tree[:2]
    for objective in (company, team):
        await _corrupt(database, tenant, Objective, objective, weight_sum="0", progress_sum="0")

    assert await _mend(database, tenant) == 2
    await stored.assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize(
    ("place", "figure"), [(2, "current_value"), (3, "done_weight"), (3, "action_weight")]
)
async def test_a_wrong_key_result_is_found_and_mended(
    database: Database, tenant: Tenant, tree: list[Json], place: int, figure: str
) -> None:
    key_result = tree[place]
    await _corrupt(database, tenant, KeyResult, key_result, **{figure: "2.5"})

    assert ("key_result", key_result["id"]) in await _wrong(database, tenant)
    assert await _mend(database, tenant) == 1  # and with it what it contributes
    await stored.assert_right(database, tenant.tenant_id)


async def test_a_wrong_key_result_is_mended_with_the_sums_that_believed_it(
    database: Database, tenant: Tenant, tree: list[Json]
) -> None:
    company, team, revenue, _ = tree
    await _corrupt(database, tenant, KeyResult, revenue, current_value="3")
    await _corrupt(database, tenant, Objective, team, progress_sum="1.285714")
    await _corrupt(database, tenant, Objective, company, progress_sum="1.285714")

    assert await _mend(database, tenant) == 3
    await stored.assert_right(database, tenant.tenant_id)


async def test_mending_is_no_edit(
    database: Database, tenant: Tenant, build: Build, tree: list[Json]
) -> None:
    company, team, revenue, _ = tree
    before = [await build.get(f"objectives/{row['id']}") for row in (company, team)]
    await _corrupt(database, tenant, Objective, team, weight_sum="9")
    await _corrupt(database, tenant, KeyResult, revenue, current_value="2")

    await _mend(database, tenant)

    assert [await build.get(f"objectives/{row['id']}") for row in (company, team)] == before


async def test_another_tenant_is_left_alone(
    database: Database, tenant: Tenant, other_tenant: Tenant, tree: list[Json]
) -> None:
    await _corrupt(database, tenant, Objective, tree[1], weight_sum="9")

    assert await _wrong(database, other_tenant) == set()
    assert await _mend(database, other_tenant) == 0
    assert await _wrong(database, tenant) == {("objective", tree[1]["id"])}


async def test_mending_is_audited(
    database: Database, tenant: Tenant, build: Build, tree: list[Json]
) -> None:
    _, team, revenue, _ = tree
    await _corrupt(database, tenant, Objective, team, weight_sum="9")
    await _corrupt(database, tenant, KeyResult, revenue, current_value="3")

    await _mend(database, tenant)

    events = (await build.get("audit-events?action=repaired"))["data"]
    changes = {(e["subject"], e["subject_id"]): (e["before"], e["after"]) for e in events}
    assert changes["key_result", revenue["id"]] == (
        {"current_value": "3"},
        {"current_value": "1"},
    )
    before, after = changes["objective", team["id"]]
    assert (before["weight_sum"], after["weight_sum"]) == ("9", "2")
    await stored.assert_right(database, tenant.tenant_id)

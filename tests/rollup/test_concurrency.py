"""Whatever runs at once: no figure is wrong, at any moment, and nothing waits in a circle."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from random import Random
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.rollup import stored
from tests.rollup.racing import EDITS, Edit, Tree, made_once, planted, ref

from okr_service.access.policy import Principal
from okr_service.checkins import service as check_ins
from okr_service.checkins.shapes import NewCheckIn
from okr_service.cycles import service as cycles
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.shapes import CycleState
from okr_service.kernel.database import Database, Transaction
from okr_service.objectives import service as objectives
from okr_service.objectives.errors import AlignmentWouldLoop
from okr_service.objectives.model import Objective
from okr_service.rollup.service import verify

_WORKERS = 10
_MERGE_PATCH = {"content-type": "application/merge-patch+json"}


@pytest.mark.parametrize("seed", range(3))
async def test_edits_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await edited_at_once(database, await planted(database, tenant, build, seed), 40, EDITS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 108))
async def test_many_edits_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await edited_at_once(database, await planted(database, tenant, build, seed), 300, EDITS)


async def edited_at_once(
    database: Database,
    tree: Tree,
    edits: int,
    of: dict[Edit, int],
    ask: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Edit a tree from many connections while another asks; then all figures must be right."""
    outcomes: Counter[str] = Counter()
    kinds, times = list(of), list(of.values())
    is_over = asyncio.Event()

    async def work() -> None:
        for edit in tree.dice.choices(kinds, times, k=edits):
            outcomes[await made_once(database, partial(edit, tree))] += 1

    async def watch() -> None:
        while not is_over.is_set():
            async with database.reading() as connection:
                assert await verify(connection, tree.who.tenant_id) == []
            if ask is not None:
                await ask()

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(work() for _ in range(_WORKERS)))
    is_over.set()
    await watching

    assert outcomes["done"] > _WORKERS * edits / 4, outcomes
    await stored.assert_right(database, tree.who.tenant_id)


async def test_reports_and_weights_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build
) -> None:
    """Little of this is refused, so that as much as can be happens at once."""
    tree = await planted(database, tenant, build, 4)
    safe = [Tree.check_in, Tree.check_in_batch, Tree.weigh_objective, Tree.edit_key_result]
    await edited_at_once(database, tree, 60, dict.fromkeys(safe, 1))


async def test_requests_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build
) -> None:
    dice = Random(1)
    company = await build.objective()
    teams = [await build.objective(parent_id=company["id"], weight=n) for n in range(1, 4)]
    measured = [await build.key_result(team) for team in teams for _ in range(3)]

    async def work() -> None:
        for _ in range(20):
            response = await _random_request(build.rest, dice, teams, measured)
            assert response.status_code < 500, response.text

    await asyncio.gather(*(work() for _ in range(_WORKERS)))

    await stored.assert_right(database, tenant.tenant_id)


async def _random_request(
    rest: httpx.AsyncClient, dice: Random, teams: list[Json], measured: list[Json]
) -> httpx.Response:
    report = {"key_result_id": dice.choice(measured)["id"], "value": dice.randint(0, 110)}
    team = f"/v1/objectives/{dice.choice(teams)['id']}"
    match dice.randrange(6):
        case 0:
            other = {"key_result_id": dice.choice(measured)["id"], "value": dice.randint(0, 110)}
            return await rest.post("/v1/check-ins:batch", json={"check_ins": [report, other]})
        case 1:
            return await rest.post(f"{team}:align", json={"parent_id": dice.choice(teams)["id"]})
        case 2:
            body = f'{{"weight": {dice.randint(0, 9)}}}'
            return await rest.patch(team, content=body, headers=_MERGE_PATCH)
        case 3:
            return await rest.post(f"{team}:{dice.choice(['close', 'reopen'])}")
        case _:
            return await rest.post("/v1/check-ins", json=report)


@pytest.mark.parametrize("referred", ["action-plans", "cycles", "units"])
async def test_what_is_deleted_while_another_refers_to_it_breaks_nothing(
    build: Build, referred: str
) -> None:
    key_result = await build.key_result()
    unit, cycle = await build.unit(), await build.cycle()
    objective = {"title": "O", "unit_id": unit["id"], "cycle_id": cycle["id"]}
    for _ in range(20):
        if referred == "action-plans":
            row = await build.action_plan(key_result)
            path, body = "actions", {"title": "A", "action_plan_id": row["id"]}
        elif referred == "cycles":
            row = await build.cycle()
            path, body = "objectives", {**objective, "cycle_id": row["id"]}
        else:
            row = await build.unit()
            path, body = "objectives", {**objective, "unit_id": row["id"]}

        made, deleted = await asyncio.gather(
            build.rest.post(f"/v1/{path}", json=body),
            build.rest.delete(f"/v1/{referred}/{row['id']}"),
        )

        # by its path, or by the field that names it
        assert (made.status_code, deleted.status_code) in {(201, 409), (404, 204), (422, 204)}


async def test_of_two_moves_that_make_a_loop_together_one_is_refused(
    database: Database, tenant: Tenant, build: Build
) -> None:
    upper = [await build.objective() for _ in range(2)]
    lower = [await build.objective(parent_id=above["id"]) for above in upper]
    await build.key_result(lower[0])

    def move(row: Json, parent: Json | None) -> Awaitable[str]:
        async def align(tx: Transaction) -> None:
            under = None if parent is None else ref(parent["id"])
            await objectives.align_objective(tx, tenant.who, UUID(row["id"]), under)

        return made_once(database, align)

    for _ in range(30):
        outcomes = await asyncio.gather(move(upper[0], lower[1]), move(upper[1], lower[0]))

        assert sorted(outcomes) == [AlignmentWouldLoop.code, "done"]
        await stored.assert_right(database, tenant.tenant_id)
        for row in upper:
            assert await move(row, None) == "done"


async def test_nothing_is_recorded_after_its_cycle_was_closed(
    database: Database, tenant: Tenant, build: Build
) -> None:
    for _ in range(10):
        cycle = await build.cycle()
        measured = await build.key_result(await build.objective(cycle_id=cycle["id"]))
        reports = [_report(build.rest, measured, value) for value in range(8)]
        closing = build.rest.post(f"/v1/cycles/{cycle['id']}:close")

        *answers, closed = await asyncio.gather(*reports[:4], *reports[4:], closing)

        recorded = [answer.json() for answer in answers if answer.is_success]
        refused = [answer.json()["code"] for answer in answers if not answer.is_success]
        assert refused == ["cycle-closed"] * (len(answers) - len(recorded))
        closed_at = datetime.fromisoformat(closed.json()["updated_at"])
        assert all(datetime.fromisoformat(one["recorded_at"]) < closed_at for one in recorded)
    await stored.assert_right(database, tenant.tenant_id)


async def _report(rest: httpx.AsyncClient, key_result: Json, value: int) -> httpx.Response:
    body = {"key_result_id": key_result["id"], "value": value}
    return await rest.post("/v1/check-ins", json=body)


async def test_a_batch_counts_what_it_waited_for(
    database: Database, tenant: Tenant, build: Build
) -> None:
    company = await build.objective()
    teams = [await build.objective(parent_id=company["id"]) for _ in range(3)]
    first, *others = [await build.key_result(team) for team in teams]

    async with database.transaction() as tx:
        await _batch(tx, tenant, first)
        batch = asyncio.create_task(made_once(database, lambda tx: _batch(tx, tenant, *others)))
        await _require_waiting(batch)

    assert await batch == "done"
    await stored.assert_right(database, tenant.tenant_id)


async def test_a_batch_and_a_check_in_do_not_wait_for_each_other(
    database: Database, tenant: Tenant, build: Build
) -> None:
    line = [await build.objective()]
    for _ in range(2):
        line.append(await build.objective(parent_id=line[-1]["id"]))
    lowest, beside = [await build.key_result(line[2]) for _ in range(2)]
    highest = await build.key_result(line[0])

    async with database.transaction() as tx:
        held = select(Objective.id).where(Objective.id == UUID(line[1]["id"]))
        await tx.execute(held.with_for_update())
        one = asyncio.create_task(made_once(database, lambda tx: _batch(tx, tenant, lowest)))
        await _require_waiting(one)  # on its way up, holding the lowest objective
        two = asyncio.create_task(
            made_once(database, lambda tx: _batch(tx, tenant, beside, highest))
        )
        await _require_waiting(two)

    assert {await one, await two} == {"done"}
    await stored.assert_right(database, tenant.tenant_id)


async def _batch(tx: Transaction, tenant: Tenant, *reported: Json) -> None:
    batch = [NewCheckIn(key_result_id=ref(row["id"]), value=Decimal(50)) for row in reported]
    await check_ins.record_check_ins(tx, tenant.who, batch)


@dataclass
class _Measured:
    """A key result in a cycle of its own."""

    who: Principal
    cycle: UUID
    key_result: UUID

    async def close(self, tx: Transaction) -> None:
        await cycles.set_cycle_state(tx, self.who, self.cycle, CycleState.CLOSED)

    async def report(self, tx: Transaction) -> None:
        new = NewCheckIn(key_result_id=ref(self.key_result), value=Decimal(50))
        await check_ins.record_check_in(tx, self.who, new)


@pytest.fixture
async def measured(tenant: Tenant, build: Build) -> _Measured:
    """Make a key result in a cycle of its own."""
    cycle = await build.cycle()
    key_result = await build.key_result(await build.objective(cycle_id=cycle["id"]))
    return _Measured(tenant.who, UUID(cycle["id"]), UUID(key_result["id"]))


async def test_a_check_in_waits_for_the_closing_of_its_cycle_and_is_refused(
    database: Database, measured: _Measured
) -> None:
    async with database.transaction() as tx:
        await measured.close(tx)
        reporting = asyncio.create_task(made_once(database, measured.report))
        await _require_waiting(reporting)

    assert await reporting == CycleClosed.code
    await stored.assert_right(database, measured.who.tenant_id)


async def test_closing_a_cycle_waits_for_the_check_ins_in_it(
    database: Database, measured: _Measured
) -> None:
    async with database.transaction() as tx:
        await measured.report(tx)
        closing = asyncio.create_task(made_once(database, measured.close))
        await _require_waiting(closing)

    assert await closing == "done"
    await stored.assert_right(database, measured.who.tenant_id)


async def _require_waiting(task: asyncio.Task[str]) -> None:
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, "it should wait for the transaction that is open"

"""Whatever runs at once: no figure is wrong, at any moment, and nothing waits in a circle."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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

from okr_service.access.policy import Principal
from okr_service.actions import service as actions
from okr_service.actions.shapes import ActionState, NewAction, NewActionPlan
from okr_service.checkins import service as check_ins
from okr_service.checkins.shapes import NewCheckIn
from okr_service.cycles import service as cycles
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.shapes import CycleState
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.errors import OkrError, Unavailable
from okr_service.kernel.fields import Ref
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.errors import AlignmentWouldLoop
from okr_service.objectives.model import Objective
from okr_service.objectives.shapes import Metric, NewKeyResult, NewObjective, ObjectiveState
from okr_service.rollup.service import verify

_WORKERS = 10
_MERGE_PATCH = {"content-type": "application/merge-patch+json"}


@dataclass
class _Tree:
    """Everything there is to be edited; some of it may never have been committed."""

    who: Principal
    unit: UUID
    cycle: UUID
    dice: Random
    objectives: list[UUID] = field(default_factory=list)
    key_results: list[UUID] = field(default_factory=list)
    plans: list[UUID] = field(default_factory=list)
    actions: list[UUID] = field(default_factory=list)
    check_ins: list[UUID] = field(default_factory=list)

    def one(self, ids: list[UUID]) -> UUID:
        return self.dice.choice(ids)

    def weight(self) -> Decimal:
        return Decimal(self.dice.randrange(40_000)).scaleb(-4)

    # edits

    async def create_objective(self, tx: Transaction) -> None:
        parent = self.one(self.objectives) if self.objectives else None
        new = NewObjective(
            title="O",
            unit_id=_ref(self.unit),
            cycle_id=_ref(self.cycle),
            parent_id=None if parent is None else _ref(parent),
            weight=self.weight(),
        )
        self.objectives.append((await objectives.create_objective(tx, self.who, new)).id)

    async def weigh_objective(self, tx: Transaction) -> None:
        edit = {"weight": self.weight()}
        await objectives.edit_objective(
            tx, self.who, self.one(self.objectives), lambda o: o.model_copy(update=edit)
        )

    async def set_state(self, tx: Transaction) -> None:
        states = [ObjectiveState.ACTIVE, ObjectiveState.CLOSED, ObjectiveState.CANCELLED]
        [state] = self.dice.choices(states, [30, 10, 1])
        await objectives.set_objective_state(tx, self.who, self.one(self.objectives), state)

    async def align(self, tx: Transaction) -> None:
        parent = _ref(self.one(self.objectives)) if self.dice.random() < 0.9 else None
        await objectives.align_objective(tx, self.who, self.one(self.objectives), parent)

    async def delete_objective(self, tx: Transaction) -> None:
        row_id = self.one(self.objectives)
        await objectives.delete_objective(tx, self.who, row_id)
        self.objectives.remove(row_id)

    async def create_key_result(self, tx: Transaction) -> None:
        [metric] = self.dice.choices([Metric.INCREASE, Metric.AT_LEAST, Metric.ACTIONS], [4, 1, 1])
        new = NewKeyResult(
            title="K",
            objective_id=_ref(self.one(self.objectives)),
            metric=metric,
            target_value=None if metric is Metric.ACTIONS else Decimal(self.dice.randint(1, 9)),
            weight=self.weight(),
        )
        self.key_results.append((await key_results.create_key_result(tx, self.who, new)).id)

    async def edit_key_result(self, tx: Transaction) -> None:
        edit = {"weight": self.weight(), "target_value": Decimal(self.dice.randint(1, 9))}
        await key_results.edit_key_result(
            tx, self.who, self.one(self.key_results), lambda k: k.model_copy(update=edit)
        )

    async def delete_key_result(self, tx: Transaction) -> None:
        row_id = self.one(self.key_results)
        await key_results.delete_key_result(tx, self.who, row_id)
        self.key_results.remove(row_id)

    async def create_action(self, tx: Transaction) -> None:
        new = NewAction(
            action_plan_id=_ref(self.one(self.plans)),
            title="A",
            weight=self.weight(),
            state=self.dice.choice(list(ActionState)),
        )
        self.actions.append((await actions.create_action(tx, self.who, new)).id)

    async def create_action_plan(self, tx: Transaction) -> None:
        new = NewActionPlan(
            title="P",
            key_result_id=_ref(self.one(self.key_results)),
            start_date=date(2026, 3, 1),
            end_date=date(2026, 3, 31),
        )
        self.plans.append((await actions.create_action_plan(tx, self.who, new)).id)

    async def edit_action(self, tx: Transaction) -> None:
        edit = {"weight": self.weight(), "state": self.dice.choice(list(ActionState))}
        await actions.edit_action(
            tx, self.who, self.one(self.actions), lambda a: a.model_copy(update=edit)
        )

    async def delete_action(self, tx: Transaction) -> None:
        row_id = self.one(self.actions)
        await actions.delete_action(tx, self.who, row_id)
        self.actions.remove(row_id)

    async def check_in(self, tx: Transaction) -> None:
        recorded = await check_ins.record_check_in(tx, self.who, self._report())
        self.check_ins.append(recorded.id)

    async def check_in_batch(self, tx: Transaction) -> None:
        batch = [self._report() for _ in range(self.dice.randint(1, 6))]
        recorded = await check_ins.record_check_ins(tx, self.who, batch)
        self.check_ins.extend(one.id for one in recorded)

    async def void(self, tx: Transaction) -> None:
        await check_ins.void_check_in(tx, self.who, self.one(self.check_ins), "wrong")

    def _report(self) -> NewCheckIn:
        return NewCheckIn(
            key_result_id=_ref(self.one(self.key_results)),
            value=Decimal(self.dice.randint(-1, 10)),
            observed_at=datetime.now(UTC) - timedelta(hours=self.dice.randint(0, 3)),
        )


_Edit = Callable[[_Tree, Transaction], Awaitable[None]]
_EDITS: dict[_Edit, int] = {  # and how often they are made
    _Tree.check_in: 12,
    _Tree.check_in_batch: 5,
    _Tree.void: 2,
    _Tree.align: 4,
    _Tree.set_state: 4,
    _Tree.weigh_objective: 2,
    _Tree.create_objective: 1,
    _Tree.delete_objective: 1,
    _Tree.create_key_result: 2,
    _Tree.edit_key_result: 4,
    _Tree.delete_key_result: 1,
    _Tree.create_action_plan: 1,
    _Tree.create_action: 1,
    _Tree.edit_action: 4,
    _Tree.delete_action: 1,
}


@pytest.mark.parametrize("seed", range(3))
async def test_edits_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await _edit_at_once(database, await _planted(database, tenant, build, seed), 40, _EDITS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 108))
async def test_many_edits_at_once_leave_every_figure_right(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await _edit_at_once(database, await _planted(database, tenant, build, seed), 300, _EDITS)


async def _planted(database: Database, tenant: Tenant, build: Build, seed: int) -> _Tree:
    unit, cycle = await build.unit(), await build.cycle()
    tree = _Tree(tenant.who, UUID(unit["id"]), UUID(cycle["id"]), Random(seed))
    for make, times in (
        (tree.create_objective, 12),
        (tree.create_key_result, 24),
        (tree.create_action_plan, 8),
        (tree.create_action, 16),
        (tree.check_in, 20),
    ):
        for _ in range(times):
            await _made(database, make)
    return tree


async def _made(database: Database, edit: Callable[[Transaction], Awaitable[None]]) -> str:
    """Make an edit in a transaction of its own, tried once; returns what became of it."""
    try:
        async with database.transaction() as tx:
            await edit(tx)
    except Unavailable:  # something waited for too long
        raise
    except OkrError as error:
        return error.code
    return "done"


async def _edit_at_once(database: Database, tree: _Tree, edits: int, of: dict[_Edit, int]) -> None:
    outcomes: Counter[str] = Counter()
    kinds, times = list(of), list(of.values())
    is_over = asyncio.Event()

    async def work() -> None:
        for edit in tree.dice.choices(kinds, times, k=edits):
            outcomes[await _made(database, partial(edit, tree))] += 1

    async def watch() -> None:
        while not is_over.is_set():
            async with database.reading() as connection:
                assert await verify(connection, tree.who.tenant_id) == []

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
    tree = await _planted(database, tenant, build, 4)
    safe = [_Tree.check_in, _Tree.check_in_batch, _Tree.weigh_objective, _Tree.edit_key_result]
    await _edit_at_once(database, tree, 60, dict.fromkeys(safe, 1))


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
            under = None if parent is None else _ref(parent["id"])
            await objectives.align_objective(tx, tenant.who, UUID(row["id"]), under)

        return _made(database, align)

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
        batch = asyncio.create_task(_made(database, lambda tx: _batch(tx, tenant, *others)))
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
        one = asyncio.create_task(_made(database, lambda tx: _batch(tx, tenant, lowest)))
        await _require_waiting(one)  # on its way up, holding the lowest objective
        two = asyncio.create_task(_made(database, lambda tx: _batch(tx, tenant, beside, highest)))
        await _require_waiting(two)

    assert {await one, await two} == {"done"}
    await stored.assert_right(database, tenant.tenant_id)


async def _batch(tx: Transaction, tenant: Tenant, *reported: Json) -> None:
    batch = [NewCheckIn(key_result_id=_ref(row["id"]), value=Decimal(50)) for row in reported]
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
        new = NewCheckIn(key_result_id=_ref(self.key_result), value=Decimal(50))
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
        reporting = asyncio.create_task(_made(database, measured.report))
        await _require_waiting(reporting)

    assert await reporting == CycleClosed.code
    await stored.assert_right(database, measured.who.tenant_id)


async def test_closing_a_cycle_waits_for_the_check_ins_in_it(
    database: Database, measured: _Measured
) -> None:
    async with database.transaction() as tx:
        await measured.report(tx)
        closing = asyncio.create_task(_made(database, measured.close))
        await _require_waiting(closing)

    assert await closing == "done"
    await stored.assert_right(database, measured.who.tenant_id)


async def _require_waiting(task: asyncio.Task[str]) -> None:
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, "it should wait for the transaction that is open"


def _ref(row_id: UUID | str) -> Ref:
    return Ref(str(row_id))

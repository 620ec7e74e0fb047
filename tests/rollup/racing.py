"""A tree that many connections edit at once, and the edits they make."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from tests.build import Build
from tests.conftest import Tenant

from okr_service.access.policy import Principal
from okr_service.actions import plans
from okr_service.actions import service as actions
from okr_service.actions.shapes import ActionState, NewAction, NewActionPlan
from okr_service.analysis.service import simulate
from okr_service.analysis.shapes import Edit as Edited
from okr_service.analysis.shapes import Hypothesis
from okr_service.checkins import service as check_ins
from okr_service.checkins.shapes import NewCheckIn
from okr_service.kernel.database import Database, Transaction, is_retryable
from okr_service.kernel.errors import OkrError, Unavailable
from okr_service.kernel.fields import Ref
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.shapes import (
    Aggregate,
    Metric,
    NewKeyResult,
    NewObjective,
    ObjectiveState,
    ValueSource,
)

_TRIES = 4


@dataclass
class Tree:
    """Everything there is to be edited; some of it may never have been committed."""

    who: Principal
    unit: UUID
    cycle: UUID
    dice: Random
    objectives: list[UUID] = field(default_factory=list)
    key_results: list[UUID] = field(default_factory=list)
    fed: list[UUID] = field(default_factory=list)
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
            unit_id=ref(self.unit),
            cycle_id=ref(self.cycle),
            parent_id=None if parent is None else ref(parent),
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
        parent = ref(self.one(self.objectives)) if self.dice.random() < 0.9 else None
        await objectives.align_objective(tx, self.who, self.one(self.objectives), parent)

    async def delete_objective(self, tx: Transaction) -> None:
        row_id = self.one(self.objectives)
        await objectives.delete_objective(tx, self.who, row_id)
        self.objectives.remove(row_id)

    async def create_key_result(self, tx: Transaction) -> None:
        [metric] = self.dice.choices([Metric.INCREASE, Metric.AT_LEAST, Metric.ACTIONS], [4, 1, 1])
        new = NewKeyResult(
            title="K",
            objective_id=ref(self.one(self.objectives)),
            metric=metric,
            target_value=None if metric is Metric.ACTIONS else Decimal(self.dice.randint(1, 9)),
            weight=self.weight(),
        )
        self.key_results.append((await key_results.create_key_result(tx, self.who, new)).id)

    async def create_fed(self, tx: Transaction) -> None:
        """Create a key result that others feed, and that may feed another."""
        of = ref(self.one(self.objectives))
        above = ref(self.one(self.fed)) if self.fed and self.dice.random() < 0.5 else None
        new = NewKeyResult(
            title="K",
            objective_id=of,
            target_value=Decimal(9),
            weight=self.weight(),
            source=ValueSource.CHILDREN,
            aggregate=self.dice.choice(list(Aggregate)),
            feeds_id=above,
        )
        self.fed.append((await key_results.create_key_result(tx, self.who, new)).id)

    async def create_feeding(self, tx: Transaction) -> None:
        new = NewKeyResult(
            title="K",
            objective_id=ref(self.one(self.objectives)),
            target_value=Decimal(9),
            feeds_id=ref(self.one(self.fed)),
        )
        self.key_results.append((await key_results.create_key_result(tx, self.who, new)).id)

    async def feed(self, tx: Transaction) -> None:
        fed = ref(self.one(self.fed)) if self.fed and self.dice.random() < 0.9 else None
        edit = {"feeds_id": fed}
        row_id = self.one([*self.key_results, *self.fed])
        await key_results.edit_key_result(tx, self.who, row_id, lambda k: k.model_copy(update=edit))

    async def simulate(self, tx: Transaction) -> None:
        report = self._report()
        moved = {"parent_id": str(self.one(self.objectives)), "weight": float(self.weight())}
        changes = [
            Hypothesis(check_in=report),
            Hypothesis(edit_objective=Edited(id=ref(self.one(self.objectives)), changes=moved)),
        ]
        await simulate(tx, self.who, changes)

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
            action_plan_id=ref(self.one(self.plans)),
            title="A",
            weight=self.weight(),
            state=self.dice.choice(list(ActionState)),
        )
        self.actions.append((await actions.create_action(tx, self.who, new)).id)

    async def create_action_plan(self, tx: Transaction) -> None:
        new = NewActionPlan(
            title="P",
            key_result_id=ref(self.one(self.key_results)),
            start_date=date(2026, 3, 1),
            end_date=date(2026, 3, 31),
        )
        self.plans.append((await plans.create_action_plan(tx, self.who, new)).id)

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
            key_result_id=ref(self.one(self.key_results)),
            value=Decimal(self.dice.randint(-1, 10)),
            observed_at=datetime.now(UTC) - timedelta(hours=self.dice.randint(0, 3)),
        )


Edit = Callable[[Tree, Transaction], Awaitable[None]]
EDITS: dict[Edit, int] = {  # and how often they are made
    Tree.check_in: 12,
    Tree.check_in_batch: 5,
    Tree.void: 2,
    Tree.align: 4,
    Tree.set_state: 4,
    Tree.weigh_objective: 2,
    Tree.create_objective: 1,
    Tree.delete_objective: 1,
    Tree.create_key_result: 2,
    Tree.edit_key_result: 4,
    Tree.delete_key_result: 1,
    Tree.create_action_plan: 1,
    Tree.create_action: 1,
    Tree.edit_action: 4,
    Tree.delete_action: 1,
    Tree.create_fed: 1,
    Tree.create_feeding: 2,
    Tree.feed: 3,
    Tree.simulate: 2,
}


async def planted(database: Database, tenant: Tenant, build: Build, seed: int) -> Tree:
    unit, cycle = await build.unit(), await build.cycle()
    tree = Tree(tenant.who, UUID(unit["id"]), UUID(cycle["id"]), Random(seed))
    for make, times in (
        (tree.create_objective, 12),
        (tree.create_key_result, 24),
        (tree.create_fed, 4),
        (tree.create_feeding, 6),
        (tree.feed, 12),
        (tree.create_action_plan, 8),
        (tree.create_action, 16),
        (tree.check_in, 20),
    ):
        for _ in range(times):
            await made_once(database, make)
    return tree


async def made_once(database: Database, edit: Callable[[Transaction], Awaitable[None]]) -> str:
    """Make an edit in a transaction of its own, as a door does; returns what became of it."""
    for _ in range(_TRIES):
        try:
            async with database.transaction() as tx:
                await edit(tx)
        except Unavailable:  # something waited for too long
            raise
        except OkrError as error:
            return error.code
        except DBAPIError as error:  # two that wait for each other, which is seldom
            if not is_retryable(error):
                raise
        else:
            return "done"
    raise AssertionError("it met another each time")


def ref(row_id: UUID | str) -> Ref:
    return Ref(str(row_id))

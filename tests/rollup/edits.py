"""Edits made to a tenant and to the model of it alike.

Each edit says by the domain's rules whether it is allowed; the service has to
agree. A refused edit leaves the model as it was, and has to leave the tables so.
(`together` makes only those that are allowed: a refusal would take back the rest.)
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from tests.rollup import exact

from okr_service.access.policy import Principal
from okr_service.actions import plans
from okr_service.actions import service as actions
from okr_service.actions.shapes import ActionState, NewAction, NewActionPlan
from okr_service.checkins import service as check_ins
from okr_service.checkins.shapes import NewCheckIn
from okr_service.cycles import service as cycles
from okr_service.cycles.shapes import CycleState, NewCycle
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import DEEPEST, hold_structure
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
from okr_service.organisation import service as organisation
from okr_service.organisation.shapes import NewUnit
from okr_service.rollup import service as rollup

T = TypeVar("T")

_NEXT = {
    "draft": {"draft", "active", "cancelled"},
    "active": {"active", "closed", "cancelled"},
    "closed": {"closed", "active"},
    "cancelled": {"cancelled"},
}
_LIMIT = Decimal(10**20 - 1)
_MOMENTS = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
_TOO_LATE = timedelta(days=3)

weights = st.sampled_from(
    [Decimal(text) for text in ("1", "0", "2", "3", "0.0001", "33.3333", "1000000")]
) | st.decimals(0, 1_000_000, places=4)
values = (
    st.integers(0, 12).map(Decimal)
    | st.decimals(0, 13, places=9)
    | st.decimals(-20, 130, places=3)
    | st.decimals(-_LIMIT, _LIMIT, places=10)
)
_observed = st.sampled_from([*_MOMENTS, *_MOMENTS, None, timedelta(hours=3), _TOO_LATE])


@dataclass(frozen=True)
class Measure:
    """How a key result is measured."""

    metric: Metric
    start_value: Decimal | None
    target_value: Decimal | None
    target_max: Decimal | None
    aggregate: Aggregate | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Return the fields of the input."""
        source = None if self.aggregate is None else ValueSource.CHILDREN
        return {**vars(self), "source": source}

    @property
    def is_sound(self) -> bool:
        if self.metric is Metric.ACTIONS and self.aggregate is not None:
            return False
        start, target, upper = self.start_value, self.target_value, self.target_max
        if self.metric in (Metric.BOOLEAN, Metric.ACTIONS):
            return start is None and target is None and upper is None
        if target is None or (upper is not None) is not (self.metric is Metric.BETWEEN):
            return False
        if self.metric is Metric.INCREASE:
            return target > (start or 0)
        if self.metric is Metric.DECREASE:
            return start is not None and target < start
        return upper is None or target <= upper

    def given_to(self, key_result: exact.KeyResult) -> exact.KeyResult:
        start = _exact(self.start_value)
        if self.metric is Metric.INCREASE and start is None:
            start = Fraction(0)
        return replace(
            key_result,
            metric=self.metric.value,
            start=start,
            target=_exact(self.target_value),
            upper=_exact(self.target_max),
            aggregate=self.aggregate and self.aggregate.value,
        )


@st.composite
def measures(draw: st.DrawFn) -> Measure:
    """Draw a measure that is sound more often than not."""
    metric = draw(st.sampled_from(Metric))
    figure = values | st.none()
    start, target, upper = draw(figure), draw(figure), draw(figure)
    if draw(st.integers(0, 4)):
        low, high = sorted((start or Decimal(0), target or Decimal(10)))
        start, target = (high, low) if metric is Metric.DECREASE else (low, high)
        upper = target if metric is Metric.BETWEEN else None
        target = low if metric is Metric.BETWEEN else target
    if metric in (Metric.BOOLEAN, Metric.ACTIONS) and draw(st.integers(0, 4)):
        start, target, upper = None, None, None
    aggregate = None if draw(st.integers(0, 2)) else draw(st.sampled_from(Aggregate))
    if metric is Metric.ACTIONS and draw(st.integers(0, 4)):
        aggregate = None
    return Measure(metric, start, target, upper, aggregate)


class Edited:
    """A tenant, the model of it, and the edits that both undergo."""

    def __init__(self, database: Database, who: Principal, data: st.DataObject) -> None:
        self.database = database
        self.who = who
        self.data = data
        self.model = exact.Forest()
        self._tx: Transaction | None = None
        self._numbers = count(1)
        self._plans: dict[UUID, UUID] = {}  # and their key results
        self._actions: dict[UUID, UUID] = {}  # and their plans
        self._check_ins: dict[UUID, UUID] = {}  # and their key results
        self._sent: dict[UUID, NewCheckIn] = {}
        self._is_closed = False

    async def begin(self) -> None:
        """Make a unit, a cycle, and three objectives with a key result each, in a line."""
        self._unit = (
            await self._make(lambda tx: organisation.create_unit(tx, self.who, NewUnit(name="U")))
        ).id
        year = NewCycle(code="Y", start_date=date(2026, 1, 1), end_date=date(2026, 12, 31))
        self.cycle_id = (await self._make(lambda tx: cycles.create_cycle(tx, self.who, year))).id
        above: UUID | None = None
        for _ in range(3):
            above = await self._add_objective(above, Decimal(2), ObjectiveState.ACTIVE)
            assert above is not None
            ten = Measure(Metric.INCREASE, None, Decimal(7), None)
            await self._add_key_result(above, ten, Decimal(1), None)
            summed = replace(ten, aggregate=Aggregate.SUM)
            fed = None if not self._fed_ids() else self._fed_ids()[-1]
            await self._add_key_result(above, summed, Decimal(1), fed)
            await self._add_key_result(above, ten, Decimal(1), self._fed_ids()[-1])

    async def edit(self) -> None:
        """Make any edit."""
        await self._draw(st.sampled_from(EDITS))(self)

    # objectives

    async def create_objective(self) -> None:
        parent = self._one_of(self.model.objectives) if self._mostly(4) else None
        state = self._draw(st.sampled_from([ObjectiveState.ACTIVE, *ObjectiveState]))
        await self._add_objective(parent, self._draw(weights), state)

    async def _add_objective(
        self, parent: UUID | None, weight: Decimal, state: ObjectiveState
    ) -> UUID | None:
        new = NewObjective(
            title="O",
            unit_id=_ref(self._unit),
            cycle_id=_ref(self.cycle_id),
            parent_id=None if parent is None else _ref(parent),
            weight=weight,
            state=state,
        )
        made = await self._attempt(
            parent is None or self._may_join(parent, 0),
            lambda tx: objectives.create_objective(tx, self.who, new),
        )
        if made is None:
            return None
        self.model.objectives[made.id] = exact.Objective(parent, Fraction(weight), state.value)
        return made.id

    async def weigh_objective(self) -> None:
        await self._edit_objective({"weight": self._draw(weights)})

    async def edit_objective(self) -> None:
        edit: dict[str, object] = {"parent_id": self._maybe_a_parent()}
        if self._mostly(2):
            edit["weight"] = self._draw(weights)
        if self._mostly(2):
            edit["state"] = self._draw(st.sampled_from(ObjectiveState))
        await self._edit_objective(edit)

    async def _edit_objective(self, edit: dict[str, object]) -> None:
        row_id = self._one_of(self.model.objectives)
        objective = self.model.objectives[row_id]
        wanted = replace(objective, **_of_objective(edit))
        allowed = (
            not objective.deleted
            and wanted.state in _NEXT[objective.state]
            and self._may_be_under(row_id, wanted.parent_id)
        )
        given = {name: _ref(v) if isinstance(v, UUID) else v for name, v in edit.items()}
        made = await self._attempt(
            allowed,
            lambda tx: objectives.edit_objective(
                tx, self.who, row_id, lambda present: present.model_copy(update=given)
            ),
        )
        if made is not None:
            self.model.objectives[row_id] = wanted

    async def set_state(self) -> None:
        row_id = self._one_of(self.model.objectives)
        objective = self.model.objectives[row_id]
        state = self._draw(st.sampled_from(ObjectiveState))
        made = await self._attempt(
            not objective.deleted and state.value in _NEXT[objective.state],
            lambda tx: objectives.set_objective_state(tx, self.who, row_id, state),
        )
        if made is not None:
            objective.state = state.value

    async def align(self) -> None:
        row_id, parent = self._one_of(self.model.objectives), self._maybe_a_parent()
        objective = self.model.objectives[row_id]
        made = await self._attempt(
            not objective.deleted and self._may_be_under(row_id, parent),
            lambda tx: objectives.align_objective(
                tx, self.who, row_id, None if parent is None else _ref(parent)
            ),
        )
        if made is not None:
            objective.parent_id = parent

    async def delete_objective(self) -> None:
        row_id = self._one_of(self.model.objectives)
        objective = self.model.objectives[row_id]
        are_fed = [
            self.model.is_fed(key_result_id)
            for key_result_id, key_result in self.model.key_results.items()
            if key_result.objective_id == row_id
        ]
        is_done = await self._attempt(
            not objective.deleted and not self.model.children(row_id) and not any(are_fed),
            _done(lambda tx: objectives.delete_objective(tx, self.who, row_id)),
        )
        if is_done:
            objective.deleted = True
            for key_result in self.model.key_results.values():
                key_result.deleted |= key_result.objective_id == row_id

    # key results

    async def create_key_result(self) -> None:
        objective = self._one_of(self.model.objectives)
        await self._add_key_result(
            objective, self._draw(measures()), self._draw(weights), self._maybe_fed()
        )

    async def _add_key_result(
        self, objective: UUID, measure: Measure, weight: Decimal, fed: UUID | None
    ) -> None:
        new = NewKeyResult(
            title="K",
            objective_id=_ref(objective),
            weight=weight,
            feeds_id=fed and _ref(fed),
            **measure.given,
        )
        allowed = measure.is_sound and not self.model.objectives[objective].deleted
        made = await self._attempt(
            allowed and self._may_feed(None, measure.metric.value, fed),
            lambda tx: key_results.create_key_result(tx, self.who, new),
        )
        if made is not None:
            empty = exact.KeyResult(objective, Fraction(weight), measure.metric.value)
            self.model.key_results[made.id] = replace(measure.given_to(empty), feeds_id=fed)

    async def edit_key_result(self) -> None:
        row_id = self._one_of(self.model.key_results)
        measure, present = self._draw(measures()), self.model.key_results[row_id]
        if self._mostly(2):
            kept = Aggregate(present.aggregate) if present.aggregate else None
            measure = replace(measure, aggregate=kept)
        keeps_source = (measure.aggregate is None) is (present.aggregate is None)
        allowed = (
            measure.is_sound
            and (keeps_source or not self.model.is_fed(row_id))
            and self._may_feed(row_id, measure.metric.value, present.feeds_id)
        )
        await self._edit_key_result(row_id, measure.given_to, allowed, measure.given)

    async def feed(self) -> None:
        """Let a key result feed another one, or none."""
        row_id, fed = self._one_of(self.model.key_results), self._maybe_fed()
        metric = self.model.key_results[row_id].metric

        def feeding(key_result: exact.KeyResult) -> exact.KeyResult:
            return replace(key_result, feeds_id=fed)

        allowed = self._may_feed(row_id, metric, fed)
        await self._edit_key_result(row_id, feeding, allowed, {"feeds_id": fed and _ref(fed)})

    async def weigh_key_result(self) -> None:
        row_id, weight = self._one_of(self.model.key_results), self._draw(weights)

        def weighed(key_result: exact.KeyResult) -> exact.KeyResult:
            return replace(key_result, weight=Fraction(weight))

        await self._edit_key_result(row_id, weighed, True, {"weight": weight})

    async def _edit_key_result(
        self,
        row_id: UUID,
        edited: Callable[[exact.KeyResult], exact.KeyResult],
        is_sound: bool,
        edit: dict[str, object],
    ) -> None:
        key_result = self.model.key_results[row_id]
        made = await self._attempt(
            is_sound and not key_result.deleted,
            lambda tx: key_results.edit_key_result(
                tx, self.who, row_id, lambda present: present.model_copy(update=edit)
            ),
        )
        if made is not None:
            self.model.key_results[row_id] = edited(key_result)

    async def delete_key_result(self) -> None:
        row_id = self._one_of(self.model.key_results)
        key_result = self.model.key_results[row_id]
        is_done = await self._attempt(
            not key_result.deleted and not self.model.is_fed(row_id),
            _done(lambda tx: key_results.delete_key_result(tx, self.who, row_id)),
        )
        key_result.deleted |= bool(is_done)

    # actions

    async def create_action_plan(self) -> None:
        key_result = self._one_of(self.model.key_results)
        march = (date(2026, 3, 1), date(2026, 3, 31))
        new = NewActionPlan(
            title="P", key_result_id=_ref(key_result), start_date=march[0], end_date=march[1]
        )
        made = await self._attempt(
            not self.model.key_results[key_result].deleted,
            lambda tx: plans.create_action_plan(tx, self.who, new),
        )
        if made is not None:
            self._plans[made.id] = key_result

    async def delete_action_plan(self) -> None:
        if not self._plans:
            return
        plan = self._one_of(self._plans)
        is_done = await self._attempt(
            plan not in self._actions.values(),
            _done(lambda tx: plans.delete_action_plan(tx, self.who, plan)),
        )
        if is_done:
            del self._plans[plan]

    async def create_action(self) -> None:
        if not self._plans:
            await self.create_action_plan()
        if not self._plans:
            return
        plan = self._one_of(self._plans)
        weight, state = self._draw(weights), self._draw(st.sampled_from(ActionState))
        new = NewAction(action_plan_id=_ref(plan), title="A", weight=weight, state=state)
        key_result = self.model.key_results[self._plans[plan]]
        made = await self._attempt(
            not key_result.deleted, lambda tx: actions.create_action(tx, self.who, new)
        )
        if made is not None:
            self._actions[made.id] = plan
            key_result.actions[made.id] = exact.Action(Fraction(weight), state.value)

    async def edit_action(self) -> None:
        if not self._actions:
            return
        row_id = self._one_of(self._actions)
        key_result = self.model.key_results[self._plans[self._actions[row_id]]]
        action = key_result.actions[row_id]
        edit: dict[str, object] = {"state": self._draw(st.sampled_from(ActionState))}
        if self._mostly(2):
            edit["weight"] = self._draw(weights)
        made = await self._attempt(
            not key_result.deleted,
            lambda tx: actions.edit_action(
                tx, self.who, row_id, lambda present: present.model_copy(update=edit)
            ),
        )
        if made is not None:
            action.state = str(edit["state"])
            weight = edit.get("weight", action.weight)
            assert isinstance(weight, Decimal | Fraction)
            action.weight = Fraction(weight)

    async def delete_action(self) -> None:
        if not self._actions:
            return
        row_id = self._one_of(self._actions)
        key_result = self.model.key_results[self._plans[self._actions[row_id]]]
        is_done = await self._attempt(
            not key_result.deleted,
            _done(lambda tx: actions.delete_action(tx, self.who, row_id)),
        )
        if is_done:
            del key_result.actions[row_id], self._actions[row_id]

    # check-ins

    async def check_in(self) -> None:
        new = self._new_check_in()
        await self._record([new], lambda tx: _listed(check_ins.record_check_in(tx, self.who, new)))

    async def correct(self) -> None:
        if not self._check_ins:
            return
        voided = self._one_of(self._check_ins)
        of = self._check_ins[voided]
        if not self._mostly(5):
            of = self._one_of(self.model.key_results)
        new = self._new_check_in(of).model_copy(update={"voids_id": voided})
        await self._record([new], lambda tx: _listed(check_ins.record_check_in(tx, self.who, new)))

    async def check_in_batch(self) -> None:
        batch = [self._new_check_in() for _ in range(self._draw(st.integers(1, 4)))]
        if self._check_ins and self._mostly(3):
            voided = self._one_of(self._check_ins)
            correction = self._new_check_in(self._check_ins[voided])
            batch.append(correction.model_copy(update={"voids_id": voided}))
        if self._mostly(4):
            batch.append(batch[0])
        await self._record(batch, lambda tx: check_ins.record_check_ins(tx, self.who, batch))

    async def check_in_again(self) -> None:
        """Send what was sent before, or something else under its external id."""
        if not self._sent:
            return
        new = self._sent[self._one_of(self._sent)]
        if not self._mostly(4):
            new = new.model_copy(update={"value": self._draw(values)})
        await self._record([new], lambda tx: _listed(check_ins.record_check_in(tx, self.who, new)))

    async def void(self) -> None:
        if not self._check_ins:
            return
        row_id = self._one_of(self._check_ins)
        key_result = self.model.key_results[self._check_ins[row_id]]
        check_in = key_result.check_ins[row_id]
        made = await self._attempt(
            self._takes_reports(key_result) and not check_in.voided,
            lambda tx: check_ins.void_check_in(tx, self.who, row_id, "wrong"),
        )
        check_in.voided |= made is not None

    def _new_check_in(self, key_result: UUID | None = None) -> NewCheckIn:
        key_result = key_result or self._one_of(self.model.key_results)
        value = self._draw(values)
        if self.model.key_results[key_result].metric == "boolean" and self._mostly(5):
            value = abs(value) % 2 // 1
        observed = self._draw(_observed)
        return NewCheckIn(
            external_id=f"c{next(self._numbers)}" if self._mostly(2) else None,
            key_result_id=_ref(key_result),
            value=value,
            observed_at=datetime.now(UTC) + observed
            if isinstance(observed, timedelta)
            else observed,
        )

    async def _record(
        self,
        batch: Sequence[NewCheckIn],
        call: Callable[[Transaction], Awaitable[list[check_ins.Recorded]]],
    ) -> None:
        now = datetime.now(UTC)
        recorded = await self._attempt(self._may_record(batch, now), call, even_if_closed=True)
        for new, outcome in zip(batch, recorded or [], strict=bool(recorded)):
            of = UUID(new.key_result_id)
            assert outcome.is_new is (outcome.id not in self._check_ins)
            if not outcome.is_new:
                continue
            check_ins_of = self.model.key_results[of].check_ins
            if new.voids_id is not None:
                check_ins_of[new.voids_id].voided = True
            check_ins_of[outcome.id] = exact.CheckIn(
                Fraction(new.value), new.observed_at or now, next(self._numbers)
            )
            self._check_ins[outcome.id] = of
            if new.external_id is not None:
                self._sent[outcome.id] = new

    def _may_record(self, batch: Sequence[NewCheckIn], now: datetime) -> bool:
        sent = {new.external_id: new for new in self._sent.values()}
        voided: set[UUID] = set()
        for new in batch:
            key_result = self.model.key_results[UUID(new.key_result_id)]
            if key_result.deleted:
                return False
            if new.external_id in sent:
                if sent[new.external_id] != new:
                    return False
                continue
            if not self._fits(new, key_result, now) or new.voids_id in voided:
                return False
            if new.voids_id is not None:
                voided.add(new.voids_id)
            if new.external_id is not None:
                sent[new.external_id] = new
        return True

    def _fits(self, new: NewCheckIn, key_result: exact.KeyResult, now: datetime) -> bool:
        check_ins_of = key_result.check_ins
        return (
            self._takes_reports(key_result)
            and key_result.metric != "actions"
            and key_result.aggregate is None
            and (key_result.metric != "boolean" or new.value in (0, 1))
            and (new.observed_at is None or new.observed_at < now + timedelta(days=1))
            and (
                new.voids_id is None
                or (new.voids_id in check_ins_of and not check_ins_of[new.voids_id].voided)
            )
        )

    def _takes_reports(self, key_result: exact.KeyResult) -> bool:
        objective = self.model.objectives[key_result.objective_id]
        return (
            not key_result.deleted
            and not self._is_closed
            and objective.state not in ("closed", "cancelled")
        )

    # several at once

    async def while_closed(self) -> None:
        """Try an edit while the cycle is closed."""
        await self._set_cycle(CycleState.CLOSED)
        await self._another()
        await self._set_cycle(CycleState.OPEN)

    async def _set_cycle(self, state: CycleState) -> None:
        await self._make(lambda tx: cycles.set_cycle_state(tx, self.who, self.cycle_id, state))
        self._is_closed = state is CycleState.CLOSED

    async def together(self) -> None:
        """Do some edits in one transaction that rolls up once, as imports do."""
        async with self.database.transaction() as tx:
            await hold_structure(tx, self.who.tenant_id, alone=True)
            async with rollup.deferred(tx, self.who.tenant_id):
                with self._within(tx):
                    for _ in range(self._draw(st.integers(2, 6))):
                        await self._another()

    @contextmanager
    def _within(self, tx: Transaction) -> Iterator[None]:
        self._tx = tx
        yield
        self._tx = None

    async def _another(self) -> None:
        await self._draw(st.sampled_from(SINGLE))(self)

    # how

    async def _make(self, call: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self.database.transaction() as tx:
            return await call(tx)

    async def _attempt(
        self,
        allowed: bool,
        call: Callable[[Transaction], Awaitable[T]],
        *,
        even_if_closed: bool = False,
    ) -> T | None:
        if self._is_closed and not even_if_closed:
            allowed = False
        if self._tx is not None:
            return await call(self._tx) if allowed else None
        try:
            made = await self._make(call)
        except OkrError:
            if allowed:
                raise
            return None
        assert allowed, "the service allows what the domain does not"
        return made

    def _may_join(self, parent: UUID, height: int) -> bool:
        return self._takes_in(parent) and len(self.model.line(parent)) + 1 + height <= DEEPEST

    def _takes_in(self, row_id: UUID) -> bool:
        objective = self.model.objectives[row_id]
        return not objective.deleted and objective.state not in _ENDED

    def _may_be_under(self, row_id: UUID, parent: UUID | None) -> bool:
        if parent is None or parent == self.model.objectives[row_id].parent_id:
            return True
        is_loop = row_id in self.model.line(parent)
        return not is_loop and self._may_join(parent, self.model.height(row_id))

    def _may_feed(self, row_id: UUID | None, metric: str, fed: UUID | None) -> bool:
        if fed is None:
            return True
        line = self.model.fed_line(fed)
        joins = row_id is None or self.model.key_results[row_id].feeds_id != fed
        return (
            metric != "actions"
            and (not joins or self._takes_in(self.model.key_results[fed].objective_id))
            and not self.model.key_results[fed].deleted
            and self.model.key_results[fed].aggregate is not None
            and row_id not in line
        )

    def _draw(self, strategy: st.SearchStrategy[T]) -> T:
        return self.data.draw(strategy)

    def _mostly(self, of: int) -> bool:
        """Draw false once in so many times."""
        return self._draw(st.integers(0, of - 1)) > 0

    def _one_of(self, ids: dict[UUID, T]) -> UUID:
        return self._draw(st.integers(0, len(ids) - 1).map(list(ids).__getitem__))

    def _fed_ids(self) -> list[UUID]:
        return [row_id for row_id, k in self.model.key_results.items() if k.aggregate is not None]

    def _maybe_fed(self) -> UUID | None:
        """Draw a key result to feed: one that takes feeds, any other, or none."""
        fed = self._fed_ids() if self._mostly(6) else list(self.model.key_results)
        return self._draw(st.sampled_from(fed)) if fed and self._mostly(3) else None

    def _maybe_a_parent(self) -> UUID | None:
        return self._one_of(self.model.objectives) if self._mostly(5) else None


_ENDED = (ObjectiveState.CLOSED.value, ObjectiveState.CANCELLED.value)
_Edit = Callable[[Edited], Awaitable[None]]
_SINGLE: dict[_Edit, int] = {  # and how often they are made
    Edited.create_objective: 3,
    Edited.create_key_result: 3,
    Edited.check_in: 6,
    Edited.check_in_batch: 2,
    Edited.correct: 1,
    Edited.check_in_again: 1,
    Edited.void: 2,
    Edited.align: 3,
    Edited.set_state: 3,
    Edited.weigh_objective: 1,
    Edited.edit_objective: 2,
    Edited.delete_objective: 1,
    Edited.weigh_key_result: 1,
    Edited.edit_key_result: 3,
    Edited.delete_key_result: 1,
    Edited.feed: 3,
    Edited.create_action_plan: 1,
    Edited.create_action: 2,
    Edited.edit_action: 2,
    Edited.delete_action: 1,
    Edited.delete_action_plan: 1,
}
SINGLE = [edit for edit, times in _SINGLE.items() for _ in range(times)]
EDITS = [*SINGLE, Edited.while_closed, Edited.together, Edited.together]


def _done(
    call: Callable[[Transaction], Awaitable[None]],
) -> Callable[[Transaction], Awaitable[bool]]:
    async def done(tx: Transaction) -> bool:
        await call(tx)
        return True

    return done


async def _listed(one: Awaitable[T]) -> list[T]:
    return [await one]


def _of_objective(edit: dict[str, object]) -> dict[str, Any]:
    converted = {"weight": Fraction, "state": str}
    return {name: converted.get(name, lambda v: v)(value) for name, value in edit.items()}


def _ref(row_id: UUID) -> Ref:
    return Ref(str(row_id))


def _exact(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)

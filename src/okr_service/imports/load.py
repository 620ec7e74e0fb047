"""Making a plan so, many things at once, through the rooms' own functions.

First it is looked up what is there and what of it the file changes; then everything that
will be touched is held, in the order that everyone keeps (see the rollup); then each kind
is written in batches, parents before children. What is the same is not touched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TypeVar
from uuid import UUID

from okr_service.access.policy import Principal
from okr_service.actions import service as actions
from okr_service.actions.shapes import NewAction, NewActionPlan
from okr_service.checkins import service as checkins
from okr_service.checkins.shapes import NewCheckIn, Source
from okr_service.cycles.model import Cycle
from okr_service.imports.calendar import end_of_month
from okr_service.imports.columns import MONTHS
from okr_service.imports.comparing import (
    Differing,
    cell_changes,
    current_change,
    monthly,
    planned_changes,
)
from okr_service.imports.frame import Frame
from okr_service.imports.keys import short
from okr_service.imports.kinds import ACTION, CHECK_IN, KEY_RESULT, OBJECTIVE, Kind
from okr_service.imports.ledger import CellChange, Ledger
from okr_service.imports.plan import Key, Plan, Thing, levels
from okr_service.imports.present import (
    Present,
    present_action_plans,
    present_actions,
    present_key_results,
    present_objectives,
)
from okr_service.imports.pruning import Pruning, prune
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.fields import Input, Ref
from okr_service.kernel.references import EXTERNAL
from okr_service.kernel.validation import merging, validated
from okr_service.kernel.writes import Edited
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.service import ObjectiveEdit
from okr_service.objectives.shapes import NewKeyResult, NewObjective, PlannedFigure
from okr_service.objectives.values import named_objectives
from okr_service.rollup import service as rollup

_I = TypeVar("_I", bound=Input)
_T = TypeVar("_T")

_Edit = Callable[[_I], _I]
_Needs = Callable[[Thing], Mapping[str, Key]]

_BATCH = 1_000


@dataclass
class _Work:
    """What is to be done about one kind: what is new, and what differs, by key."""

    new: dict[Key, Thing] = field(default_factory=dict)
    differing: dict[Key, Differing] = field(default_factory=dict)


@dataclass(frozen=True)
class _Report:
    """A value that is reported: of which key result, once it is there; what it changes, if old."""

    key_result_id: UUID | None
    change: CellChange | None


class Loader:
    """Makes one plan so, in one transaction that holds the tenant's structure alone."""

    def __init__(
        self,
        tx: Transaction,
        who: Principal,
        plan: Plan,
        ledger: Ledger,
        frame: Frame,
        pruning: Pruning,
    ) -> None:
        self._tx = tx
        self._who = who
        self._plan = plan
        self._ledger = ledger
        self._frame = frame
        self._pruning = pruning
        self._cycle_of: dict[str, Cycle] = {}  # of each objective, by its code
        self._objectives = _Work()
        self._key_results = _Work()
        self._reports: dict[Key, _Report] = {}
        self._actions = _Work()
        self._action_plans: dict[str, UUID | OkrError] = {}

    async def load(self) -> None:
        """Create and update all that the plan speaks of."""
        await self._compare_objectives()
        await self._compare_key_results()
        await self._compare_actions()
        await self._hold()
        await self._load_objectives()
        await self._load_key_results()
        await self._record_reports()
        await self._load_actions()
        await prune(self._tx, self._who, self._pruning)

    async def _compare_objectives(self) -> None:
        for batch in batches(list(self._plan.objectives.values())):
            found = await present_objectives(self._tx, self._who, [one.key[0] for one in batch])
            for thing in batch:
                present = found.get(thing.key[0])
                code = thing.text("cycle") or (str(present.fields["cycle_id"]) if present else "")
                if code in self._frame.cycles:
                    self._cycle_of[thing.key[0]] = self._frame.cycles[code]
                self._compare(self._objectives, OBJECTIVE, thing, present)

    def _compare(
        self,
        work: _Work,
        kind: Kind,
        thing: Thing,
        present: Present | None,
        more: Sequence[CellChange] = (),
    ) -> None:
        if present is None:
            work.new[thing.key] = thing
            return
        changes = [*cell_changes(kind, thing, present, self._frame.people), *more]
        if changes:
            work.differing[thing.key] = Differing(thing, present, changes)

    async def _compare_key_results(self) -> None:
        planned = any(column in self._plan.table.places for column in MONTHS)
        for batch in batches(list(self._plan.key_results.values())):
            keys = ["/".join(one.key) for one in batch]
            found = await present_key_results(self._tx, self._who, keys, planned=planned)
            for thing, key in zip(batch, keys, strict=True):
                present, cycle = found.get(key), self._cycle_of.get(thing.key[0])
                months = planned_changes(thing, present, cycle) if present and cycle else ()
                self._compare(self._key_results, KEY_RESULT, thing, present, list(months))
                if present is None and "current" in thing.said:
                    self._reports[thing.key] = _Report(None, None)
                for change in current_change(thing, present) if present else ():
                    self._reports[thing.key] = _Report(present.id if present else None, change)

    async def _compare_actions(self) -> None:
        for batch in batches(list(self._plan.actions.values())):
            keys = [short("/".join(one.key)) for one in batch]
            found = await present_actions(self._tx, self._who, keys)
            for thing, key in zip(batch, keys, strict=True):
                self._compare(self._actions, ACTION, thing, found.get(key))

    async def _hold(self) -> None:
        """Hold what is there already and will be touched."""
        acted_on = {key[:2] for key in (*self._actions.new, *self._actions.differing)}
        keys = {*self._key_results.differing, *self._reports, *acted_on}
        names = ["/".join(key) for key in sorted(keys)]
        doomed = self._pruning.doomed
        hung = [one.key_result_id for one in doomed if one.key_result_id is not None]
        held = await key_results.hold_named(self._tx, self._who, names, hung)
        codes = {key[0] for key in self._key_results.new} | {
            code
            for one in (*self._objectives.new.values(), *self._differing_objectives())
            if (code := one.text("parent_objective"))
        }
        above = await named_objectives(self._tx, self._who, (_external(code) for code in codes))
        touched = {*above.ids.values(), *(row.objective_id for row in held)}
        touched |= {one.objective_id for one in doomed}
        for differing in self._objectives.differing.values():
            touched |= {differing.present.id, differing.present.within or differing.present.id}
        await rollup.hold(self._tx, self._who.tenant_id, touched)

    def _differing_objectives(self) -> Iterator[Thing]:
        return (one.thing for one in self._objectives.differing.values())

    async def _load_objectives(self) -> None:
        by_level, looping = levels(self._plan, self._plan.objectives, "parent_objective")
        for thing in looping:
            self._ledger.block(OBJECTIVE, thing)
        for level in by_level:
            for batch in batches([one for one in level if one.key in self._objectives.new]):
                await self._create_objectives(batch)
            differing = self._objectives.differing
            for some in batches([differing[one.key] for one in level if one.key in differing]):
                await self._edit_objectives(some)

    async def _create_objectives(self, things: Sequence[Thing]) -> None:
        news = self._inputs(OBJECTIVE, things, self._new_objective, _needs_of_objective)
        made = await objectives.create_objectives(self._tx, self._who, [new for _, new in news])
        self._settle(OBJECTIVE, [thing for thing, _ in news], made)

    def _new_objective(self, thing: Thing) -> NewObjective:
        said = self._frame.said(OBJECTIVE, thing)
        return validated(NewObjective, {"external_id": thing.key[0], **said})

    async def _edit_objectives(self, some: Sequence[Differing]) -> None:
        edits = self._edits(OBJECTIVE, some, NewObjective, _needs_of_objective)
        asked = {one.present.id: ObjectiveEdit(edit) for one, edit in edits}
        done = await objectives.edit_objectives(self._tx, self._who, asked)
        self._settle_edits(OBJECTIVE, edits, done)

    async def _load_key_results(self) -> None:
        places = {key: place for place, key in enumerate(self._plan.key_results, 1)}
        for batch in batches(list(self._key_results.new.values())):
            make = partial(self._new_key_result, places)
            news = self._inputs(KEY_RESULT, batch, make, _needs_of_key_result)
            new = [new for _, new in news]
            made = await key_results.create_key_results(self._tx, self._who, new)
            self._settle(KEY_RESULT, [thing for thing, _ in news], made)
            for (thing, _), row_id in zip(news, made, strict=True):
                if thing.key in self._reports and isinstance(row_id, UUID):
                    self._reports[thing.key] = _Report(row_id, None)
        for some in batches(list(self._key_results.differing.values())):
            edits = self._edits(KEY_RESULT, some, NewKeyResult, _needs_of_key_result)
            asked = {one.present.id: self._with_plan(one.thing, edit) for one, edit in edits}
            done = await key_results.edit_key_results(self._tx, self._who, asked)
            self._settle_edits(KEY_RESULT, edits, done)

    def _new_key_result(self, places: Mapping[Key, int], thing: Thing) -> NewKeyResult:
        fields = {
            "external_id": "/".join(thing.key),
            "objective_id": _external(thing.key[0]),
            "position": places[thing.key],
            "plan": self._plan_of(thing, []),
            **self._frame.said(KEY_RESULT, thing),
        }
        return validated(NewKeyResult, fields)

    def _with_plan(self, thing: Thing, edit: _Edit[NewKeyResult]) -> _Edit[NewKeyResult]:
        def planned(present: NewKeyResult) -> NewKeyResult:
            plan = self._plan_of(thing, present.plan)
            return merging(NewKeyResult, {"plan": plan})(edit(present))

        return planned

    def _plan_of(self, thing: Thing, present: Sequence[PlannedFigure]) -> list[object]:
        cycle = self._cycle_of.get(thing.key[0])
        months = monthly(thing, cycle) if cycle else ()
        figures: dict[date, object] = {planned.date: planned for planned in present}
        figures |= {day: {"date": day, "value": value} for day, _, value in months}
        return [figures[day] for day in sorted(figures)]

    async def _record_reports(self) -> None:
        for batch in batches(list(self._reports.items())):
            asked: list[tuple[Thing, NewCheckIn]] = []
            for key, report in batch:
                thing = self._plan.key_results[key]
                if report.key_result_id is None or self._ledger.is_blocked(
                    CHECK_IN, thing, {"key_result": key}
                ):
                    continue
                try:
                    asked.append((thing, self._new_check_in(thing, report.key_result_id)))
                except OkrError as error:
                    self._ledger.fail(CHECK_IN, thing, error)
            await self._record(asked)

    def _new_check_in(self, thing: Thing, key_result_id: UUID) -> NewCheckIn:
        end = self._cycle_of[thing.key[0]].end_date
        now = datetime.now(UTC)
        seen = now if now.date() <= end else datetime.combine(end, time(23, 59, 59), UTC)
        return validated(
            NewCheckIn,
            {
                "key_result_id": str(key_result_id),
                "value": thing.number("current"),
                "observed_at": seen,
                "source": Source.IMPORT,
            },
        )

    async def _record(self, asked: Sequence[tuple[Thing, NewCheckIn]]) -> None:
        if not asked:
            return
        reports = [new for _, new in asked]
        _, errors = await checkins.record_all_or_none(self._tx, self._who, reports)
        for place, (thing, _) in enumerate(asked):
            change = self._reports[thing.key].change
            if place in errors:
                self._ledger.fail(CHECK_IN, thing, errors[place])
            elif change is not None:
                self._ledger.updated(thing, [change])

    async def _load_actions(self) -> None:
        for batch in batches(list(self._actions.new.values())):
            await self._create_actions(batch)
        for some in batches(list(self._actions.differing.values())):
            edits = self._edits(ACTION, some, NewAction, _needs_of_action)
            asked = {one.present.id: edit for one, edit in edits}
            done = await actions.edit_actions(self._tx, self._who, asked)
            self._settle_edits(ACTION, edits, done)

    async def _create_actions(self, batch: Sequence[Thing]) -> None:
        free = [one for one in batch if not self._is_blocked(ACTION, one, _needs_of_action)]
        await self._plan_actions(free)
        news = self._inputs(ACTION, free, self._new_action, _needs_of_action)
        made = await actions.create_actions(self._tx, self._who, [new for _, new in news])
        self._settle(ACTION, [thing for thing, _ in news], made)

    def _new_action(self, thing: Thing) -> NewAction:
        plan = self._action_plans[self._action_plan_key(thing)]
        if isinstance(plan, OkrError):
            raise plan
        fields = {
            "external_id": short("/".join(thing.key)),
            "title": thing.key[2],
            "action_plan_id": str(plan),
            **self._frame.said(ACTION, thing),
        }
        return validated(NewAction, fields)

    async def _plan_actions(self, things: Sequence[Thing]) -> None:
        """Find or make the plans that new actions are steps of, one for a key result and month."""
        wanted = {self._action_plan_key(thing): thing for thing in reversed(things)}
        unknown = [key for key in wanted if key not in self._action_plans]
        self._action_plans |= await present_action_plans(self._tx, self._who, unknown)
        missing = [key for key in unknown if key not in self._action_plans]
        news: list[tuple[str, NewActionPlan]] = []
        for key in missing:
            try:
                news.append((key, self._new_action_plan(wanted[key], key)))
            except OkrError as error:
                self._action_plans[key] = error
        plans = [new for _, new in news]
        made = await actions.create_action_plans(self._tx, self._who, plans)
        self._action_plans |= {key: made[place] for place, (key, _) in enumerate(news)}

    def _new_action_plan(self, thing: Thing, key: str) -> NewActionPlan:
        cycle, due = self._cycle_of[thing.key[0]], thing.said.get("action_due")
        start, end = cycle.start_date, cycle.end_date
        if isinstance(due, date) and start <= due <= end:
            start = max(start, due.replace(day=1))
            end = min(end, end_of_month(due.year, due.month))
        fields = {
            "external_id": key,
            "key_result_id": _external("/".join(thing.key[:2])),
            "title": key,
            "start_date": start,
            "end_date": end,
        }
        return validated(NewActionPlan, fields)

    def _action_plan_key(self, thing: Thing) -> str:
        due, cycle = thing.said.get("action_due"), self._cycle_of.get(thing.key[0])
        period = due.strftime("%Y-%m") if isinstance(due, date) else cycle.code if cycle else ""
        return short("/".join((*thing.key[:2], period)))

    def _is_blocked(self, kind: Kind, thing: Thing, needs: _Needs) -> bool:
        return self._ledger.is_blocked(kind, thing, needs(thing))

    def _inputs(
        self, kind: Kind, things: Sequence[Thing], make: Callable[[Thing], _I], needs: _Needs
    ) -> list[tuple[Thing, _I]]:
        """Return the inputs of those things that nothing hinders, and note what hinders others."""
        news: list[tuple[Thing, _I]] = []
        for thing in things:
            if self._is_blocked(kind, thing, needs):
                continue
            try:
                news.append((thing, make(thing)))
            except OkrError as error:
                self._fail(kind, thing, error)
        return news

    def _edits(
        self, kind: Kind, some: Sequence[Differing], shape: type[_I], needs: _Needs
    ) -> list[tuple[Differing, _Edit[_I]]]:
        edits: list[tuple[Differing, _Edit[_I]]] = []
        for one in some:
            if self._is_blocked(kind, one.thing, needs):
                continue
            try:
                said = self._frame.said(kind, one.thing, one.changes)
                edits.append((one, merging(shape, said)))
            except OkrError as error:
                self._fail(kind, one.thing, error)
        return edits

    def _settle(self, kind: Kind, things: Sequence[Thing], made: Sequence[UUID | OkrError]) -> None:
        for thing, outcome in zip(things, made, strict=True):
            if isinstance(outcome, OkrError):
                self._fail(kind, thing, outcome)
            else:
                self._ledger.created(thing)

    def _settle_edits(
        self,
        kind: Kind,
        edits: Sequence[tuple[Differing, _Edit[_I]]],
        done: Mapping[UUID, Edited | OkrError],
    ) -> None:
        for one, _ in edits:
            outcome = done[one.present.id]
            if isinstance(outcome, OkrError):
                self._fail(kind, one.thing, outcome)
            elif outcome.after:
                self._ledger.updated(one.thing, one.changes)

    def _fail(self, kind: Kind, thing: Thing, error: OkrError) -> None:
        self._ledger.fail(kind, thing, error)


def batches(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield things in parts that fit into one statement."""
    for start in range(0, len(things), _BATCH):
        yield things[start : start + _BATCH]


def _needs_of_objective(thing: Thing) -> Mapping[str, Key]:
    needs = {
        "unit": thing.text("unit"),
        "cycle": thing.text("cycle"),
        "objective": thing.text("parent_objective"),
    }
    return {kind: (code,) for kind, code in needs.items() if code}


def _needs_of_key_result(thing: Thing) -> Mapping[str, Key]:
    return {"objective": thing.key[:1]}


def _needs_of_action(thing: Thing) -> Mapping[str, Key]:
    return {"key_result": thing.key[:2]}


def _external(key: str) -> Ref:
    return Ref(f"{EXTERNAL}{key}")

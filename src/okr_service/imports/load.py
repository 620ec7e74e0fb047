"""Making a plan so, thing by thing, through the rooms' own functions."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, or_, select

from okr_service.access.policy import Principal
from okr_service.actions import service as actions
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import NewAction, NewActionPlan
from okr_service.checkins import service as checkins
from okr_service.checkins.shapes import NewCheckIn, Source
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import NewCycle
from okr_service.imports.calendar import calendar_dates, end_of_month, month_end_within
from okr_service.imports.columns import MONTHS
from okr_service.imports.ledger import Ledger
from okr_service.imports.plan import Key, Plan, Thing, parents_first
from okr_service.imports.shapes import Effect
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, InvalidInput
from okr_service.kernel.fields import Input, Ref
from okr_service.kernel.model import Resource
from okr_service.kernel.references import EXTERNAL, alive
from okr_service.kernel.validation import field_errors
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.shapes import NewKeyResult, NewObjective, PlannedFigure
from okr_service.organisation import service as organisation
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import NewUnit
from okr_service.rollup import service as rollup

_I = TypeVar("_I", bound=Input)
_R = TypeVar("_R", bound=Resource)

# field of the input → column of the file
_UNIT = {"name": "unit_name", "kind": "unit_kind", "parent_id": "parent_unit"}
_CYCLE = {"start_date": "cycle_start", "end_date": "cycle_end", "code": "cycle"}
_OBJECTIVE = {
    "title": "objective_title",
    "unit_id": "unit",
    "cycle_id": "cycle",
    "parent_id": "parent_objective",
    "weight": "objective_weight",
    "owner_id": "objective_owner",
    "description": "note",
}
_KEY_RESULT = {
    "title": "key_result_title",
    "metric": "metric",
    "unit_of_measure": "unit_of_measure",
    "start_value": "start",
    "target_value": "target",
    "target_max": "target_max",
    "weight": "key_result_weight",
    "owner_id": "owner",
    "due_date": "due",
    "description": "note",
}
_ACTION = {
    "title": "action",
    "owner_id": "action_owner",
    "due_date": "action_due",
    "state": "action_state",
    "weight": "action_weight",
    "note": "note",
}
_CHECK_IN = {"value": "current", "key_result_id": "key_result"}
_LONGEST_KEY = 200


class Loader:
    """Makes one plan so, in one transaction."""

    def __init__(self, tx: Transaction, who: Principal, plan: Plan, ledger: Ledger) -> None:
        self._tx = tx
        self._who = who
        self._plan = plan
        self._ledger = ledger
        self._people: dict[str, Ref] = {}
        self._cycles: dict[UUID, Cycle] = {}
        self._cycle_of: dict[Key, Cycle] = {}
        self._action_plans: dict[str, ActionPlan] = {}
        self._reports: list[tuple[Thing, NewCheckIn]] = []

    async def load(self) -> None:
        """Create and update all that the plan speaks of, parents before children."""
        await self._hold()
        await self._load_units()
        await self._load_cycles()
        await self._find_people()
        await self._load_objectives()
        await self._load_key_results()
        await self._record_reports()
        await self._load_actions()

    async def _hold(self) -> None:
        """Hold what is there already in the order that everyone keeps (see the rollup)."""
        key_results = await self._present(KeyResult, self._key_result_keys(), hold=True)
        codes = [key[0] for key in self._plan.objectives]
        above = {row.id for row in (await self._present(Objective, codes)).values()}
        above |= {row.objective_id for row in key_results.values()}
        await rollup.hold(self._tx, self._who.tenant_id, above)

    def _key_result_keys(self) -> list[str]:
        return ["/".join(key) for key in self._plan.key_results]

    async def _load_units(self) -> None:
        present = await self._present(Unit, [key[0] for key in self._plan.units])
        for thing in parents_first(self._plan, self._plan.units, "parent_unit"):
            row = present.get(thing.key[0])
            await self._ledger.settle("unit", thing, row, _UNIT, partial(self._unit, thing, row))

    async def _unit(self, thing: Thing, row: Unit | None) -> Unit:
        said = self._said(thing, _UNIT)
        if row is None:
            code = thing.key[0]
            new = NewUnit.model_validate({"external_id": code, "name": code, **said})
            return await organisation.create_unit(self._tx, self._who, new)
        edit = partial(_merged, NewUnit, said)
        return await organisation.edit_unit(self._tx, self._who, row.id, edit)

    async def _load_cycles(self) -> None:
        of = select(Cycle).where(Cycle.tenant_id == self._who.tenant_id)
        present = {cycle.code for cycle in await self._tx.scalars(of)}
        for thing in self._plan.cycles.values():
            if thing.key[0] not in present:
                await self._ledger.settle("cycle", thing, None, _CYCLE, partial(self._cycle, thing))
        self._cycles = {cycle.id: cycle for cycle in await self._tx.scalars(of)}

    async def _cycle(self, thing: Thing) -> Cycle:
        code = thing.key[0]
        start, end = calendar_dates(code) or (None, None)
        dates = {"start_date": start, "end_date": end} | self._said(thing, _CYCLE)
        new = {"code": code, **{name: day for name, day in dates.items() if day}}
        return await cycles.create_cycle(self._tx, self._who, NewCycle.model_validate(new))

    async def _load_objectives(self) -> None:
        present = await self._present(Objective, [key[0] for key in self._plan.objectives])
        for thing in parents_first(self._plan, self._plan.objectives, "parent_objective"):
            row = present.get(thing.key[0])
            needs = {
                "unit": thing.text("unit"),
                "cycle": thing.text("cycle"),
                "objective": thing.text("parent_objective"),
            }
            settled = await self._ledger.settle(
                "objective",
                thing,
                row,
                _OBJECTIVE,
                partial(self._objective, thing, row),
                {kind: (code,) for kind, code in needs.items() if code},
            )
            if settled is not None:
                self._cycle_of[thing.key] = self._cycles[settled.cycle_id]

    async def _objective(self, thing: Thing, row: Objective | None) -> Objective:
        said = self._said(thing, _OBJECTIVE)
        if row is None:
            new = NewObjective.model_validate({"external_id": thing.key[0], **said})
            return await objectives.create_objective(self._tx, self._who, new)
        edit = partial(_merged, NewObjective, said)
        return await objectives.edit_objective(self._tx, self._who, row.id, edit)

    async def _load_key_results(self) -> None:
        present = await self._present(KeyResult, self._key_result_keys())
        for place, thing in enumerate(self._plan.key_results.values(), 1):
            row = present.get("/".join(thing.key))
            value = row.current_value if row else None
            settled = await self._ledger.settle(
                "key_result",
                thing,
                row,
                _KEY_RESULT,
                partial(self._key_result, thing, row, place),
                {"objective": thing.key[:1]},
            )
            said = thing.number("current")
            if settled is not None and said is not None and said != value:
                self._reports.append((thing, self._report(thing, settled.id, said)))

    async def _key_result(self, thing: Thing, row: KeyResult | None, place: int) -> KeyResult:
        said = self._said(thing, _KEY_RESULT)
        if row is None:
            fields = {
                "external_id": "/".join(thing.key),
                "objective_id": f"{EXTERNAL}{thing.key[0]}",
                "position": place,
                "plan": self._monthly(thing, []),
                **said,
            }
            new = NewKeyResult.model_validate(fields)
            return await key_results.create_key_result(self._tx, self._who, new)

        def edit(present: NewKeyResult) -> NewKeyResult:
            plan = self._monthly(thing, present.plan)
            return _merged(NewKeyResult, {**said, "plan": plan}, present)

        return await key_results.edit_key_result(self._tx, self._who, row.id, edit)

    def _monthly(self, thing: Thing, present: Sequence[PlannedFigure]) -> list[dict[str, object]]:
        cycle = self._cycle_of[thing.key[:1]]
        figures = {planned.date: planned.value for planned in present}
        for month, column in enumerate(MONTHS, 1):
            if (value := thing.number(column)) is not None:
                figures[month_end_within(month, cycle.start_date, cycle.end_date)] = value
        return [{"date": day, "value": figures[day]} for day in sorted(figures)]

    def _report(self, thing: Thing, key_result_id: UUID, value: Decimal) -> NewCheckIn:
        end = self._cycle_of[thing.key[:1]].end_date
        now = datetime.now(UTC)
        seen = now if now.date() <= end else datetime.combine(end, time(23, 59, 59), UTC)
        return NewCheckIn(
            key_result_id=Ref(str(key_result_id)),
            value=value,
            observed_at=seen,
            source=Source.IMPORT,
        )

    async def _record_reports(self) -> None:
        batch = [new for _, new in self._reports]
        try:
            _, errors = await checkins.record_all_or_none(self._tx, self._who, batch)
        except ValidationError as error:
            raise InvalidInput(field_errors(error.errors())) from error
        for place, (thing, _) in enumerate(self._reports):
            if place in errors:
                self._ledger.fail("check_in", thing, _CHECK_IN, FieldError.of(errors[place], ""))
            else:
                self._ledger.note(thing, Effect.UPDATED)

    async def _load_actions(self) -> None:
        things = self._plan.actions.values()
        present = await self._present(Action, [_action_key(thing.key) for thing in things])
        plan_keys = [self._action_plan_key(thing) for thing in things]
        self._action_plans = await self._present(ActionPlan, plan_keys)
        for thing in things:
            row = present.get(_action_key(thing.key))
            work = partial(self._action, thing, row)
            needs = {"key_result": thing.key[:2]}
            await self._ledger.settle("action", thing, row, _ACTION, work, needs)

    async def _action(self, thing: Thing, row: Action | None) -> Action:
        said = self._said(thing, _ACTION)
        if row is not None:
            edit = partial(_merged, NewAction, said)
            return await actions.edit_action(self._tx, self._who, row.id, edit)
        key = self._action_plan_key(thing)
        if key not in self._action_plans:
            self._action_plans[key] = await self._create_action_plan(thing, key)
        fields = {
            "external_id": _action_key(thing.key),
            "title": thing.key[2],
            "action_plan_id": str(self._action_plans[key].id),
            **said,
        }
        return await actions.create_action(self._tx, self._who, NewAction.model_validate(fields))

    async def _create_action_plan(self, thing: Thing, key: str) -> ActionPlan:
        cycle, due = self._cycle_of[thing.key[:1]], thing.said.get("action_due")
        start, end = cycle.start_date, cycle.end_date
        if isinstance(due, date) and start <= due <= end:
            start = max(start, due.replace(day=1))
            end = min(end, end_of_month(due.year, due.month))
        fields = {
            "external_id": key,
            "key_result_id": f"{EXTERNAL}{'/'.join(thing.key[:2])}",
            "title": key,
            "start_date": start,
            "end_date": end,
        }
        new = NewActionPlan.model_validate(fields)
        return await actions.create_action_plan(self._tx, self._who, new)

    def _action_plan_key(self, thing: Thing) -> str:
        due, cycle = thing.said.get("action_due"), self._cycle_of.get(thing.key[:1])
        period = due.strftime("%Y-%m") if isinstance(due, date) else cycle.code if cycle else ""
        return _short("/".join((*thing.key[:2], period)))

    def _said(self, thing: Thing, columns: Mapping[str, str]) -> dict[str, object]:
        """Return what a thing's rows say, as fields of its input."""
        said = {field: thing.said[c] for field, c in columns.items() if c in thing.said}
        for field in _LINKS & said.keys():
            said[field] = said[field] if field == "cycle_id" else f"{EXTERNAL}{said[field]}"
        if "owner_id" in said:
            owner = str(said["owner_id"])
            if owner.lower() not in self._people:
                raise PersonNotFound(owner).at("/owner_id")
            said["owner_id"] = self._people[owner.lower()]
        return said

    async def _find_people(self) -> None:
        things = (self._plan.objectives, self._plan.key_results, self._plan.actions)
        owners = {
            owner
            for each in things
            for thing in each.values()
            for column in ("objective_owner", "owner", "action_owner")
            if (owner := thing.text(column))
        }
        if not owners:
            return
        named = or_(
            Person.external_id.in_(owners),
            func.lower(Person.email).in_([owner.lower() for owner in owners]),
        )
        found = select(Person.id, Person.external_id, Person.email).where(
            Person.tenant_id == self._who.tenant_id, named
        )
        for person_id, external_id, email in await self._tx.execute(found):
            for name in (email, external_id):
                if name:
                    self._people[name.lower()] = Ref(str(person_id))

    async def _present(
        self, model: type[_R], keys: Sequence[str], *, hold: bool = False
    ) -> dict[str, _R]:
        """Return the rows that are there already, by external id."""
        if not keys:
            return {}
        of = [model.tenant_id == self._who.tenant_id, model.external_id.in_(keys), *alive(model)]
        found = select(model).where(*of).order_by(model.id)
        if hold:
            found = found.with_for_update(key_share=True)
        return {str(row.external_id): row for row in await self._tx.scalars(found)}


_LINKS = {"unit_id", "parent_id", "cycle_id"}


def _merged(shape: type[_I], said: Mapping[str, object], present: _I) -> _I:
    return shape.model_validate({**present.model_dump(), **said})


def _action_key(key: Key) -> str:
    return _short("/".join(key))


def _short(key: str) -> str:
    """Return a key that fits an external id; a long one ends in its digest."""
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key[: _LONGEST_KEY - len(digest) - 1]}~{digest}"

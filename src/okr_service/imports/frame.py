"""What a file's objectives stand in: units, cycles and people; made so or found first.

Of these there are few, so they go through the rooms' functions one by one.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import NewCycle
from okr_service.imports.calendar import calendar_dates
from okr_service.imports.comparing import cell_changes
from okr_service.imports.errors import CycleUnknown
from okr_service.imports.kinds import CYCLE, UNIT, Kind
from okr_service.imports.ledger import CellChange, Ledger
from okr_service.imports.levels import levels
from okr_service.imports.people import People, find_people
from okr_service.imports.plan import Plan, Thing
from okr_service.imports.present import Present
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.references import EXTERNAL, among
from okr_service.kernel.validation import merging, validated
from okr_service.organisation import service as organisation
from okr_service.organisation.model import Unit
from okr_service.organisation.shapes import NewUnit

_LINKS = frozenset({"unit_id", "parent_id"})


@dataclass
class Frame:
    """The cycles there are by code, and the people whom the file names."""

    people: People
    cycles: dict[str, Cycle] = field(default_factory=dict)

    def said(
        self, kind: Kind, thing: Thing, changes: Collection[CellChange] | None = None
    ) -> dict[str, object]:
        """Return what a thing's rows say, as fields of its input; only the changes, if given.

        Raises:
            PersonNotFound, PersonAmbiguous, PersonLeft.
        """
        wanted = thing.said.keys() if changes is None else {change.column for change in changes}
        said = {f: thing.said[c] for f, c in kind.columns.items() if c in wanted}
        for name in _LINKS & said.keys():
            said[name] = f"{EXTERNAL}{said[name]}"
        if "owner_id" in said:
            try:
                said["owner_id"] = self.people.ref(str(said["owner_id"]))
            except OkrError as error:
                raise error.at("/owner_id") from error
        return said


async def frame(tx: Transaction, who: Principal, plan: Plan, ledger: Ledger) -> Frame:
    """Set up the units and cycles that a plan speaks of, and find its people and cycles."""
    made = Frame(await find_people(tx, who, plan.people))
    await _load_units(tx, who, plan, ledger, made)
    of = select(Cycle).where(Cycle.tenant_id == who.tenant_id)
    present = {cycle.code for cycle in await tx.scalars(of)}
    for thing in plan.cycles.values():
        if thing.key[0] not in present:
            await _settle(ledger, CYCLE, thing, partial(_cycle, tx, who, made, thing))
    made.cycles.update({cycle.code: cycle for cycle in await tx.scalars(of)})
    return made


async def _settle(
    ledger: Ledger, kind: Kind, thing: Thing, work: Callable[[], Awaitable[object]]
) -> None:
    try:
        await work()
    except OkrError as error:
        ledger.fail(kind, thing, error)
    else:
        ledger.created(thing)


async def _cycle(tx: Transaction, who: Principal, made: Frame, thing: Thing) -> Cycle:
    code = thing.key[0]
    start, end = calendar_dates(code) or (None, None)
    dates = {"start_date": start, "end_date": end} | made.said(CYCLE, thing)
    if dates["start_date"] is None and dates["end_date"] is None:
        raise CycleUnknown(code).at("/code")
    new = {"code": code, **{name: day for name, day in dates.items() if day}}
    return await cycles.create_cycle(tx, who, validated(NewCycle, new))


async def _load_units(
    tx: Transaction, who: Principal, plan: Plan, ledger: Ledger, made: Frame
) -> None:
    present = await _present_units(tx, who, [key[0] for key in plan.units])
    by_level, looping = levels(plan, plan.units, "parent_unit")
    for thing in looping:
        ledger.block(UNIT, thing)
    for thing in (one for level in by_level for one in plan.units.at(level)):
        found, parent = present.get(thing.key[0]), thing.text("parent_unit")
        if ledger.is_blocked(UNIT, thing, {"unit": (parent,)} if parent else {}):
            continue
        if found is None:
            await _settle(ledger, UNIT, thing, partial(_unit, tx, who, made, thing))
        elif changes := list(cell_changes(UNIT, thing, found, made.people)):
            edit = merging(NewUnit, made.said(UNIT, thing, changes))
            try:
                await organisation.edit_unit(tx, who, found.id, edit)
                ledger.updated(thing, changes)
            except OkrError as error:
                ledger.fail(UNIT, thing, error)


async def _unit(tx: Transaction, who: Principal, made: Frame, thing: Thing) -> Unit:
    code = thing.key[0]
    fields = {"external_id": code, "name": code, **made.said(UNIT, thing)}
    return await organisation.create_unit(tx, who, validated(NewUnit, fields))


async def _present_units(
    tx: Transaction, who: Principal, codes: Collection[str]
) -> Mapping[str, Present]:
    if not codes:
        return {}
    above = aliased(Unit)
    columns = (Unit.id, Unit.external_id, Unit.name, Unit.kind)
    found = (
        select(*columns, above.external_id.label("parent_id"))
        .outerjoin(above, and_(above.tenant_id == who.tenant_id, above.id == Unit.parent_id))
        .where(Unit.tenant_id == who.tenant_id, among(Unit.external_id, sorted(codes)))
    )
    rows = (await tx.execute(found)).mappings()
    return {row["external_id"]: Present(row["id"], None, dict(row)) for row in rows}

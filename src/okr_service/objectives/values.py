"""What objectives would hold, were they as wanted: one or thousands, judged by the same rules."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from uuid import UUID

from sqlalchemy import CompoundSelect, and_, select, union_all

from okr_service.access.policy import Principal
from okr_service.actions.model import Action, ActionPlan
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.service import OpenCycles
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import ExternalIdTaken, OkrError, attempt
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import Places, places
from okr_service.kernel.references import Named, among
from okr_service.kernel.writes import taken
from okr_service.objectives.access import objective_seen
from okr_service.objectives.errors import (
    AlignmentTooDeep,
    AlignmentWouldLoop,
    CycleMismatch,
    ObjectiveNotFound,
)
from okr_service.objectives.joining import joined
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import NewObjective
from okr_service.organisation import service as organisation

Values = dict[str, object]


@dataclass(frozen=True)
class Wanted:
    """What an objective is to become: a new one, or `present` with the parent it may keep."""

    new: NewObjective
    present: Objective | None = None
    unseen_parent: UUID | None = None


async def objective_values(
    tx: Transaction, who: Principal, batch: Sequence[Wanted]
) -> list[Values | OkrError]:
    """Return the columns of each objective as it is wanted, or what is wrong with it.

    Each is judged by how things are now: two that move are to be asked for one after
    the other.
    """
    around = await _surroundings(tx, who, batch)
    judged = [attempt(partial(_values, around, wanted)) for wanted in batch]
    for place, wanted in enumerate(batch):
        values, present = judged[place], wanted.present
        if isinstance(values, dict) and present and present.cycle_id != values["cycle_id"]:
            cycle = around.open.cycle(around.cycles.id(wanted.new.cycle_id, "/cycle_id"))
            try:
                await _require_children_fit(tx, who, present.id, cycle)
            except OkrError as error:
                judged[place] = error
    return judged


@dataclass(frozen=True)
class _Surroundings:
    """What a batch of objectives refers to, read at once."""

    units: Named
    people: Named
    cycles: Named
    open: OpenCycles
    parents: Named
    above: Mapping[UUID, tuple[str, UUID]]  # state and cycle of each parent
    over: OpenCycles  # of the parents
    places: Places
    taken: Collection[str]


async def _surroundings(tx: Transaction, who: Principal, batch: Sequence[Wanted]) -> _Surroundings:
    news = [wanted.new for wanted in batch]
    units = await organisation.named_units(tx, who, (new.unit_id for new in news))
    people = await organisation.named_people(tx, who, (new.owner_id for new in news))
    named = await cycles.named_cycles(tx, who, (new.cycle_id for new in news))
    held = await cycles.open_cycles(tx, who, named.ids.values())
    parents = await named_objectives(tx, who, (new.parent_id for new in news))
    under = {*parents.ids.values(), *(w.unseen_parent for w in batch if w.unseen_parent)}
    above = await _above(tx, who, under)
    keys = (w.new.external_id for w in batch if _takes_key(w))
    return _Surroundings(
        units,
        people,
        named,
        held,
        parents,
        above,
        await cycles.open_cycles(tx, who, (cycle_id for _, cycle_id in above.values())),
        await places(tx, Objective, who.tenant_id, _moves(batch, parents)),
        await taken(tx, Objective, who.tenant_id, keys),
    )


def _takes_key(wanted: Wanted) -> bool:
    return wanted.present is None or wanted.present.external_id != wanted.new.external_id


def _moves(batch: Sequence[Wanted], parents: Named) -> set[tuple[UUID | None, UUID]]:
    moves: set[tuple[UUID | None, UUID]] = set()
    for wanted in batch:
        parent_id = parents.ids.get(wanted.new.parent_id) if wanted.new.parent_id else None
        present = wanted.present
        if parent_id is not None and (present is None or present.parent_id != parent_id):
            moves.add((None if present is None else present.id, parent_id))
    return moves


async def named_objectives(tx: Transaction, who: Principal, refs: Iterable[Ref | None]) -> Named:
    """Return the ids of the objectives that fields refer to, of those that are seen."""
    seen = objective_seen(who.sight)
    return await references.name(tx, Objective, who.tenant_id, refs, ObjectiveNotFound, seen)


async def _above(
    tx: Transaction, who: Principal, objective_ids: Collection[UUID]
) -> dict[UUID, tuple[str, UUID]]:
    if not objective_ids:
        return {}
    of = (Objective.tenant_id == who.tenant_id, among(Objective.id, sorted(objective_ids)))
    columns = (Objective.id, Objective.state, Objective.cycle_id)
    found = await tx.execute(select(*columns).where(*of))
    return {row.id: (row.state, row.cycle_id) for row in found}


def _values(around: _Surroundings, wanted: Wanted) -> Values:
    new = wanted.new
    unit = around.units.id(new.unit_id, "/unit_id")
    owner = around.people.optional(new.owner_id, "/owner_id")
    cycle = around.open.cycle(around.cycles.id(new.cycle_id, "/cycle_id"))
    parent = around.parents.optional(new.parent_id, "/parent_id") or wanted.unseen_parent
    if parent is not None:
        _require_fits_under(around, parent, cycle, wanted.present)
    if new.external_id in around.taken and _takes_key(wanted):
        raise ExternalIdTaken(str(new.external_id)).at("/external_id")
    return {
        "external_id": new.external_id,
        "title": new.title,
        "description": new.description,
        "unit_id": unit,
        "owner_id": owner,
        "cycle_id": cycle.id,
        "parent_id": parent,
        "weight": new.weight,
        "ambition": new.ambition.value,
        "private": new.private,
        "position": new.position,
        "tags": new.tags,
        "links": [link.model_dump() for link in new.links],
    }


def _require_fits_under(
    around: _Surroundings, parent_id: UUID, cycle: Cycle, present: Objective | None
) -> None:
    at = "/parent_id"
    joins = present is None or present.parent_id != parent_id
    state, cycle_id = around.above[parent_id]
    outer = joined(state, around.over, cycle_id, at) if joins else around.over.by_id[cycle_id]
    if not cycles.contains(outer, cycle):
        raise CycleMismatch().at(at)
    if joins:
        loop, deep = AlignmentWouldLoop().at(at), AlignmentTooDeep().at(at)
        row_id = present.id if present else None
        around.places.require(row_id, parent_id, loop, deep)


async def _require_children_fit(
    tx: Transaction, who: Principal, objective_id: UUID, cycle: Cycle
) -> None:
    child_cycles = await tx.scalars(
        select(Cycle)
        .join(
            Objective,
            (Objective.tenant_id == who.tenant_id) & (Objective.cycle_id == Cycle.id),
        )
        .where(
            Cycle.tenant_id == who.tenant_id,
            Objective.parent_id == objective_id,
            Objective.deleted_at.is_(None),
        )
    )
    if not all(cycles.contains(cycle, child) for child in child_cycles):
        raise CycleMismatch().at("/cycle_id")
    for row in await tx.execute(_dates_of(who, objective_id)):
        for day in row:
            cycles.require_within(cycle, day, "/cycle_id")


def _dates_of(who: Principal, objective_id: UUID) -> CompoundSelect[date | None, date | None]:
    """Select the dates of an objective's key results, and of what is planned for them."""
    of = (
        KeyResult.tenant_id == who.tenant_id,
        KeyResult.objective_id == objective_id,
        KeyResult.deleted_at.is_(None),
    )
    value = and_(
        PlannedValue.tenant_id == who.tenant_id, PlannedValue.key_result_id == KeyResult.id
    )
    plan = and_(ActionPlan.tenant_id == who.tenant_id, ActionPlan.key_result_id == KeyResult.id)
    action = and_(Action.tenant_id == who.tenant_id, Action.action_plan_id == ActionPlan.id)
    return union_all(
        select(KeyResult.start_date, KeyResult.due_date).where(*of),
        select(PlannedValue.on_date, PlannedValue.on_date).join(KeyResult, value).where(*of),
        select(ActionPlan.start_date, ActionPlan.end_date).join(KeyResult, plan).where(*of),
        select(Action.due_date, Action.due_date)
        .join(ActionPlan, action)
        .join(KeyResult, plan)
        .where(*of),
    )

"""Setting objectives, aligning them, moving them through their life."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CompoundSelect, and_, func, select, union_all, update

from okr_service.access.policy import (
    Permission,
    Principal,
    require,
    require_everywhere,
    require_for,
    require_to_place,
)
from okr_service.actions.model import Action, ActionPlan
from okr_service.audit.service import Change, record, record_all
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure, require_place
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import add, change, differences
from okr_service.objectives.access import objective_seen, unseen_objective
from okr_service.objectives.errors import (
    AlignmentTooDeep,
    AlignmentWouldLoop,
    CycleMismatch,
    ObjectiveHasChildren,
    ObjectiveNotFound,
    StateChangeNotAllowed,
)
from okr_service.objectives.feeds import fed_from, require_unfed
from okr_service.objectives.inputs import key_result_record
from okr_service.objectives.joining import require_may_join
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import Ambition, Link, NewObjective, ObjectiveState
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

_NEXT_STATES = {
    ObjectiveState.DRAFT: {ObjectiveState.ACTIVE, ObjectiveState.CANCELLED},
    ObjectiveState.ACTIVE: {ObjectiveState.CLOSED, ObjectiveState.CANCELLED},
    ObjectiveState.CLOSED: {ObjectiveState.ACTIVE},
    ObjectiveState.CANCELLED: set[ObjectiveState](),
}


@dataclass(frozen=True)
class Outcome:
    """What an objective is closed with; its progress is its score unless another is given."""

    final_score: Decimal | None = None
    retrospective: str | None = None


async def create_objective(
    tx: Transaction,
    who: Principal,
    new: NewObjective,
    carried_over_from: UUID | None = None,
) -> Objective:
    """Set an objective, which may go on with an earlier one.

    Raises:
        NotPermitted, UnitNotFound, PersonNotFound, CycleNotFound, CycleClosed,
        ObjectiveNotFound, CycleMismatch, AlignmentTooDeep, ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    values = await _values(tx, who, new, None)
    require_to_place(who, Permission.PLAN, *_belonging(values))
    state = new.state or ObjectiveState.ACTIVE
    values |= {"state": state.value, "carried_over_from_id": carried_over_from}
    objective = Objective(tenant_id=who.tenant_id, **values)
    await add(tx, objective)
    await record(tx, who, Change("created", "objective", objective.id, after=values))
    return objective


async def edit_objective(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewObjective], NewObjective],
    expected: Versions = None,
    outcome: Outcome | None = None,
) -> Objective:
    """Change an objective into what `edit` makes of it; `outcome` is for one that is closed.

    Rolls up the branch it leaves and the branch it joins.

    Raises:
        NotPermitted, ObjectiveNotFound, VersionMismatch, UnitNotFound, PersonNotFound,
        CycleNotFound, CycleClosed, CycleMismatch, AlignmentWouldLoop, AlignmentTooDeep,
        StateChangeNotAllowed, ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    objective = await lock_objective(tx, who, ref, expected)
    await cycles.open_cycle(tx, who, objective.cycle_id)
    unseen = await unseen_objective(tx, who, objective.parent_id)
    present = objective_input(objective)
    wanted = edit(present.model_copy(update={"parent_id": None}) if unseen else present)
    values = await _values(tx, who, wanted, objective, unseen)
    _require_may_leave_it_so(who, objective, values)
    if wanted.state is not None:
        values |= _of_state(objective, wanted.state, outcome or Outcome())
    changes = differences(objective, values)
    if changes:
        await _write(tx, who, objective, changes)
    return objective


async def set_objective_state(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    state: ObjectiveState,
    expected: Versions = None,
    outcome: Outcome | None = None,
) -> Objective:
    """Activate, close, reopen or cancel an objective; raises as `edit_objective` does."""

    def edit(present: NewObjective) -> NewObjective:
        return present.model_copy(update={"state": state})

    return await edit_objective(tx, who, ref, edit, expected, outcome)


async def close_objectives(
    tx: Transaction, who: Principal, cycle_ids: Collection[UUID], retrospective: str | None
) -> list[Objective]:
    """Close what is active in some cycles, each with its progress as score, in display order.

    The caller holds the tenant's structure alone, and the cycles.

    Raises:
        NotPermitted.
    """
    require_everywhere(who, Permission.PLAN)
    of = (
        Objective.tenant_id == who.tenant_id,
        Objective.cycle_id.in_(cycle_ids),
        Objective.state == ObjectiveState.ACTIVE.value,
        Objective.deleted_at.is_(None),
    )
    # Closed ones count as active ones do, so there is nothing to roll up.
    found = await tx.execute(select(Objective.id, Objective.retrospective).where(*of))
    said_before = {row.id: row.retrospective for row in found}
    await rollup.hold(tx, who.tenant_id, list(said_before))
    values: dict[str, object] = {
        "state": ObjectiveState.CLOSED.value,
        "closed_at": datetime.now(UTC),
        "final_score": Objective.progress,
        "version": Objective.version + 1,
        "updated_at": func.clock_timestamp(),
    }
    if retrospective is not None:
        values["retrospective"] = retrospective
    fresh = {"synchronize_session": False, "populate_existing": True}
    written = update(Objective).where(*of).values(values).returning(Objective)
    rows = list(await tx.scalars(written, execution_options=fresh))
    closed = sorted(rows, key=lambda row: (row.position, row.id))
    await record_all(tx, who, (_closed(row, said_before[row.id]) for row in closed))
    return closed


def _closed(row: Objective, said_before: str) -> Change:
    before = {
        "state": ObjectiveState.ACTIVE.value,
        "closed_at": None,
        "final_score": None,
        "retrospective": said_before,
    }
    changes = {name: value for name, value in before.items() if getattr(row, name) != value}
    after = {name: getattr(row, name) for name in changes}
    return Change("updated", "objective", row.id, changes, after)


async def align_objective(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    parent: Ref | None,
    expected: Versions = None,
) -> Objective:
    """Hang an objective under another, or make it a root; raises as `edit_objective` does."""

    def edit(present: NewObjective) -> NewObjective:
        return present.model_copy(update={"parent_id": parent})

    return await edit_objective(tx, who, ref, edit, expected)


async def delete_objective(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Take an objective and its key results out of sight and out of every figure.

    Raises:
        NotPermitted, ObjectiveNotFound, VersionMismatch, CycleClosed, ObjectiveHasChildren,
        KeyResultIsFed.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    absent, seen = ObjectiveNotFound(str(ref)), objective_seen(who.sight)
    row_id = await references.resolve(tx, Objective, who.tenant_id, ref, absent, seen)
    now = datetime.now(UTC)
    await _lock_key_results(tx, who, row_id)
    objective = await lock_objective(tx, who, row_id, expected)
    await cycles.open_cycle(tx, who, objective.cycle_id)
    await _require_childless(tx, who, objective.id)
    await require_unfed(tx, who, KeyResult.objective_id == objective.id)
    await _delete_key_results(tx, who, objective.id, now)
    before = objective_input(objective).model_dump(mode="json")
    await _write(tx, who, objective, {"deleted_at": now}, "deleted", before)


async def _delete_key_results(
    tx: Transaction, who: Principal, objective_id: UUID, now: datetime
) -> None:
    deleted = (
        update(KeyResult)
        .where(
            KeyResult.tenant_id == who.tenant_id,
            KeyResult.objective_id == objective_id,
            KeyResult.deleted_at.is_(None),
        )
        .values(deleted_at=now)
        .returning(KeyResult)
    )
    rows = await tx.scalars(deleted, execution_options={"synchronize_session": False})
    changes = [
        Change("deleted", "key_result", row.id, await key_result_record(tx, row))
        for row in sorted(rows, key=lambda row: (row.position, row.id))
    ]
    await record_all(tx, who, changes)


async def objective_id(tx: Transaction, who: Principal, ref: Ref, pointer: str) -> UUID:
    """Return the id of the objective that a field refers to; raises ObjectiveNotFound."""
    absent, seen = ObjectiveNotFound(ref).at(pointer), objective_seen(who.sight)
    return await references.resolve(tx, Objective, who.tenant_id, ref, absent, seen)


async def cycle_of(tx: Transaction, who: Principal, objective_id: UUID) -> Cycle:
    """Return the cycle of an objective, open until this transaction ends; raises CycleClosed."""
    cycle_id = await tx.scalar(
        select(Objective.cycle_id).where(
            Objective.tenant_id == who.tenant_id, Objective.id == objective_id
        )
    )
    assert cycle_id is not None, "every objective has a cycle"
    return await cycles.open_cycle(tx, who, cycle_id)


async def lock_objective(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> Objective:
    """Return an objective that the caller may plan, held until the transaction ends.

    Raises:
        NotPermitted, ObjectiveNotFound, VersionMismatch.
    """

    async def permit(row: Objective) -> None:
        require_for(who, Permission.PLAN, row.unit_id, row.owner_id)

    absent, seen = ObjectiveNotFound(str(ref)), objective_seen(who.sight)
    return await references.lock(tx, Objective, who.tenant_id, ref, absent, expected, seen, permit)


def _belonging(values: Mapping[str, object]) -> tuple[UUID, UUID | None]:
    unit_id, owner_id = values["unit_id"], values["owner_id"]
    assert isinstance(unit_id, UUID), "every objective has a unit"
    assert owner_id is None or isinstance(owner_id, UUID)
    return unit_id, owner_id


def _require_may_leave_it_so(
    who: Principal, objective: Objective, values: Mapping[str, object]
) -> None:
    unit_id, owner_id = _belonging(values)
    if unit_id != objective.unit_id:
        require_to_place(who, Permission.PLAN, unit_id, owner_id)
    require_for(who, Permission.PLAN, unit_id, owner_id)


async def _lock_key_results(tx: Transaction, who: Principal, objective_id: UUID) -> None:
    of = (KeyResult.tenant_id == who.tenant_id, KeyResult.objective_id == objective_id)
    held = select(KeyResult.id).where(*of).order_by(KeyResult.id).with_for_update(key_share=True)
    await tx.execute(held)


async def _write(
    tx: Transaction,
    who: Principal,
    objective: Objective,
    changes: dict[str, object],
    action: str = "updated",
    audited_before: dict[str, object] | None = None,
) -> None:
    was_under, was = objective.parent_id, Contribution.of(objective)
    fed: list[UUID] = []
    if {"state", "deleted_at"} & changes.keys():
        fed = await fed_from(tx, who, objective.id)
    before = await change(tx, objective, changes)
    after = None if action == "deleted" else changes
    await record(
        tx, who, Change(action, "objective", objective.id, audited_before or before, after)
    )
    is_under, is_now = objective.parent_id, Contribution.of(objective)
    left = [] if was_under is None else [Shift(was_under, was, Contribution())]
    joined = [] if is_under is None else [Shift(is_under, Contribution(), is_now)]
    await rollup.propagate(tx, who.tenant_id, left + joined, fed)


async def _values(
    tx: Transaction,
    who: Principal,
    new: NewObjective,
    present: Objective | None,
    parent: UUID | None = None,
) -> dict[str, object]:
    unit = await organisation.unit_id(tx, who, new.unit_id, "/unit_id")
    owner = await organisation.person_id(tx, who, new.owner_id, "/owner_id")
    cycle_id = await cycles.cycle_id(tx, who, new.cycle_id, "/cycle_id")
    cycle = await cycles.open_cycle(tx, who, cycle_id)
    if new.parent_id is not None:
        parent = await objective_id(tx, who, new.parent_id, "/parent_id")
    if parent is not None:
        await _require_fits_under(tx, who, parent, cycle, present)
    if present is not None and present.cycle_id != cycle_id:
        await _require_children_fit(tx, who, present.id, cycle)
    return {
        "external_id": new.external_id,
        "title": new.title,
        "description": new.description,
        "unit_id": unit,
        "owner_id": owner,
        "cycle_id": cycle_id,
        "parent_id": parent,
        "weight": new.weight,
        "ambition": new.ambition.value,
        "private": new.private,
        "position": new.position,
        "tags": new.tags,
        "links": [link.model_dump() for link in new.links],
    }


async def _require_fits_under(
    tx: Transaction, who: Principal, parent_id: UUID, cycle: Cycle, present: Objective | None
) -> None:
    at = "/parent_id"
    joins = present is None or present.parent_id != parent_id
    if joins:
        outer = await require_may_join(tx, who, parent_id, at)
    else:
        outer = await _cycle_over(tx, who, parent_id)
    if not cycles.contains(outer, cycle):
        raise CycleMismatch().at(at)
    if joins:
        loop, deep = AlignmentWouldLoop().at(at), AlignmentTooDeep().at(at)
        row_id = present.id if present else None
        await require_place(tx, Objective, who.tenant_id, row_id, parent_id, loop, deep)


async def _cycle_over(tx: Transaction, who: Principal, parent_id: UUID) -> Cycle:
    of_parent = (Objective.tenant_id == who.tenant_id) & (Objective.cycle_id == Cycle.id)
    over = select(Cycle).join(Objective, of_parent)
    named = over.where(Cycle.tenant_id == who.tenant_id, Objective.id == parent_id)
    return (await tx.execute(named)).scalar_one()


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


async def _require_childless(tx: Transaction, who: Principal, objective_id: UUID) -> None:
    children = select(func.count()).where(
        Objective.tenant_id == who.tenant_id,
        Objective.parent_id == objective_id,
        Objective.deleted_at.is_(None),
    )
    if await tx.scalar(children):
        raise ObjectiveHasChildren


def _of_state(objective: Objective, wanted: ObjectiveState, outcome: Outcome) -> dict[str, object]:
    present = ObjectiveState(objective.state)
    if wanted != present and wanted not in _NEXT_STATES[present]:
        raise StateChangeNotAllowed(present, wanted).at("/state")
    values: dict[str, object] = {"state": wanted.value}
    if wanted is ObjectiveState.CLOSED:
        if wanted != present:
            values |= {"closed_at": datetime.now(UTC), "final_score": objective.progress}
        given = {"final_score": outcome.final_score, "retrospective": outcome.retrospective}
        values |= {name: value for name, value in given.items() if value is not None}
    elif present is ObjectiveState.CLOSED:
        values |= {"closed_at": None, "final_score": None}
    return values


def objective_input(objective: Objective) -> NewObjective:
    """Return what a caller would have to send to make an objective as it is."""
    return NewObjective(
        external_id=objective.external_id,
        title=objective.title,
        description=objective.description,
        unit_id=Ref(str(objective.unit_id)),
        owner_id=references.ref(objective.owner_id),
        cycle_id=Ref(str(objective.cycle_id)),
        parent_id=references.ref(objective.parent_id),
        weight=Decimal(objective.weight),
        state=ObjectiveState(objective.state),
        ambition=Ambition(objective.ambition),
        private=objective.private,
        position=objective.position,
        tags=objective.tags,
        links=[Link(**link) for link in objective.links],
    )

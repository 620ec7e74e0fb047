"""Setting objectives, aligning them, moving them through their life."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from sqlalchemy import func, select, update

from okr_service.access.policy import (
    Permission,
    Principal,
    require,
    require_everywhere,
    require_for,
    require_to_place,
)
from okr_service.audit.service import Change, created, record_all
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.service import OpenCycles
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError, attempt, raised
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.references import Versions, alive, among
from okr_service.kernel.writes import Edited, add_all, change_all, differences
from okr_service.objectives.access import objective_seen, unseen_objective
from okr_service.objectives.errors import (
    ObjectiveHasChildren,
    ObjectiveNotFound,
    StateChangeNotAllowed,
)
from okr_service.objectives.feeds import fed_from, require_unfed
from okr_service.objectives.inputs import key_result_record
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.shapes import Ambition, Link, NewObjective, ObjectiveState
from okr_service.objectives.values import Values, Wanted, named_objectives, objective_values
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
    for made in await create_objectives(tx, who, [new], carried_over_from):
        row_id = raised(made)
    return await tx.get_one(Objective, (who.tenant_id, row_id))


async def create_objectives(
    tx: Transaction,
    who: Principal,
    batch: Sequence[NewObjective],
    carried_over_from: UUID | None = None,
) -> list[UUID | OkrError]:
    """Set objectives at once; returns the id of each, or what is wrong with it as it is asked for.

    One of the batch cannot support another of it.

    Raises:
        NotPermitted: the caller may set none at all.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    judged = await objective_values(tx, who, [Wanted(new) for new in batch])
    outcome: list[UUID | OkrError] = []
    rows: list[Values] = []
    for new, values in zip(batch, judged, strict=True):
        made = attempt(partial(_made, who, new, values, carried_over_from))
        if isinstance(made, OkrError):
            outcome.append(made)
            continue
        row_id = new_id()
        rows.append({"tenant_id": who.tenant_id, "id": row_id, **made})
        outcome.append(row_id)
    await add_all(tx, Objective, rows)
    await record_all(tx, who, map(created("objective"), rows))
    return outcome


def _made(
    who: Principal, new: NewObjective, judged: Values | OkrError, carried_over_from: UUID | None
) -> Values:
    values = raised(judged)
    require_to_place(who, Permission.PLAN, *_belonging(values))
    state = new.state or ObjectiveState.ACTIVE
    return {**values, "state": state.value, "carried_over_from_id": carried_over_from}


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
    for changes in await _edit_held(tx, who, [(objective, ObjectiveEdit(edit, outcome))]):
        raised(changes)
    return objective


@dataclass(frozen=True)
class ObjectiveEdit:
    """What is to become of an objective; `outcome` is for one that is closed."""

    edit: Callable[[NewObjective], NewObjective]
    outcome: Outcome | None = None


async def edit_objectives(
    tx: Transaction, who: Principal, edits: Mapping[UUID, ObjectiveEdit]
) -> dict[UUID, Edited | OkrError]:
    """Change objectives at once; returns what that changed of each, or what is wrong with it.

    Those that move are taken one after the other. The caller holds the tenant's structure
    alone, and all that is touched (see the rollup).

    Raises:
        NotPermitted: the caller may edit none at all.
    """
    require(who, Permission.PLAN)
    of = (Objective.tenant_id == who.tenant_id, among(Objective.id, list(edits)))
    seen = (*alive(Objective), *objective_seen(who.sight))
    held = select(Objective).where(*of, *seen).with_for_update(key_share=True)
    rows = {row.id: row for row in await tx.scalars(held.execution_options(populate_existing=True))}
    outcome: dict[UUID, Edited | OkrError] = {
        row_id: ObjectiveNotFound(str(row_id)) for row_id in edits if row_id not in rows
    }
    pairs = [(rows[row_id], edit) for row_id, edit in edits.items() if row_id in rows]
    for (row, _), changed in zip(pairs, await _edit_held(tx, who, pairs), strict=True):
        outcome[row.id] = changed
    return outcome


async def _edit_held(
    tx: Transaction, who: Principal, edits: Sequence[tuple[Objective, ObjectiveEdit]]
) -> list[Edited | OkrError]:
    held = await cycles.open_cycles(tx, who, (row.cycle_id for row, _ in edits))
    wanted: list[Wanted | OkrError] = []
    for row, edit in edits:
        unseen = await unseen_objective(tx, who, row.parent_id)
        wanted.append(attempt(partial(_wanted, who, held, row, edit, unseen)))
    asked = [found for found in wanted if isinstance(found, Wanted)]
    if sum(map(_may_move, asked)) > 1:
        return [(await _edit_held(tx, who, [one]))[0] for one in edits]
    judged = iter(await objective_values(tx, who, asked))
    changes = [
        found
        if isinstance(found, OkrError)
        else attempt(partial(_changes, who, found, edit, next(judged)))
        for found, (_, edit) in zip(wanted, edits, strict=True)
    ]
    kept = [
        (row, values)
        for (row, _), values in zip(edits, changes, strict=True)
        if isinstance(values, dict) and values
    ]
    before = iter(await _write(tx, who, kept))
    return [
        values if isinstance(values, OkrError) else Edited(next(before) if values else {}, values)
        for values in changes
    ]


def _wanted(
    who: Principal, held: OpenCycles, row: Objective, edit: ObjectiveEdit, unseen: UUID | None
) -> Wanted:
    require_for(who, Permission.PLAN, row.unit_id, row.owner_id)
    held.cycle(row.cycle_id)
    present = objective_input(row)
    shown = present.model_copy(update={"parent_id": None}) if unseen else present
    return Wanted(edit.edit(shown), row, unseen)


def _may_move(wanted: Wanted) -> bool:
    present, parent = wanted.present, wanted.new.parent_id
    return parent is not None and present is not None and parent != str(present.parent_id)


def _changes(
    who: Principal, wanted: Wanted, edit: ObjectiveEdit, judged: Values | OkrError
) -> Values:
    values, objective = raised(judged), wanted.present
    assert objective is not None, "it is an edit"
    _require_may_leave_it_so(who, objective, values)
    if wanted.new.state is not None:
        values |= _of_state(objective, wanted.new.state, edit.outcome or Outcome())
    return differences(objective, values)


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
    await _write(tx, who, [(objective, {"deleted_at": now})], before)


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
    return (await named_objectives(tx, who, [ref])).id(ref, pointer)


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
    changes: Sequence[tuple[Objective, Values]],
    deleted: Values | None = None,
) -> list[Values]:
    """Write and roll up changes; returns the values before. `deleted` is what one was in all."""
    was = [(row.parent_id, Contribution.of(row)) for row, _ in changes]
    fed: list[UUID] = []
    for row, values in changes:
        if {"state", "deleted_at"} & values.keys():
            fed += await fed_from(tx, who, row.id)
    before = await change_all(tx, changes)
    await record_all(
        tx,
        who,
        [
            Change("updated", "objective", row.id, values_before, values)
            if deleted is None
            else Change("deleted", "objective", row.id, deleted)
            for (row, values), values_before in zip(changes, before, strict=True)
        ],
    )
    shifts: list[Shift] = []
    for (row, _), (was_under, contribution) in zip(changes, was, strict=True):
        if was_under is not None:
            shifts.append(Shift(was_under, contribution, Contribution()))
        if row.parent_id is not None:
            shifts.append(Shift(row.parent_id, Contribution(), Contribution.of(row)))
    await rollup.propagate(tx, who.tenant_id, shifts, fed)
    return before


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

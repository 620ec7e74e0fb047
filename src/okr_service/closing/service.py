"""Closing objectives and cycles, and carrying over what is unfinished."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from okr_service.access.policy import Permission, Principal, require, require_everywhere
from okr_service.audit.service import gathered
from okr_service.closing.errors import (
    AlreadyCarriedOver,
    CarriedOverToItsCycle,
    ObjectiveFinished,
    ObjectiveNotInForce,
)
from okr_service.closing.shapes import CarryingOver, CycleClosing, Mode
from okr_service.cycles import service as cycles
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import CycleState
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import VersionMismatch
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.references import Versions
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.inputs import key_result_input
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.service import Outcome, objective_input
from okr_service.objectives.shapes import Metric, NewKeyResult, ObjectiveState
from okr_service.rollup import service as rollup

_IN_FORCE = (ObjectiveState.ACTIVE, ObjectiveState.CLOSED)


async def close_objective(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    outcome: Outcome,
    expected: Versions = None,
) -> Objective:
    """Close an objective, or give a closed one another outcome.

    Raises:
        NotPermitted, ObjectiveNotFound, VersionMismatch, CycleClosed, StateChangeNotAllowed.
    """
    closed = ObjectiveState.CLOSED
    return await objectives.set_objective_state(tx, who, ref, closed, expected, outcome)


async def carry_over(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    wanted: CarryingOver,
    expected: Versions = None,
) -> Objective:
    """Go on with an unfinished objective in another cycle; closes it and returns the new one.

    Raises:
        NotPermitted, ObjectiveNotFound, VersionMismatch, ObjectiveNotInForce,
        ObjectiveFinished, AlreadyCarriedOver, CarriedOverToItsCycle, and those of
        `create_objective` and `create_key_result`.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    origin = await objectives.lock_objective(tx, who, ref, expected)
    _require_unfinished(origin)
    cycle_id = await cycles.cycle_id(tx, who, wanted.cycle_id, "/cycle_id")
    if cycle_id == origin.cycle_id:
        raise CarriedOverToItsCycle().at("/cycle_id")
    await _require_not_carried_over(tx, who, origin, cycle_id)
    async with rollup.deferred(tx, who.tenant_id), gathered(tx, who):
        made = await _continue(tx, who, origin, cycle_id, wanted.parent_id, wanted.external_id)
        if origin.state == ObjectiveState.ACTIVE:
            outcome = Outcome(wanted.final_score, wanted.retrospective)
            await close_objective(tx, who, origin.id, outcome)
    return made


def _require_unfinished(origin: Objective) -> None:
    if origin.state not in _IN_FORCE:
        raise ObjectiveNotInForce(origin.state)
    if origin.progress == 1:
        raise ObjectiveFinished


async def _require_not_carried_over(
    tx: Transaction, who: Principal, origin: Objective, cycle_id: UUID
) -> None:
    present = select(Objective.id).where(
        Objective.tenant_id == who.tenant_id,
        Objective.carried_over_from_id == origin.id,
        Objective.cycle_id == cycle_id,
        Objective.deleted_at.is_(None),
    )
    if await tx.scalar(present.limit(1)) is not None:
        raise AlreadyCarriedOver


async def _continue(
    tx: Transaction,
    who: Principal,
    origin: Objective,
    cycle_id: UUID,
    parent: Ref | None,
    external_id: str | None = None,
) -> Objective:
    """Make the objective that goes on with another, and copies of its unfinished key results."""
    other = {"cycle_id": Ref(str(cycle_id)), "parent_id": parent, "external_id": external_id}
    new = objective_input(origin).model_copy(update={**other, "state": ObjectiveState.ACTIVE})
    made = await objectives.create_objective(tx, who, new, origin.id)
    unfinished = (
        select(KeyResult)
        .where(
            KeyResult.tenant_id == who.tenant_id,
            KeyResult.objective_id == origin.id,
            KeyResult.deleted_at.is_(None),
            KeyResult.progress < 1,
        )
        .order_by(KeyResult.position, KeyResult.id)
    )
    for row in list(await tx.scalars(unfinished)):
        copy = _copied(await key_result_input(tx, row), row.current_value, made.id)
        await key_results.create_key_result(tx, who, copy)
    return made


def _copied(present: NewKeyResult, current: Decimal | None, objective_id: UUID) -> NewKeyResult:
    changes: dict[str, object] = {
        "external_id": None,
        "objective_id": Ref(str(objective_id)),
        "start_date": None,
        "due_date": None,
        "plan": [],
        "feeds_id": None,
    }
    if present.metric in (Metric.INCREASE, Metric.DECREASE) and current is not None:
        changes["start_value"] = current
    return present.model_copy(update=changes)


@dataclass(frozen=True)
class ClosedObjective:
    """An objective that was closed with its cycle, and the one that goes on with it, if any."""

    id: UUID
    external_id: str | None
    title: str
    final_score: Decimal | None
    carried_over_to_id: UUID | None


@dataclass(frozen=True)
class ClosedCycle:
    """What closing a cycle did, or would do."""

    cycle_id: UUID
    codes: list[str]
    objectives: list[ClosedObjective]


async def close_cycle(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    wanted: CycleClosing,
    mode: Mode = Mode.COMMIT,
    expected: Versions = None,
) -> ClosedCycle:
    """Close a cycle, those beneath it and all that is active in them; a dry run takes it back.

    Raises:
        NotPermitted, CycleNotFound, VersionMismatch, CycleClosed (the one to carry over to).
    """
    require_everywhere(who, Permission.PLAN)
    attempt = await tx.begin_nested()
    await hold_structure(tx, who.tenant_id, alone=True)
    within = await cycles.hold_cycles_within(tx, who, ref)
    cycle = within[0]
    if expected is not None and cycle.version not in expected:
        raise VersionMismatch
    still_open = [one for one in within if one.state == CycleState.OPEN]
    ids = [one.id for one in still_open]
    closed = await objectives.close_objectives(tx, who, ids, wanted.retrospective)
    carried: dict[UUID, UUID] = {}
    async with gathered(tx, who):
        if wanted.carry_over_to is not None:
            carried = await _carry_over_all(tx, who, closed, wanted.carry_over_to, within)
        for one in still_open:
            await cycles.set_cycle_state(tx, who, one.id, CycleState.CLOSED)
    outcome = [
        ClosedObjective(row.id, row.external_id, row.title, row.final_score, carried.get(row.id))
        for row in closed
    ]
    done = ClosedCycle(cycle.id, [one.code for one in still_open], outcome)
    await (attempt.commit() if mode is Mode.COMMIT else attempt.rollback())
    return done


async def _carry_over_all(
    tx: Transaction,
    who: Principal,
    closed: Sequence[Objective],
    target: Ref,
    within: Sequence[Cycle],
) -> dict[UUID, UUID]:
    """Carry over what is unfinished, aligned among itself as it was; returns new ids by old."""
    cycle_id = await cycles.cycle_id(tx, who, target, "/carry_over_to")
    codes = {one.id: one.code for one in within}
    if cycle_id in codes:
        raise CycleClosed(codes[cycle_id]).at("/carry_over_to")
    unfinished = {row.id: row for row in closed if row.progress != 1}
    made: dict[UUID, UUID] = {}
    async with rollup.deferred(tx, who.tenant_id):
        for row in _parents_first(unfinished):
            above = made.get(row.parent_id) if row.parent_id else None
            made[row.id] = (await _continue(tx, who, row, cycle_id, references.ref(above))).id
    return made


def _parents_first(rows: dict[UUID, Objective]) -> list[Objective]:
    ordered: dict[UUID, Objective] = {}

    def place(row: Objective) -> None:
        if row.id not in ordered:
            if row.parent_id in rows:
                place(rows[row.parent_id])
            ordered[row.id] = row

    for row in rows.values():
        place(row)
    return list(ordered.values())

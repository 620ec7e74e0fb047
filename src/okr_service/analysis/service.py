"""What if: real writes, in a transaction that is taken back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Label, select

from okr_service.access.policy import Permission, Principal, require
from okr_service.analysis.shapes import Hypothesis
from okr_service.checkins.service import record_check_in
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, Forbidden, InvalidInput, OkrError
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.patch import patched
from okr_service.objectives import key_results, service
from okr_service.objectives.access import objective_seen, seen_link
from okr_service.objectives.model import Objective
from okr_service.objectives.shapes import NewKeyResult, NewObjective
from okr_service.rollup import service as rollup


@dataclass(frozen=True)
class Affected:
    """An objective that changes would move; without an id where they create it."""

    id: UUID | None
    external_id: str | None
    title: str
    parent_id: UUID | None
    before: Decimal | None
    after: Decimal | None


async def simulate(
    tx: Transaction, who: Principal, changes: Sequence[Hypothesis]
) -> list[Affected]:
    """Return the progress of every objective that changes would move, before and after.

    The changes are made by the functions that make real ones, and taken back. They
    hold what real ones hold for as long as that takes; objectives only at its end.

    Raises:
        NotPermitted: the caller may not plan, or not make one of the changes.
        InvalidInput: a change cannot be made; it is named by its place, `/changes/<n>`.
    """
    require(who, Permission.PLAN)
    attempt = await tx.begin_nested()
    only_reports = all(change.check_in is not None for change in changes)
    await hold_structure(tx, who.tenant_id, alone=not only_reports)
    created: set[UUID] = set()
    async with rollup.deferred(tx, who.tenant_id, told=True) as later:
        for place, change in enumerate(changes):
            try:
                made = await _make(tx, who, change)
            except Forbidden as error:
                raise error.at(f"/changes/{place}{error.pointer or ''}") from error
            except OkrError as error:
                raise _at(error, place) from error
            if made is not None:
                created.add(made)
    progress = {
        one.objective_id: (one.before, one.after)
        for one in later.outcome
        if one.before != one.after
    }
    affected = await _affected(tx, who, progress, created)
    await attempt.rollback()
    return affected


async def _make(tx: Transaction, who: Principal, change: Hypothesis) -> UUID | None:
    """Make a change; returns the id of the objective that it creates, if it does."""
    if change.check_in is not None:
        await record_check_in(tx, who, change.check_in)
    elif (edit := change.edit_objective) is not None:
        await service.edit_objective(tx, who, edit.id, patched(NewObjective, edit.changes))
    elif (edit := change.edit_key_result) is not None:
        await key_results.edit_key_result(tx, who, edit.id, patched(NewKeyResult, edit.changes))
    elif change.create_objective is not None:
        return (await service.create_objective(tx, who, change.create_objective)).id
    elif change.create_key_result is not None:
        await key_results.create_key_result(tx, who, change.create_key_result)
    elif change.delete_objective is not None:
        await service.delete_objective(tx, who, change.delete_objective)
    elif change.delete_key_result is not None:
        await key_results.delete_key_result(tx, who, change.delete_key_result)
    return None


def _at(error: OkrError, place: int) -> InvalidInput:
    within = f"/changes/{place}"
    if isinstance(error, InvalidInput):
        found = [FieldError(within + e.pointer, e.code, e.facts) for e in error.errors]
        return InvalidInput(found)
    return InvalidInput([FieldError.of(error, within)])


async def _affected(
    tx: Transaction,
    who: Principal,
    progress: dict[UUID, tuple[Decimal | None, Decimal | None]],
    created: Collection[UUID],
) -> list[Affected]:
    parent: Label[UUID | None] = seen_link(who, Objective.parent_id).label("parent_id")
    rows = await tx.execute(
        select(Objective.id, Objective.external_id, Objective.title, parent)
        .where(
            Objective.tenant_id == who.tenant_id,
            Objective.id.in_(progress),
            *objective_seen(who.sight),
        )
        .order_by(Objective.parent_id.is_not(None), Objective.position, Objective.id)
    )
    return [
        Affected(
            None if row.id in created else row.id,
            row.external_id,
            row.title,
            None if row.parent_id in created else row.parent_id,
            *progress[row.id],
        )
        for row in rows
    ]

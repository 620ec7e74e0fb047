"""Saying how objectives are measured: key results and their plans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import (
    select,
)

from okr_service.access.policy import Permission, Principal, require, require_for
from okr_service.audit.service import Change, created, record, record_all
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    FieldError,
    InvalidInput,
    OkrError,
    attempt,
    raised,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.references import Versions, among
from okr_service.kernel.writes import Edited, add_all, change, change_all, differences
from okr_service.objectives.access import require_plans, unseen_key_result
from okr_service.objectives.errors import (
    KeyResultNotFound,
)
from okr_service.objectives.feeds import require_may_feed, require_unfed
from okr_service.objectives.holding import (
    hold_key_results,
    lock_key_result,
)
from okr_service.objectives.inputs import key_result_inputs, key_result_record
from okr_service.objectives.key_result_values import (
    Edit,
    Surroundings,
    key_result_values,
    require_same_objective,
    surroundings,
)
from okr_service.objectives.model import KeyResult
from okr_service.objectives.plans import add_plans, plan_document, replace_plans
from okr_service.objectives.service import cycle_of
from okr_service.objectives.shapes import (
    NewKeyResult,
    PlannedFigure,
    ValueSource,
)
from okr_service.objectives.values import Values
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

# What may not change while others feed it.
_OF_A_FEED = {"source", "unit_of_measure", "format", "currency"}


async def create_key_result(tx: Transaction, who: Principal, new: NewKeyResult) -> KeyResult:
    """Say how an objective is measured.

    Raises:
        NotPermitted, ObjectiveNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        ExternalIdTaken, and those of `check_figures`, `source_of` and `require_may_feed`.
    """
    for made in await create_key_results(tx, who, [new]):
        row_id = raised(made)
    return await tx.get_one(KeyResult, (who.tenant_id, row_id))


async def create_key_results(
    tx: Transaction, who: Principal, batch: Sequence[NewKeyResult]
) -> list[UUID | OkrError]:
    """Say at once how objectives are measured; returns the id of each, or what is wrong with it.

    Raises:
        NotPermitted: the caller may say so of none at all.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    around = await surroundings(tx, who, batch)
    outcome: list[UUID | OkrError] = []
    rows: list[Values] = []
    plans: list[tuple[UUID, Sequence[PlannedFigure]]] = []
    for new in batch:
        feeds = await _feeds(tx, who, new)
        made = attempt(partial(_made, who, around, new, feeds))
        if isinstance(made, OkrError):
            outcome.append(made)
            continue
        row_id = new_id()
        rows.append({"tenant_id": who.tenant_id, "id": row_id, **made})
        plans.append((row_id, new.plan))
        outcome.append(row_id)
    await add_all(tx, KeyResult, rows)
    await add_plans(tx, who.tenant_id, plans)
    told = zip(rows, plans, strict=True)
    events = ({**row, "plan": plan_document(plan)} for row, (_, plan) in told)
    await record_all(tx, who, map(created("key_result"), events))
    await _roll_up_new(tx, who, rows)
    return outcome


def _made(
    who: Principal, around: "Surroundings", new: NewKeyResult, feeds: UUID | OkrError | None
) -> Values:
    if new.objective_id is None:
        raise InvalidInput([FieldError("/objective_id", "required")])
    objective = around.objective(new.objective_id)
    require_for(who, Permission.PLAN, objective.unit_id, objective.owner_id)
    values = key_result_values(around, new, around.open.cycle(objective.cycle_id), raised(feeds))
    return {**values, "objective_id": objective.id}


async def _feeds(tx: Transaction, who: Principal, new: NewKeyResult) -> UUID | OkrError | None:
    try:
        return await require_may_feed(tx, who, new, None)
    except OkrError as error:
        return error


async def _roll_up_new(tx: Transaction, who: Principal, rows: Sequence[Values]) -> None:
    ids = [row_id for row in rows if isinstance(row_id := row["id"], UUID)]
    of = (KeyResult.tenant_id == who.tenant_id, among(KeyResult.id, ids))
    columns = (KeyResult.objective_id, KeyResult.weight, KeyResult.progress, KeyResult.feeds_id)
    found = (await tx.execute(select(*columns).where(*of))).all() if ids else []
    shifts = [
        Shift(row.objective_id, Contribution(), Contribution.measured(row.weight, row.progress))
        for row in found
    ]
    await rollup.propagate(tx, who.tenant_id, shifts, _fed(*(row.feeds_id for row in found)))


async def edit_key_result(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewKeyResult], NewKeyResult],
    expected: Versions = None,
) -> KeyResult:
    """Change a key result into what `edit` makes of it, its plan included.

    Raises:
        NotPermitted, KeyResultNotFound, VersionMismatch, ObjectiveFixed, PersonNotFound,
        CycleClosed, DateOutsideCycle, ExternalIdTaken, KeyResultIsFed, and those of
        `check_figures`, `source_of` and `require_may_feed`.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    row = await lock_key_result(tx, who, ref, expected)
    for changed in await _edit_held(tx, who, [(row, edit)]):
        raised(changed)
    return row


async def edit_key_results(
    tx: Transaction, who: Principal, edits: Mapping[UUID, Edit]
) -> dict[UUID, Edited | OkrError]:
    """Change key results at once; returns what that changed of each, or what is wrong with it.

    The caller holds the tenant's structure alone, and all that is touched (see the rollup).

    Raises:
        NotPermitted: the caller may edit none at all.
    """
    require(who, Permission.PLAN)
    rows = await hold_key_results(tx, who, edits)
    outcome: dict[UUID, Edited | OkrError] = {
        row_id: KeyResultNotFound(str(row_id)) for row_id in edits if row_id not in rows
    }
    pairs: list[tuple[KeyResult, Edit]] = []
    for row in [rows[row_id] for row_id in edits if row_id in rows]:
        try:
            await require_plans(tx, who, row.objective_id, row.owner_id)
            pairs.append((row, edits[row.id]))
        except OkrError as error:
            outcome[row.id] = error
    for (row, _), changed in zip(pairs, await _edit_held(tx, who, pairs), strict=True):
        outcome[row.id] = changed
    return outcome


@dataclass(frozen=True)
class _Editing:
    """A key result that is held, what it is as an input, and what it is to become."""

    row: KeyResult
    present: NewKeyResult
    wanted: NewKeyResult
    unseen: UUID | None

    @property
    def plans_otherwise(self) -> bool:
        return self.wanted.plan != self.present.plan


async def _edit_held(
    tx: Transaction, who: Principal, edits: Sequence[tuple[KeyResult, Edit]]
) -> list[Edited | OkrError]:
    presents = await key_result_inputs(tx, [row for row, _ in edits])
    asked: list[_Editing | OkrError] = []
    for (row, edit), present in zip(edits, presents, strict=True):
        unseen = await unseen_key_result(tx, who, row.feeds_id)
        shown = present.model_copy(update={"feeds_id": None}) if unseen else present
        wanted = attempt(partial(edit, shown))
        if isinstance(wanted, OkrError):
            asked.append(wanted)
        else:
            asked.append(_Editing(row, present, wanted, unseen))
    around = await surroundings(
        tx, who, [a.wanted for a in asked if isinstance(a, _Editing)], edits
    )
    changes = [
        found if isinstance(found, OkrError) else await _changes(tx, who, around, found)
        for found in asked
    ]
    kept = [
        (found, values)
        for found, values in zip(asked, changes, strict=True)
        if isinstance(found, _Editing) and isinstance(values, dict)
        if values or found.plans_otherwise
    ]
    written = {
        found.row.id: edited
        for (found, _), edited in zip(kept, await _write(tx, who, kept), strict=True)
    }
    return [
        values if isinstance(values, OkrError) else written.get(row.id, Edited({}, {}))
        for (row, _), values in zip(edits, changes, strict=True)
    ]


async def _changes(
    tx: Transaction, who: Principal, around: "Surroundings", editing: _Editing
) -> Values | OkrError:
    """Return what an edit would change, or what is wrong with it."""
    row, wanted = editing.row, editing.wanted
    try:
        cycle = around.open.cycle(around.by_id[row.objective_id].cycle_id)
        require_same_objective(around, row, wanted)
        feeds = await require_may_feed(tx, who, wanted, row)
        values = key_result_values(around, wanted, cycle, feeds, row)
        values["feeds_id"] = values["feeds_id"] or editing.unseen
        changes = differences(row, values)
        if "owner_id" in changes:
            await require_plans(tx, who, row.objective_id, _person(values["owner_id"]))
        if _OF_A_FEED & changes.keys():
            await require_unfed(tx, who, KeyResult.id == row.id)
    except OkrError as error:
        return error
    return changes


async def _write(
    tx: Transaction, who: Principal, changes: Sequence[tuple[_Editing, Values]]
) -> list[Edited]:
    rows = [editing.row for editing, _ in changes]
    was = [(Contribution.of(row), row.feeds_id, row.source) for row in rows]
    before = await change_all(tx, [(editing.row, values) for editing, values in changes])
    await _take_right_values(tx, who, rows, [source for *_, source in was])
    planned = [editing for editing, _ in changes if editing.plans_otherwise]
    await replace_plans(tx, who, [(editing.row.id, editing.wanted.plan) for editing in planned])
    edited = [
        Edited(
            {**old, "plan": plan_document(editing.present.plan)},
            {**new, "plan": plan_document(editing.wanted.plan)},
        )
        if editing.plans_otherwise
        else Edited(old, new)
        for (editing, new), old in zip(changes, before, strict=True)
    ]
    events = zip(rows, edited, strict=True)
    await record_all(
        tx, who, [Change("updated", "key_result", row.id, e.before, e.after) for row, e in events]
    )
    shifts, fed = [], set[UUID]()
    for row, (contribution, fed_before, _) in zip(rows, was, strict=True):
        shifts.append(Shift(row.objective_id, contribution, Contribution.of(row)))
        itself = row.id if row.source == ValueSource.CHILDREN else None
        fed |= _fed(fed_before, row.feeds_id, itself)
    await rollup.propagate(tx, who.tenant_id, shifts, fed)
    return edited


async def _take_right_values(
    tx: Transaction, who: Principal, rows: Sequence[KeyResult], sources: Sequence[str]
) -> None:
    """Give those that others fed until now the value of their own check-ins."""
    children = ValueSource.CHILDREN
    freed = [
        row
        for row, source in zip(rows, sources, strict=True)
        if source == children and row.source != children
    ]
    if freed:
        await rollup.take_right_values(tx, who.tenant_id, [row.id for row in freed])
    for row in freed:
        await tx.refresh(row)


async def delete_key_result(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Take a key result out of sight and out of every figure; its check-ins are kept.

    Raises:
        NotPermitted, KeyResultNotFound, VersionMismatch, CycleClosed, KeyResultIsFed.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    row = await lock_key_result(tx, who, ref, expected)
    await require_unfed(tx, who, KeyResult.id == row.id)
    await cycle_of(tx, who, row.objective_id)
    was, before = Contribution.of(row), await key_result_record(tx, row)
    await change(tx, row, {"deleted_at": datetime.now(UTC)})
    await record(tx, who, Change("deleted", "key_result", row.id, before))
    shift = Shift(row.objective_id, was, Contribution())
    await rollup.propagate(tx, who.tenant_id, [shift], _fed(row.feeds_id))


def _fed(*row_ids: UUID | None) -> set[UUID]:
    return {row_id for row_id in row_ids if row_id is not None}


def _person(value: object) -> UUID | None:
    assert value is None or isinstance(value, UUID)
    return value

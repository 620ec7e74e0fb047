"""Saying how objectives are measured: key results and their plans."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, insert

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import Change, record
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, InvalidInput
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import add, change, differences
from okr_service.objectives.access import key_result_seen, require_plans, unseen_key_result
from okr_service.objectives.errors import (
    CurrencyMismatch,
    FigureNotUsed,
    FigureRequired,
    KeyResultNotFound,
    ObjectiveFixed,
    PlanDatesRepeat,
    TargetEqualsStart,
    TargetOnWrongSide,
    TargetRangeEmpty,
)
from okr_service.objectives.feeds import require_may_feed, require_unfed, source_of
from okr_service.objectives.inputs import key_result_input, key_result_record
from okr_service.objectives.model import KeyResult, PlannedValue
from okr_service.objectives.service import cycle_of, objective_id
from okr_service.objectives.shapes import (
    Format,
    Metric,
    NewKeyResult,
    PlannedFigure,
    ValueSource,
)
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

# What may not change while others feed it.
_OF_A_FEED = {"source", "unit_of_measure", "format", "currency"}
_WITHOUT_FIGURES = (Metric.BOOLEAN, Metric.ACTIONS)


async def create_key_result(tx: Transaction, who: Principal, new: NewKeyResult) -> KeyResult:
    """Say how an objective is measured.

    Raises:
        NotPermitted, ObjectiveNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        ExternalIdTaken, and those of `check_figures`, `source_of` and `require_may_feed`.
    """
    require(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    if new.objective_id is None:
        raise InvalidInput([FieldError("/objective_id", "required")])
    objective = await objective_id(tx, who, new.objective_id, "/objective_id")
    await require_plans(tx, who, objective)
    values = await _values(tx, who, new, await cycle_of(tx, who, objective))
    values |= {"objective_id": objective}
    row = KeyResult(tenant_id=who.tenant_id, **values)
    await add(tx, row)
    await _write_plan(tx, row, new.plan)
    after = {**values, "plan": _dumped(new.plan)}
    await record(tx, who, Change("created", "key_result", row.id, after=after))
    shift = Shift(objective, Contribution(), Contribution.of(row))
    await rollup.propagate(tx, who.tenant_id, [shift], _fed(row.feeds_id))
    return row


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
    cycle = await cycle_of(tx, who, row.objective_id)
    present = await key_result_input(tx, row)
    unseen = await unseen_key_result(tx, who, row.feeds_id)
    wanted = edit(present.model_copy(update={"feeds_id": None}) if unseen else present)
    await _require_same_objective(tx, who, row, wanted)
    values = await _values(tx, who, wanted, cycle, row)
    values["feeds_id"] = values["feeds_id"] or unseen
    changes = differences(row, values)
    if "owner_id" in changes:
        await require_plans(tx, who, row.objective_id, _person(values["owner_id"]))
    if _OF_A_FEED & changes.keys():
        await require_unfed(tx, who, KeyResult.id == row.id)
    if not changes and wanted.plan == present.plan:
        return row
    was, fed_before, source_before = Contribution.of(row), row.feeds_id, row.source
    before = await change(tx, row, changes)
    if source_before == ValueSource.CHILDREN and row.source != source_before:
        await rollup.take_right_values(tx, who.tenant_id, [row.id])
        await tx.refresh(row)
    if wanted.plan != present.plan:
        await _write_plan(tx, row, wanted.plan)
        before["plan"], changes["plan"] = _dumped(present.plan), _dumped(wanted.plan)
    await record(tx, who, Change("updated", "key_result", row.id, before, changes))
    itself = row.id if row.source == ValueSource.CHILDREN else None
    shift = Shift(row.objective_id, was, Contribution.of(row))
    fed = _fed(fed_before, row.feeds_id, itself)
    await rollup.propagate(tx, who.tenant_id, [shift], fed)
    return row


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


async def lock_key_result(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> KeyResult:
    """Return a key result that the caller may plan, held until the transaction ends.

    Raises:
        NotPermitted, KeyResultNotFound, VersionMismatch.
    """

    async def permit(row: KeyResult) -> None:
        await require_plans(tx, who, row.objective_id, row.owner_id)

    absent, seen = KeyResultNotFound(str(ref)), key_result_seen(who.sight)
    return await references.lock(tx, KeyResult, who.tenant_id, ref, absent, expected, seen, permit)


async def hold_key_result(tx: Transaction, who: Principal, key_result_id: UUID) -> KeyResult:
    """Return a key result, held for a change of what hangs from it; raises KeyResultNotFound."""
    absent, seen = KeyResultNotFound(str(key_result_id)), key_result_seen(who.sight)
    return await references.lock(tx, KeyResult, who.tenant_id, key_result_id, absent, seen=seen)


def _person(value: object) -> UUID | None:
    assert value is None or isinstance(value, UUID)
    return value


def check_figures(new: NewKeyResult) -> dict[str, Decimal | None]:
    """Return the figures that a key result's metric works with.

    Raises:
        FigureRequired, FigureNotUsed: its metric wants one more, or one fewer.
        TargetEqualsStart, TargetOnWrongSide, TargetRangeEmpty: they contradict each other.
    """
    start, target, upper = new.start_value, new.target_value, new.target_max
    metric = new.metric
    if metric is Metric.INCREASE and start is None:
        start = Decimal(0)
    _require_figures(metric, start, target, upper)
    if metric in (Metric.INCREASE, Metric.DECREASE) and start is not None and target is not None:
        if target == start:
            raise TargetEqualsStart().at("/target_value")
        if (target > start) is not (metric is Metric.INCREASE):
            raise TargetOnWrongSide().at("/target_value")
    if target is not None and upper is not None and target > upper:
        raise TargetRangeEmpty().at("/target_max")
    return {"start_value": start, "target_value": target, "target_max": upper}


def _require_figures(
    metric: Metric, start: Decimal | None, target: Decimal | None, upper: Decimal | None
) -> None:
    if metric in _WITHOUT_FIGURES:
        for pointer, value in (("/start_value", start), ("/target_value", target)):
            if value is not None:
                raise FigureNotUsed(metric).at(pointer)
    elif target is None:
        raise FigureRequired(metric).at("/target_value")
    if metric is Metric.DECREASE and start is None:
        raise FigureRequired(metric).at("/start_value")
    if metric is Metric.BETWEEN and upper is None:
        raise FigureRequired(metric).at("/target_max")
    if metric is not Metric.BETWEEN and upper is not None:
        raise FigureNotUsed(metric).at("/target_max")


async def _values(
    tx: Transaction,
    who: Principal,
    new: NewKeyResult,
    cycle: Cycle,
    row: KeyResult | None = None,
) -> dict[str, object]:
    figures = check_figures(new)
    if (new.format is Format.CURRENCY) is (new.currency is None):
        raise CurrencyMismatch().at("/currency")
    cycles.require_within(cycle, new.start_date, "/start_date")
    cycles.require_within(cycle, new.due_date, "/due_date")
    for place, planned in enumerate(new.plan):
        cycles.require_within(cycle, planned.date, f"/plan/{place}/date")
    if len({planned.date for planned in new.plan}) < len(new.plan):
        raise PlanDatesRepeat().at("/plan")
    return {
        **new.model_dump(include=_COPIED),
        **figures,
        "metric": new.metric.value,
        "format": new.format.value,
        "cadence": new.cadence and new.cadence.value,
        **source_of(new),
        "feeds_id": await require_may_feed(tx, who, new, row),
        "links": [link.model_dump() for link in new.links],
        "owner_id": await organisation.person_id(tx, who, new.owner_id, "/owner_id"),
    }


_COPIED = {
    "external_id",
    "title",
    "description",
    "unit_of_measure",
    "currency",
    "weight",
    "start_date",
    "due_date",
    "position",
    "tags",
}


async def _require_same_objective(
    tx: Transaction, who: Principal, row: KeyResult, wanted: NewKeyResult
) -> None:
    if wanted.objective_id is None:
        return
    if await objective_id(tx, who, wanted.objective_id, "/objective_id") != row.objective_id:
        raise ObjectiveFixed().at("/objective_id")


async def _write_plan(tx: Transaction, row: KeyResult, plan: Sequence[PlannedFigure]) -> None:
    of = (PlannedValue.tenant_id == row.tenant_id, PlannedValue.key_result_id == row.id)
    await tx.execute(delete(PlannedValue).where(*of))
    values = [
        {
            "tenant_id": row.tenant_id,
            "key_result_id": row.id,
            "on_date": planned.date,
            "value": planned.value,
        }
        for planned in plan
    ]
    if values:
        await tx.execute(insert(PlannedValue), values)


def _dumped(plan: Sequence[PlannedFigure]) -> list[dict[str, object]]:
    return [planned.model_dump(mode="json") for planned in plan]

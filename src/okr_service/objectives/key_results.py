"""Saying how objectives are measured: key results and their plans."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Numeric,
    Row,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
)

from okr_service.access.policy import Permission, Principal, require, require_for
from okr_service.audit.service import Change, created, record, record_all
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.service import OpenCycles
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    ExternalIdTaken,
    FieldError,
    InvalidInput,
    OkrError,
    attempt,
    raised,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import Model, new_id
from okr_service.kernel.references import Named, Versions, alive, among
from okr_service.kernel.writes import Edited, add_all, change, change_all, differences, taken
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
from okr_service.objectives.inputs import key_result_inputs, key_result_record
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.service import cycle_of
from okr_service.objectives.shapes import (
    Format,
    Metric,
    NewKeyResult,
    PlannedFigure,
    ValueSource,
)
from okr_service.objectives.values import Values, named_objectives
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

# What may not change while others feed it.
_OF_A_FEED = {"source", "unit_of_measure", "format", "currency"}
_WITHOUT_FIGURES = (Metric.BOOLEAN, Metric.ACTIONS)
_PLANNED = (
    func.unnest(
        # As text, for the driver takes long to look at each item of an array.
        cast(bindparam("ids", type_=Text), ARRAY(Uuid)),
        cast(bindparam("days", type_=Text), ARRAY(Date)),
        cast(bindparam("figures", type_=Text), ARRAY(Numeric)),
    )
    .table_valued("key_result_id", "on_date", "value", name="planned")
    .render_derived()
)
_ADD_PLANS = insert(Model.metadata.tables[PlannedValue.__tablename__]).from_select(
    ["tenant_id", "key_result_id", "on_date", "value"],
    select(
        bindparam("tenant_id", type_=Uuid),
        _PLANNED.c.key_result_id,
        _PLANNED.c.on_date,
        _PLANNED.c.value,
    ),
)


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
    around = await _surroundings(tx, who, batch)
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
    await _add_plans(tx, who.tenant_id, plans)
    told = zip(rows, plans, strict=True)
    events = ({**row, "plan": _dumped(plan)} for row, (_, plan) in told)
    await record_all(tx, who, map(created("key_result"), events))
    await _roll_up_new(tx, who, rows)
    return outcome


def _made(
    who: Principal, around: "_Surroundings", new: NewKeyResult, feeds: UUID | OkrError | None
) -> Values:
    if new.objective_id is None:
        raise InvalidInput([FieldError("/objective_id", "required")])
    objective = around.objective(new.objective_id)
    require_for(who, Permission.PLAN, objective.unit_id, objective.owner_id)
    values = _values(around, new, around.open.cycle(objective.cycle_id), raised(feeds))
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


Edit = Callable[[NewKeyResult], NewKeyResult]


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
    around = await _surroundings(
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
    tx: Transaction, who: Principal, around: "_Surroundings", editing: _Editing
) -> Values | OkrError:
    """Return what an edit would change, or what is wrong with it."""
    row, wanted = editing.row, editing.wanted
    try:
        cycle = around.open.cycle(around.by_id[row.objective_id].cycle_id)
        _require_same_objective(around, row, wanted)
        feeds = await require_may_feed(tx, who, wanted, row)
        values = _values(around, wanted, cycle, feeds, row)
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
    await _replace_plans(tx, who, [(editing.row.id, editing.wanted.plan) for editing in planned])
    edited = [
        Edited(
            {**old, "plan": _dumped(editing.present.plan)},
            {**new, "plan": _dumped(editing.wanted.plan)},
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


async def hold_key_results(
    tx: Transaction, who: Principal, key_result_ids: Collection[UUID]
) -> dict[UUID, KeyResult]:
    """Return those of key results that are seen, held for changes of what hangs from them."""
    if not key_result_ids:
        return {}
    return {row.id: row for row in await _hold(tx, who, among(KeyResult.id, list(key_result_ids)))}


async def hold_named(
    tx: Transaction, who: Principal, external_ids: Collection[str], ids: Collection[UUID]
) -> Sequence[KeyResult]:
    """Return the same by their external ids, or their ids."""
    if not external_ids and not ids:
        return []
    by_key, by_id = list(external_ids), list(ids)
    named = or_(among(KeyResult.external_id, by_key), among(KeyResult.id, by_id))
    return await _hold(tx, who, named)


async def _hold(tx: Transaction, who: Principal, which: ColumnElement[bool]) -> Sequence[KeyResult]:
    of = (KeyResult.tenant_id == who.tenant_id, which)
    seen = (*alive(KeyResult), *key_result_seen(who.sight))
    held = select(KeyResult).where(*of, *seen).order_by(KeyResult.id)
    fresh = held.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await tx.scalars(fresh)).all()


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


@dataclass(frozen=True)
class _Surroundings:
    """What a batch of key results refers to, read at once."""

    objectives: Named
    by_id: Mapping[UUID, Row[UUID, UUID, UUID | None, UUID]]
    open: OpenCycles
    people: Named
    taken: Collection[str]

    def objective(self, ref: Ref) -> Row[UUID, UUID, UUID | None, UUID]:
        """Return the id, unit, owner and cycle of the objective that a reference names."""
        return self.by_id[self.objectives.id(ref, "/objective_id")]


async def _surroundings(
    tx: Transaction,
    who: Principal,
    batch: Sequence[NewKeyResult],
    edits: Sequence[tuple[KeyResult, Edit]] = (),
) -> _Surroundings:
    objectives = await named_objectives(tx, who, (new.objective_id for new in batch))
    its = {*objectives.ids.values(), *(row.objective_id for row, _ in edits)}
    of = (Objective.tenant_id == who.tenant_id, among(Objective.id, sorted(its)))
    columns = (Objective.id, Objective.unit_id, Objective.owner_id, Objective.cycle_id)
    found = (await tx.execute(select(*columns).where(*of))).all() if its else []
    present = {row.external_id for row, _ in edits}
    keys = (new.external_id for new in batch if new.external_id not in present)
    return _Surroundings(
        objectives,
        {row.id: row for row in found},
        await cycles.open_cycles(tx, who, (row.cycle_id for row in found)),
        await organisation.named_people(tx, who, (new.owner_id for new in batch)),
        await taken(tx, KeyResult, who.tenant_id, keys),
    )


def _values(
    around: _Surroundings,
    new: NewKeyResult,
    cycle: Cycle,
    feeds: UUID | None,
    row: KeyResult | None = None,
) -> Values:
    figures = check_figures(new)
    if (new.format is Format.CURRENCY) is (new.currency is None):
        raise CurrencyMismatch().at("/currency")
    cycles.require_within(cycle, new.start_date, "/start_date")
    cycles.require_within(cycle, new.due_date, "/due_date")
    for place, planned in enumerate(new.plan):
        cycles.require_within(cycle, planned.date, f"/plan/{place}/date")
    if len({planned.date for planned in new.plan}) < len(new.plan):
        raise PlanDatesRepeat().at("/plan")
    source = source_of(new)
    owner = around.people.optional(new.owner_id, "/owner_id")
    if new.external_id in around.taken and (row is None or row.external_id != new.external_id):
        raise ExternalIdTaken(str(new.external_id)).at("/external_id")
    return {
        **{name: getattr(new, name) for name in _COPIED},
        **figures,
        "metric": new.metric.value,
        "format": new.format.value,
        "cadence": new.cadence and new.cadence.value,
        **source,
        "feeds_id": feeds,
        "links": [link.model_dump() for link in new.links],
        "owner_id": owner,
    }


_COPIED = (
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
)


def _require_same_objective(around: _Surroundings, row: KeyResult, wanted: NewKeyResult) -> None:
    if wanted.objective_id is not None and (
        around.objectives.id(wanted.objective_id, "/objective_id") != row.objective_id
    ):
        raise ObjectiveFixed().at("/objective_id")


async def _replace_plans(
    tx: Transaction, who: Principal, plans: Sequence[tuple[UUID, Sequence[PlannedFigure]]]
) -> None:
    if plans:
        ids = [row_id for row_id, _ in plans]
        of = (PlannedValue.tenant_id == who.tenant_id, among(PlannedValue.key_result_id, ids))
        await tx.execute(delete(PlannedValue).where(*of))
        await _add_plans(tx, who.tenant_id, plans)


async def _add_plans(
    tx: Transaction, tenant_id: UUID, plans: Sequence[tuple[UUID, Sequence[PlannedFigure]]]
) -> None:
    flat = [figure for _, plan in plans for figure in plan]
    if not flat:
        return
    values = {
        "tenant_id": tenant_id,
        "ids": _array(str(row_id) for row_id, plan in plans for _ in plan),
        "days": _array(figure.date.isoformat() for figure in flat),
        "figures": _array(str(figure.value) for figure in flat),
    }
    await tx.execute(_ADD_PLANS, values)


def _array(items: Iterable[str]) -> str:
    return f"{{{','.join(items)}}}"


def _dumped(plan: Sequence[PlannedFigure]) -> list[dict[str, object]]:
    return [{"date": planned.date.isoformat(), "value": str(planned.value)} for planned in plan]

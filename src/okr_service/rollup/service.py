"""Keeping every objective's sums right: walk up from a change, or compute anew."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    Date,
    Numeric,
    RowMapping,
    TextualSelect,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import Subquery

from okr_service.access.policy import Principal
from okr_service.audit.service import Change, record_all
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.model import Model
from okr_service.kernel.sql import load_sql
from okr_service.kernel.telemetry import durations, sizes, timed
from okr_service.objectives.model import KeyResult, Objective
from okr_service.rollup.model import ProgressOnDay

_WALK, _RECOMPUTE = "walk", "recompute"
_durations = durations("okr.rollup.duration", "How long it took to bring figures up to date.")
_sizes = sizes(
    "okr.rollup.objectives",
    "Objectives whose figures were brought up to date; of a walk it is how deep it went.",
)
_DEFERRED = "figures to compute at the end"
_IDS = bindparam("objective_ids", type_=ARRAY(Uuid))
_KEY_RESULT_IDS = bindparam("key_result_ids", type_=ARRAY(Uuid))
_TENANT_ID = bindparam("tenant_id", type_=Uuid)
_PROPAGATE = load_sql(__package__, "propagate").bindparams(
    _TENANT_ID,
    bindparam("objective_id", type_=Uuid),
    bindparam("weight_change", type_=Numeric),
    bindparam("progress_change", type_=Numeric),
)
_FEED = load_sql(__package__, "feed").bindparams(_TENANT_ID, _KEY_RESULT_IDS)
_EVERYTHING = bindparam("everything", type_=Boolean)
_LOCK_ABOVE = load_sql(__package__, "lock_above").bindparams(_IDS, _EVERYTHING)
# Its tenant is called otherwise because it stands within an UPDATE of `objectives`, in
# which SQLAlchemy keeps the names of that table's columns to itself.
_RECOMPUTED: TextualSelect = (
    load_sql(__package__, "recomputed")
    .bindparams(_IDS, _EVERYTHING, bindparam("tenant", type_=Uuid))
    .columns(column("id", Uuid), column("weight_sum", Numeric), column("progress_sum", Numeric))
)
_OBJECTIVES = Model.metadata.tables[Objective.__tablename__]
_KEY_RESULTS = Model.metadata.tables[KeyResult.__tablename__]
_MOST_NAMED = 50_000
_SUMS = ("weight_sum", "progress_sum")
_REPAIRED = "repaired"
_ALL: Mapping[str, object] = {"everything": True}
_OF_KEY_RESULT = ("current_value", "observed_at", "confidence", "action_weight", "done_weight")
_WRONG_KEY_RESULTS = load_sql(__package__, "wrong_key_results").bindparams(
    _TENANT_ID, _KEY_RESULT_IDS, _EVERYTHING
)


@dataclass(frozen=True)
class Contribution:
    """What a key result or a child objective adds to the sums of the objective above."""

    weight: Decimal = Decimal(0)
    weighted_progress: Decimal = Decimal(0)

    @classmethod
    def of(cls, row: KeyResult | Objective) -> "Contribution":
        """Return what a row adds as it is now; after a flush its progress is the new one."""
        counts = row.deleted_at is None and (
            isinstance(row, KeyResult) or row.state in ("active", "closed")
        )
        if not counts or row.progress is None:
            return cls()
        return cls.measured(row.weight, row.progress)

    @classmethod
    def measured(cls, weight: Decimal, progress: Decimal) -> "Contribution":
        """Return what something of a weight and a progress adds."""
        return cls(weight, weight * progress)

    def __add__(self, other: "Contribution") -> "Contribution":
        return Contribution(
            self.weight + other.weight, self.weighted_progress + other.weighted_progress
        )

    def __sub__(self, other: "Contribution") -> "Contribution":
        return Contribution(
            self.weight - other.weight, self.weighted_progress - other.weighted_progress
        )


@dataclass(frozen=True)
class Shift:
    """How a contribution to one objective changed."""

    objective_id: UUID
    before: Contribution
    after: Contribution


@dataclass(frozen=True)
class Recomputed:
    """An objective whose sums were computed anew: its progress and sums before and after."""

    objective_id: UUID
    before: Decimal | None
    after: Decimal | None
    sums_before: tuple[Decimal, Decimal]
    sums_after: tuple[Decimal, Decimal]


@dataclass
class Deferred:
    """What is to be computed at the end of a block, and then what it came to, if that is told."""

    objectives: set[UUID] = field(default_factory=set)
    fed: set[UUID] = field(default_factory=set)
    held: bool = False
    everything: bool = False
    outcome: list[Recomputed] = field(default_factory=list)

    def touch(self, objective_ids: Iterable[UUID]) -> None:
        """Have objectives computed at the end.

        Everything, where they are too many to name and held: what is computed and not held
        comes out as it is, for none of it was touched.
        """
        if not self.everything:
            self.objectives.update(objective_ids)
            if self.held and len(self.objectives) > _MOST_NAMED:
                self.everything, self.objectives = True, set()


async def propagate(
    tx: Transaction, tenant_id: UUID, shifts: Iterable[Shift], fed: Collection[UUID] = ()
) -> None:
    """Add changes of contributors to their objectives and to all above them.

    Before that, the key results `fed` get the aggregate of what feeds them now, and
    what those feed in turn. Within `deferred` it is all left to the end of the block.

    The caller holds the contributors' rows and, where there is more than one
    objective or anything fed, the tenant's structure. Best done last in a
    transaction, for from here on others who change the same tree wait.
    """
    if (later := _deferred(tx)) is not None:
        later.touch(shift.objective_id for shift in shifts)
        later.fed.update(fed)
        return
    changes: dict[UUID, Contribution] = {}
    for shift in [*shifts, *await _feed(tx, tenant_id, fed)]:
        so_far = changes.get(shift.objective_id, Contribution())
        changes[shift.objective_id] = so_far + shift.after - shift.before
    changes = {row_id: change for row_id, change in changes.items() if change != Contribution()}
    if len(changes) > 1:
        of = {"tenant": tenant_id, "objective_ids": sorted(changes), "everything": False}
        await _write_recomputed(tx, tenant_id, of, told=False)
    for objective_id, change in changes.items() if len(changes) == 1 else ():
        of = {
            "tenant_id": tenant_id,
            "objective_id": objective_id,
            "weight_change": change.weight,
            "progress_change": change.weighted_progress,
        }
        with timed(_durations, way=_WALK):
            _sizes.record(await tx.scalar(_PROPAGATE, of) or 0, {"way": _WALK})


def _deferred(tx: Transaction) -> Deferred | None:
    found: Deferred | None = tx.info.get(_DEFERRED)
    return found


async def _feed(tx: Transaction, tenant_id: UUID, fed: Collection[UUID]) -> list[Shift]:
    if not fed:
        return []
    of = {"tenant_id": tenant_id, "key_result_ids": sorted(fed)}
    return [
        Shift(
            row.objective,
            Contribution.measured(row.weight, row.was),
            Contribution.measured(row.weight, row.now_is),
        )
        for row in await tx.execute(_FEED, of)
    ]


@asynccontextmanager
async def deferred(
    tx: Transaction, tenant_id: UUID, *, held: bool = False, told: bool = False
) -> AsyncIterator[Deferred]:
    """Let many changes pass and compute what they touch once, at the end of the block.

    It is `held` if the caller holds, before it changes anything, all objectives there are of
    those it touches, and all above them; else they are held at the end. What it came to is
    told only where it is asked for: of an import it fills the memory. The caller holds the
    tenant's structure.
    """
    later = Deferred(held=held)
    tx.info[_DEFERRED] = later
    try:
        yield later
    finally:
        del tx.info[_DEFERRED]
    shifts = await _feed(tx, tenant_id, later.fed)
    fed = {shift.objective_id for shift in shifts}
    later.touch(fed)
    if later.everything and fed:  # which the caller did not know of
        await hold(tx, tenant_id, fed)
    if later.objectives or later.everything:
        of = {
            "tenant": tenant_id,
            "objective_ids": sorted(later.objectives),
            "everything": later.everything,
        }
        later.outcome = await _write_recomputed(tx, tenant_id, of, told=told, held=held)


async def hold(tx: Transaction, tenant_id: UUID, objective_ids: Collection[UUID]) -> None:
    """Hold objectives and all above them until the transaction ends, the deepest first."""
    of = {"tenant": tenant_id, "objective_ids": sorted(objective_ids), "everything": False}
    await tx.execute(_LOCK_ABOVE, of)


async def _write_recomputed(
    tx: Transaction, tenant_id: UUID, of: dict[str, object], *, told: bool, held: bool = False
) -> list[Recomputed]:
    with timed(_durations, way=_RECOMPUTE):
        if not of["everything"] or not held:
            # By itself: the next statement sees what it waited for.
            _sizes.record(await tx.scalar(_LOCK_ABOVE, of) or 0, {"way": _RECOMPUTE})
        return await _write_held(tx, tenant_id, of, told=told)


async def _write_held(
    tx: Transaction, tenant_id: UUID, of: dict[str, object], *, told: bool
) -> list[Recomputed]:
    right, before = _RECOMPUTED.subquery("right"), _OBJECTIVES.alias("before")
    written = (
        update(_OBJECTIVES)
        .where(_OBJECTIVES.c.tenant_id == tenant_id, _OBJECTIVES.c.id == right.c.id)
        .where(before.c.tenant_id == tenant_id, before.c.id == right.c.id)
        .where(_differs(right))
        .values(weight_sum=right.c.weight_sum, progress_sum=right.c.progress_sum)
        .returning(
            _OBJECTIVES.c.id,
            before.c.progress.label("before"),
            _OBJECTIVES.c.progress.label("after"),
            before.c.weight_sum.label("weight_sum_before"),
            before.c.progress_sum.label("progress_sum_before"),
            _OBJECTIVES.c.weight_sum,
            _OBJECTIVES.c.progress_sum,
        )
        .cte("written")
    )
    statement = select(written).add_cte(_noted(tenant_id, written)).where(literal(told))
    return [
        Recomputed(row[0], row[1], row[2], (row[3], row[4]), (row[5], row[6]))
        for row in await tx.execute(statement, of)
    ]


def _noted(tenant_id: UUID, written: CTE) -> CTE:
    today = cast(func.timezone("UTC", func.clock_timestamp()), Date)
    points = select(literal(tenant_id, Uuid), written.c.id, today, written.c.after).where(
        written.c.before.is_distinct_from(written.c.after)
    )
    names = ["tenant_id", "objective_id", "on_date", "progress"]
    noted = insert(ProgressOnDay).from_select(names, points)
    of_day = [ProgressOnDay.tenant_id, ProgressOnDay.objective_id, ProgressOnDay.on_date]
    written_over = {"progress": noted.excluded.progress}
    return noted.on_conflict_do_update(index_elements=of_day, set_=written_over).cte("noted")


@dataclass(frozen=True)
class WrongFigure:
    """A stored figure that is not what computing it anew gives."""

    kind: str
    id: UUID
    stored: str
    right: str


async def verify(tx: Reading, tenant_id: UUID) -> list[WrongFigure]:
    """Return every stored figure of a tenant that computing anew does not confirm."""
    right = _RECOMPUTED.subquery("right")
    objectives = await tx.execute(
        select(
            Objective.id,
            Objective.weight_sum,
            Objective.progress_sum,
            right.c.weight_sum,
            right.c.progress_sum,
        )
        .where(Objective.tenant_id == tenant_id, Objective.id == right.c.id)
        .where(_differs(right)),
        {"tenant": tenant_id, "objective_ids": [], **_ALL},
    )
    wrong = [
        WrongFigure("objective", row[0], f"{row[2]}/{row[1]}", f"{row[4]}/{row[3]}")
        for row in objectives
    ]
    everything = {"tenant_id": tenant_id, "key_result_ids": [], **_ALL}
    key_results = await tx.execute(_WRONG_KEY_RESULTS, everything)
    return wrong + [
        WrongFigure("key_result", row.id, "", f"{row.current_value}, {row.done_weight} done")
        for row in key_results
    ]


def _differs(right: Subquery) -> ColumnElement[bool]:
    return or_(
        _OBJECTIVES.c.weight_sum != right.c.weight_sum,
        _OBJECTIVES.c.progress_sum != right.c.progress_sum,
    )


async def take_right_values(
    tx: Transaction, tenant_id: UUID, key_result_ids: Collection[UUID]
) -> None:
    """Give key results, held by the caller, the values that they should have by their source."""
    of = {"key_result_ids": sorted(key_result_ids), "everything": False}
    await _write_right_values(tx, tenant_id, of)


async def repair(tx: Transaction, who: Principal) -> int:
    """Write every figure of a tenant as computing anew gives it; returns how many were wrong.

    The caller holds the tenant's structure alone.
    """
    changes = await recompute(tx, who.tenant_id)
    await record_all(tx, who, changes)
    return len({(change.subject, change.subject_id) for change in changes})


async def recompute(tx: Transaction, tenant_id: UUID) -> list[Change]:
    """Write every figure of a tenant as computing anew gives it; returns what that changes.

    The caller holds the tenant's structure alone, and records the changes.
    """
    held = select(KeyResult.id).where(KeyResult.tenant_id == tenant_id).order_by(KeyResult.id)
    await tx.execute(held.with_for_update(key_share=True))
    changes: list[Change] = []
    # What feeds another is mended before what it feeds: as often as feeds have levels.
    while wrong := await _write_right_values(tx, tenant_id, {"key_result_ids": [], **_ALL}):
        changes += wrong
    everything = {"tenant": tenant_id, "objective_ids": [], **_ALL}
    recomputed = await _write_recomputed(tx, tenant_id, everything, told=True)
    return changes + [_repaired_objective(one) for one in recomputed]


def _repaired_objective(one: Recomputed) -> Change:
    before = dict(zip(_SUMS, one.sums_before, strict=True))
    after = dict(zip(_SUMS, one.sums_after, strict=True))
    return Change(_REPAIRED, "objective", one.objective_id, before, after)


async def _write_right_values(
    tx: Transaction, tenant_id: UUID, of: Mapping[str, object]
) -> list[Change]:
    found = await tx.execute(_WRONG_KEY_RESULTS, {"tenant_id": tenant_id, **of})
    wrong = found.mappings().all()
    right = [
        {"wrong_id": row["id"], **{name: row[name] for name in _OF_KEY_RESULT}} for row in wrong
    ]
    if right:
        connection = await tx.connection()
        await connection.execute(
            update(_KEY_RESULTS)
            .where(
                _KEY_RESULTS.c.tenant_id == tenant_id, _KEY_RESULTS.c.id == bindparam("wrong_id")
            )
            .values({name: bindparam(name) for name in _OF_KEY_RESULT}),
            right,
        )
    return [_repaired_key_result(row) for row in wrong]


def _repaired_key_result(row: RowMapping) -> Change:
    before = {name: row[f"stored_{name}"] for name in _OF_KEY_RESULT}
    after = {name: row[name] for name in _OF_KEY_RESULT}
    differing = [name for name in _OF_KEY_RESULT if before[name] != after[name]]
    return Change(
        _REPAIRED,
        "key_result",
        row["id"],
        {name: before[name] for name in differing},
        {name: after[name] for name in differing},
    )

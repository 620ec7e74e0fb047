"""Keeping every objective's sums right: walk up from a change, or compute anew."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Numeric,
    TextualSelect,
    Uuid,
    bindparam,
    column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import Subquery

from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.model import Model
from okr_service.kernel.sql import load_sql
from okr_service.objectives.model import KeyResult, Objective

_DEFERRED = "objectives to recompute at the end"
_IDS = bindparam("objective_ids", type_=ARRAY(Uuid))
_PROPAGATE = load_sql(__package__, "propagate").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("objective_id", type_=Uuid),
    bindparam("weight_change", type_=Numeric),
    bindparam("progress_change", type_=Numeric),
)
_EVERYTHING = bindparam("everything", type_=Boolean)
_LOCK_ABOVE = load_sql(__package__, "lock_above").bindparams(_IDS, _EVERYTHING)
_RECOMPUTED: TextualSelect = (
    load_sql(__package__, "recomputed")
    .bindparams(_IDS, _EVERYTHING, bindparam("tenant", type_=Uuid))
    .columns(column("id", Uuid), column("weight_sum", Numeric), column("progress_sum", Numeric))
)
_KEY_RESULTS = Model.metadata.tables[KeyResult.__tablename__]
_OF_KEY_RESULT = ("current_value", "observed_at", "confidence", "action_weight", "done_weight")
_WRONG_KEY_RESULTS = load_sql(__package__, "wrong_key_results")


@dataclass(frozen=True)
class Contribution:
    """What a key result or a child objective adds to the sums of the objective above."""

    weight: Decimal = Decimal(0)
    progress: Decimal = Decimal(0)

    @classmethod
    def of(cls, row: KeyResult | Objective) -> "Contribution":
        """Return what a row adds as it is now."""
        counts = row.deleted_at is None and (
            isinstance(row, KeyResult) or row.state in ("active", "closed")
        )
        if not counts or row.progress is None:
            return cls()
        return cls(row.weight, row.weight * row.progress)


async def propagate(
    tx: Transaction,
    tenant_id: UUID,
    objective_id: UUID,
    before: Contribution,
    after: Contribution,
) -> None:
    """Add the change of one contributor to an objective and to all above it.

    The caller holds the contributor's row. Best done last in a transaction, for
    from here on others who change the same tree wait.
    """
    deferred: set[UUID] | None = tx.info.get(_DEFERRED)
    if deferred is not None:
        deferred.add(objective_id)
    elif before != after:
        await tx.execute(
            _PROPAGATE,
            {
                "tenant_id": tenant_id,
                "objective_id": objective_id,
                "weight_change": after.weight - before.weight,
                "progress_change": after.progress - before.progress,
            },
        )


@asynccontextmanager
async def deferred(tx: Transaction, tenant_id: UUID) -> AsyncIterator[None]:
    """Let many changes pass and compute what they touch once, at the end of the block.

    The caller holds the tenant's structure.
    """
    touched: set[UUID] = set()
    tx.info[_DEFERRED] = touched
    try:
        yield
    finally:
        del tx.info[_DEFERRED]
    await recompute(tx, tenant_id, touched)


async def recompute(tx: Transaction, tenant_id: UUID, objective_ids: Collection[UUID]) -> None:
    """Compute objectives and all above them anew from their contributors.

    The caller holds the tenant's structure.
    """
    if not objective_ids:
        return
    if (touched := tx.info.get(_DEFERRED)) is not None:
        touched.update(objective_ids)
        return
    await _write_recomputed(
        tx,
        tenant_id,
        {"tenant": tenant_id, "objective_ids": sorted(objective_ids), "everything": False},
    )


async def hold(tx: Transaction, tenant_id: UUID, objective_ids: Collection[UUID]) -> None:
    """Hold objectives and all above them until the transaction ends, the deepest first."""
    of = {"tenant": tenant_id, "objective_ids": sorted(objective_ids), "everything": False}
    await tx.execute(_LOCK_ABOVE, of)


async def _write_recomputed(tx: Transaction, tenant_id: UUID, of: dict[str, object]) -> int:
    await tx.execute(_LOCK_ABOVE, of)  # a statement of its own: the next sees what it waited for
    right = _RECOMPUTED.subquery("right")
    written = await tx.execute(
        update(Objective)
        .where(Objective.tenant_id == tenant_id, Objective.id == right.c.id, _differs(right))
        .values(weight_sum=right.c.weight_sum, progress_sum=right.c.progress_sum)
        .returning(Objective.id)
        .execution_options(synchronize_session=False),
        of,
    )
    return len(written.all())


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
        {"tenant": tenant_id, "objective_ids": [], "everything": True},
    )
    wrong = [
        WrongFigure("objective", row[0], f"{row[2]}/{row[1]}", f"{row[4]}/{row[3]}")
        for row in objectives
    ]
    key_results = await tx.execute(_WRONG_KEY_RESULTS, {"tenant_id": tenant_id})
    return wrong + [
        WrongFigure("key_result", row.id, "", f"{row.current_value}, {row.done_weight} done")
        for row in key_results
    ]


def _differs(right: Subquery) -> ColumnElement[bool]:
    return or_(
        Objective.weight_sum != right.c.weight_sum, Objective.progress_sum != right.c.progress_sum
    )


async def repair(tx: Transaction, tenant_id: UUID) -> int:
    """Write every figure of a tenant as computing anew gives it; returns how many were wrong.

    The caller holds the tenant's structure alone.
    """
    held = select(KeyResult.id).where(KeyResult.tenant_id == tenant_id).order_by(KeyResult.id)
    await tx.execute(held.with_for_update(key_share=True))
    key_results = [
        {"wrong_id": row["id"], **{name: row[name] for name in _OF_KEY_RESULT}}
        for row in (await tx.execute(_WRONG_KEY_RESULTS, {"tenant_id": tenant_id})).mappings()
    ]
    if key_results:
        connection = await tx.connection()
        await connection.execute(
            update(_KEY_RESULTS)
            .where(
                _KEY_RESULTS.c.tenant_id == tenant_id, _KEY_RESULTS.c.id == bindparam("wrong_id")
            )
            .values({name: bindparam(name) for name in _OF_KEY_RESULT}),
            key_results,
        )
    everything = {"tenant": tenant_id, "objective_ids": [], "everything": True}
    return len(key_results) + await _write_recomputed(tx, tenant_id, everything)

"""Where a key result takes its value from, and which other one it feeds."""

from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.forest import require_place
from okr_service.objectives.access import key_result_seen
from okr_service.objectives.errors import (
    AggregateNotUsed,
    FedByCheckIns,
    FeedHasNoValue,
    FeedTooDeep,
    FeedUnitMismatch,
    FeedWouldLoop,
    KeyResultIsFed,
    KeyResultNotFound,
    SourceMismatch,
)
from okr_service.objectives.joining import require_may_join
from okr_service.objectives.model import KeyResult
from okr_service.objectives.shapes import Aggregate, Metric, NewKeyResult, ValueSource


def source_of(new: NewKeyResult) -> dict[str, str | None]:
    """Return where a key result takes its value from, and what it makes of several.

    Raises:
        SourceMismatch, AggregateNotUsed.
    """
    is_fed, by_actions = new.source is ValueSource.CHILDREN, new.metric is Metric.ACTIONS
    implied = ValueSource.ACTIONS if by_actions else ValueSource.CHECK_INS
    if (is_fed and by_actions) or (not is_fed and new.source not in (None, implied)):
        raise SourceMismatch().at("/source")
    if is_fed:
        aggregate = new.aggregate or Aggregate.SUM
        return {"source": ValueSource.CHILDREN.value, "aggregate": aggregate.value}
    if new.aggregate is not None:
        raise AggregateNotUsed().at("/aggregate")
    return {"source": implied.value, "aggregate": None}


async def require_may_feed(
    tx: Transaction, who: Principal, new: NewKeyResult, row: KeyResult | None
) -> UUID | None:
    """Return the id of what a key result is to feed, if anything.

    Raises:
        KeyResultNotFound, FeedHasNoValue, FedByCheckIns, FeedUnitMismatch, FeedWouldLoop,
        FeedTooDeep, and those of `require_may_join`.
    """
    if new.feeds_id is None:
        return None
    at = "/feeds_id"
    absent = KeyResultNotFound(new.feeds_id).at(at)
    seen = key_result_seen(who.sight)
    fed_id = await references.resolve(tx, KeyResult, who.tenant_id, new.feeds_id, absent, seen)
    if new.metric is Metric.ACTIONS:
        raise FeedHasNoValue().at(at)
    of = (KeyResult.tenant_id == who.tenant_id, KeyResult.id == fed_id)
    columns = (KeyResult.unit_of_measure, KeyResult.format, KeyResult.currency)
    asked = select(KeyResult.objective_id, KeyResult.source, *columns).where(*of)
    objective_id, source, *measure = (await tx.execute(asked)).one()
    if source != ValueSource.CHILDREN:
        raise FedByCheckIns().at(at)
    if measure != [new.unit_of_measure, new.format, new.currency]:
        raise FeedUnitMismatch().at(at)
    if row is None or row.feeds_id != fed_id:
        row_id = None if row is None else row.id
        await require_may_join(tx, who, objective_id, at)
        loop, deep = FeedWouldLoop().at(at), FeedTooDeep().at(at)
        await require_place(tx, KeyResult, who.tenant_id, row_id, fed_id, loop, deep, "feeds_id")
    return fed_id


async def require_unfed(tx: Transaction, who: Principal, which: ColumnElement[bool]) -> None:
    """Make sure that nothing feeds the key results that meet a condition; raises KeyResultIsFed."""
    feeding = aliased(KeyResult)
    fed = select(KeyResult.id).where(
        KeyResult.tenant_id == who.tenant_id,
        which,
        feeding.tenant_id == who.tenant_id,
        feeding.feeds_id == KeyResult.id,
        feeding.deleted_at.is_(None),
    )
    if await tx.scalar(fed.limit(1)) is not None:
        raise KeyResultIsFed


async def fed_from(tx: Transaction, who: Principal, objective_id: UUID) -> list[UUID]:
    """Return what the key results of an objective feed, as they do while it counts."""
    fed = select(KeyResult.feeds_id).where(
        KeyResult.tenant_id == who.tenant_id,
        KeyResult.objective_id == objective_id,
        KeyResult.feeds_id.is_not(None),
    )
    return [found for found in await tx.scalars(fed.distinct()) if found is not None]

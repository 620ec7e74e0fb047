"""Keeping metric feeds, their mappings, and replaying their readings."""

import hashlib
from collections.abc import Callable, Mapping
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from okr_service.access.policy import Permission, Principal, require_everywhere
from okr_service.audit.service import Change, record
from okr_service.checkins.errors import KeyResultHasNoValue
from okr_service.feeds.errors import (
    FeedMappingFixed,
    FeedMappingNotFound,
    KeyResultMapped,
    MetricFeedNotFound,
    TooManyValuesChange,
)
from okr_service.feeds.model import FeedMapping, MetricFeed
from okr_service.feeds.shapes import Aggregation, NewFeedMapping, NewMetricFeed
from okr_service.feeds.values import MOST_CHANGES, Touched, report
from okr_service.kernel import references
from okr_service.kernel.database import Transaction, constraint_name
from okr_service.kernel.errors import FieldError, InvalidInput
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import add, change, delete, differences
from okr_service.objectives.access import key_result_seen
from okr_service.objectives.errors import KeyResultNotFound
from okr_service.objectives.model import KeyResult
from okr_service.objectives.shapes import ValueSource

_MAPPED_ONCE = "feed_mappings_tenant_id_key_result_id_key"
_OURS = "series"  # is no news to anybody


def series_of(feed_id: UUID, metric: str, dimensions: Mapping[str, str]) -> UUID:
    """Return what stands for a feed's metric with its dimensions, in whichever order."""
    told = orjson.dumps([str(feed_id), metric, dimensions], option=orjson.OPT_SORT_KEYS)
    return UUID(bytes=hashlib.sha256(told).digest()[:16])


async def create_feed(tx: Transaction, who: Principal, new: NewMetricFeed) -> MetricFeed:
    """Have a system push readings.

    Raises:
        NotPermitted, ExternalIdTaken.
    """
    require_everywhere(who, Permission.PLAN)
    feed = MetricFeed(tenant_id=who.tenant_id, **new.model_dump())
    await add(tx, feed)
    await record(tx, who, Change("created", "feed", feed.id, after=new.model_dump()))
    return feed


async def edit_feed(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewMetricFeed], NewMetricFeed],
    expected: Versions = None,
) -> MetricFeed:
    """Change a metric feed into what `edit` makes of it.

    Raises:
        NotPermitted, MetricFeedNotFound, VersionMismatch, ExternalIdTaken,
        TooManyValuesChange.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    feed = await hold_feed(tx, who, ref, expected)
    changes = differences(feed, edit(_feed_input(feed)).model_dump())
    if changes:
        before = await change(tx, feed, changes)
        await record(tx, who, Change("updated", "feed", feed.id, before, changes))
    if "utc_offset_minutes" in changes:
        await report_all(tx, who, await _mapped_series(tx, feed))
    return feed


async def delete_feed(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete a metric feed that has no mappings, and its readings; check-ins of them stay.

    Raises:
        NotPermitted, MetricFeedNotFound, VersionMismatch, StillInUse.
    """
    require_everywhere(who, Permission.PLAN)
    feed = await hold_feed(tx, who, ref, expected)
    before = _feed_input(feed).model_dump()
    await delete(tx, feed)
    await record(tx, who, Change("deleted", "feed", feed.id, before))


async def create_mapping(tx: Transaction, who: Principal, new: NewFeedMapping) -> FeedMapping:
    """Have a key result take its values from readings, those included that came before.

    Raises:
        NotPermitted, MetricFeedNotFound, KeyResultNotFound, KeyResultHasNoValue,
        KeyResultMapped, ExternalIdTaken, TooManyValuesChange.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    if new.feed_id is None:
        raise InvalidInput([FieldError("/feed_id", "required")])
    feed = await hold_feed(tx, who, new.feed_id, pointer="/feed_id")
    key_result = await _key_result(tx, who, new.key_result_id)
    if key_result.source != ValueSource.CHECK_INS:
        raise KeyResultHasNoValue().at("/key_result_id")
    values = _mapping_values(new, feed.id) | {"key_result_id": key_result.id}
    mapping = FeedMapping(tenant_id=who.tenant_id, **values)
    try:
        await add(tx, mapping)
    except IntegrityError as error:
        if constraint_name(error) == _MAPPED_ONCE:
            raise KeyResultMapped().at("/key_result_id") from error
        raise
    objective_id = key_result.objective_id
    made = Change("created", "feed_mapping", mapping.id, None, _told(values), objective_id)
    await record(tx, who, made)
    await report_all(tx, who, {mapping.series: None})
    return mapping


async def edit_mapping(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewFeedMapping], NewFeedMapping],
    expected: Versions = None,
) -> FeedMapping:
    """Change a mapping into what `edit` makes of it; what it reported is corrected.

    Raises:
        NotPermitted, FeedMappingNotFound, VersionMismatch, MetricFeedNotFound,
        KeyResultNotFound, FeedMappingFixed, ExternalIdTaken, TooManyValuesChange.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    mapping = await _hold_mapping(tx, who, ref, expected)
    wanted = edit(_mapping_input(mapping))
    await _require_same_ends(tx, who, mapping, wanted)
    before_series = mapping.series
    changes = differences(mapping, _mapping_values(wanted, mapping.feed_id))
    if changes:
        before = await change(tx, mapping, changes)
        told, objective_id = _told(before), await _objective_of(tx, who, mapping)
        edited = Change("updated", "feed_mapping", mapping.id, told, _told(changes), objective_id)
        await record(tx, who, edited)
    if changes.keys() - {"external_id"}:
        await report_all(tx, who, {before_series: None, mapping.series: None})
    return mapping


async def delete_mapping(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete a mapping; what it reported stays, and its readings are kept as unmatched.

    Raises:
        NotPermitted, FeedMappingNotFound, VersionMismatch.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    mapping = await _hold_mapping(tx, who, ref, expected)
    objective_id = await _objective_of(tx, who, mapping)
    before = _told(_mapping_values(_mapping_input(mapping), mapping.feed_id))
    before |= {"key_result_id": mapping.key_result_id}
    await delete(tx, mapping)
    gone = Change("deleted", "feed_mapping", mapping.id, before, objective_id=objective_id)
    await record(tx, who, gone)
    await report_all(tx, who, {mapping.series: None})


async def replay_feed(tx: Transaction, who: Principal, ref: Ref) -> tuple[UUID, int, bool]:
    """Report what a feed's readings make of key results and is not reported yet.

    Returns the feed's id, how many values changed, and whether there is more to do.

    Raises:
        NotPermitted, MetricFeedNotFound.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    feed = await hold_feed(tx, who, ref)
    changed, has_more = await report(tx, who, await _mapped_series(tx, feed))
    return feed.id, changed, has_more


async def hold_feed(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    expected: Versions = None,
    pointer: str | None = None,
) -> MetricFeed:
    """Return a feed that no one else writes to until the transaction ends.

    Raises:
        MetricFeedNotFound, VersionMismatch.
    """
    absent = MetricFeedNotFound(str(ref))
    absent = absent.at(pointer) if pointer else absent
    return await references.lock(tx, MetricFeed, who.tenant_id, ref, absent, expected)


async def _hold_mapping(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> FeedMapping:
    absent = FeedMappingNotFound(str(ref))
    named = references.identifies(FeedMapping, who.tenant_id, ref)
    feed_id: UUID | None = await tx.scalar(select(FeedMapping.feed_id).where(named))
    if feed_id is None:
        raise absent
    await hold_feed(tx, who, feed_id)
    return await references.lock(tx, FeedMapping, who.tenant_id, ref, absent, expected)


async def report_all(tx: Transaction, who: Principal, touched: Touched) -> None:
    """Report all that readings of series make of key results; raises TooManyValuesChange."""
    _, has_more = await report(tx, who, touched)
    if has_more:
        raise TooManyValuesChange(MOST_CHANGES)


async def _mapped_series(tx: Transaction, feed: MetricFeed) -> Touched:
    of = (FeedMapping.tenant_id == feed.tenant_id, FeedMapping.feed_id == feed.id)
    return dict.fromkeys(await tx.scalars(select(FeedMapping.series).where(*of)))


async def _key_result(tx: Transaction, who: Principal, ref: Ref) -> KeyResult:
    named = references.identifies(KeyResult, who.tenant_id, ref)
    found = await tx.scalar(select(KeyResult).where(named, *key_result_seen(who.sight)))
    if found is None:
        raise KeyResultNotFound(ref).at("/key_result_id")
    return found


async def _require_same_ends(
    tx: Transaction, who: Principal, mapping: FeedMapping, wanted: NewFeedMapping
) -> None:
    if wanted.feed_id is not None:
        absent = MetricFeedNotFound(wanted.feed_id).at("/feed_id")
        feed_id = await references.resolve(tx, MetricFeed, who.tenant_id, wanted.feed_id, absent)
        if feed_id != mapping.feed_id:
            raise FeedMappingFixed().at("/feed_id")
    # Its key result may be deleted: that is no reason to refuse other changes.
    if references.row_id(wanted.key_result_id) != mapping.key_result_id:
        found = await _key_result(tx, who, wanted.key_result_id)
        if found.id != mapping.key_result_id:
            raise FeedMappingFixed().at("/key_result_id")


async def _objective_of(tx: Transaction, who: Principal, mapping: FeedMapping) -> UUID | None:
    of = (KeyResult.tenant_id == who.tenant_id, KeyResult.id == mapping.key_result_id)
    return await tx.scalar(select(KeyResult.objective_id).where(*of))


def _told(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != _OURS}


def _feed_input(feed: MetricFeed) -> NewMetricFeed:
    return NewMetricFeed(
        external_id=feed.external_id,
        name=feed.name,
        source=feed.source,
        utc_offset_minutes=feed.utc_offset_minutes,
    )


def _mapping_values(new: NewFeedMapping, feed_id: UUID) -> dict[str, object]:
    return {
        "external_id": new.external_id,
        "feed_id": feed_id,
        "metric": new.metric,
        "dimensions": new.dimensions,
        "series": series_of(feed_id, new.metric, new.dimensions),
        "aggregation": new.aggregation.value,
        "factor": new.factor,
        "offset": new.offset,
        "negated": new.negated,
    }


def _mapping_input(mapping: FeedMapping) -> NewFeedMapping:
    return NewFeedMapping(
        external_id=mapping.external_id,
        feed_id=Ref(str(mapping.feed_id)),
        metric=mapping.metric,
        dimensions=mapping.dimensions,
        key_result_id=Ref(str(mapping.key_result_id)),
        aggregation=Aggregation(mapping.aggregation),
        factor=mapping.factor,
        offset=mapping.offset,
        negated=mapping.negated,
    )

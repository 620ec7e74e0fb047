"""How metric feeds, their mappings and readings are shown and found.

Mappings are seen by who sees their key results. What a reading is of, nobody can tell who may
not see everything: to others there are none.
"""

from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, literal, literal_column

from okr_service.feeds.model import FeedMapping, FeedReading, MetricFeed
from okr_service.feeds.shapes import FeedMappingListing, FeedReadingListing
from okr_service.kernel.documents import Collection, figure, open_to_all
from okr_service.kernel.reach import Reach
from okr_service.kernel.references import refers
from okr_service.objectives.access import of_key_result_seen
from okr_service.objectives.model import KeyResult


def _mapping_seen(sight: Reach) -> list[ColumnElement[bool]]:
    return of_key_result_seen(sight, FeedMapping.tenant_id, FeedMapping.key_result_id)


def _reading_seen(sight: Reach) -> list[ColumnElement[bool]]:
    # Written out: SQLAlchemy would leave all other conditions out beside its own `false()`.
    return [] if sight.everything else [literal_column("false", Boolean())]


METRIC_FEEDS = Collection(
    MetricFeed,
    {
        "id": MetricFeed.id,
        "external_id": MetricFeed.external_id,
        "version": MetricFeed.version,
        "created_at": MetricFeed.created_at,
        "updated_at": MetricFeed.updated_at,
        "name": MetricFeed.name,
        "source": MetricFeed.source,
        "utc_offset_minutes": MetricFeed.utc_offset_minutes,
    },
    sorts={"name": MetricFeed.name, "created_at": MetricFeed.created_at},
    seen=open_to_all,
)

FEED_MAPPINGS = Collection(
    FeedMapping,
    {
        "id": FeedMapping.id,
        "external_id": FeedMapping.external_id,
        "version": FeedMapping.version,
        "created_at": FeedMapping.created_at,
        "updated_at": FeedMapping.updated_at,
        "feed_id": FeedMapping.feed_id,
        "metric": FeedMapping.metric,
        "dimensions": FeedMapping.dimensions,
        "key_result_id": FeedMapping.key_result_id,
        "aggregation": FeedMapping.aggregation,
        "factor": figure(FeedMapping.factor),
        "offset": figure(FeedMapping.offset),
        "negated": FeedMapping.negated,
    },
    sorts={"metric": FeedMapping.metric, "created_at": FeedMapping.created_at},
    seen=_mapping_seen,
)

FEED_READINGS = Collection(
    FeedReading,
    {
        "id": FeedReading.id,
        "version": literal(1),
        "feed_id": FeedReading.feed_id,
        "metric": FeedReading.metric,
        "dimensions": FeedReading.dimensions,
        "observed_at": FeedReading.observed_at,
        "reading_id": FeedReading.reading_id,
        "value": figure(FeedReading.value),
        "received_at": FeedReading.received_at,
        "reason": FeedReading.reason,
    },
    sorts={"observed_at": FeedReading.observed_at, "received_at": FeedReading.received_at},
    seen=_reading_seen,
)


def feed_mappings_wanted(tenant_id: UUID, wanted: FeedMappingListing) -> list[ColumnElement[bool]]:
    """Return the conditions that mappings must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.feed_id:
        conditions.append(refers(FeedMapping.feed_id, MetricFeed, tenant_id, wanted.feed_id))
    if wanted.key_result_id:
        conditions.append(
            refers(FeedMapping.key_result_id, KeyResult, tenant_id, wanted.key_result_id)
        )
    if wanted.metric is not None:
        conditions.append(FeedMapping.metric == wanted.metric)
    return conditions


def feed_readings_wanted(tenant_id: UUID, wanted: FeedReadingListing) -> list[ColumnElement[bool]]:
    """Return the conditions that readings must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.feed_id:
        conditions.append(refers(FeedReading.feed_id, MetricFeed, tenant_id, wanted.feed_id))
    if wanted.metric is not None:
        conditions.append(FeedReading.metric == wanted.metric)
    if wanted.unmatched is not None:
        idle = FeedReading.reason
        conditions.append(idle.is_not(None) if wanted.unmatched else idle.is_(None))
    if wanted.reason:
        conditions.append(FeedReading.reason.in_(wanted.reason))
    if wanted.observed_from:
        conditions.append(FeedReading.observed_at >= wanted.observed_from)
    if wanted.observed_until:
        conditions.append(FeedReading.observed_at < wanted.observed_until)
    return conditions

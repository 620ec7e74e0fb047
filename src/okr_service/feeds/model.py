"""How metric feeds, their mappings and readings are stored.

`series` stands for a feed's metric with its dimensions (see `service.series_of`).
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Resource, TenantRow, foreign_key_index, unique_external_id

UNMAPPED = text("reason IN ('no_mapping', 'outside_cycle')")


class MetricFeed(Resource):
    """A system that pushes readings."""

    __tablename__ = "metric_feeds"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        CheckConstraint("utc_offset_minutes BETWEEN -840 AND 840", name="utc_offset_minutes"),
    )

    name: Mapped[str]
    source: Mapped[str]
    utc_offset_minutes: Mapped[int]


class FeedMapping(Resource):
    """What a key result makes of a series of readings."""

    __tablename__ = "feed_mappings"
    __table_args__ = (
        unique_external_id(),
        UniqueConstraint("tenant_id", "key_result_id"),
        ForeignKeyConstraint(
            ["tenant_id", "feed_id"], ["metric_feeds.tenant_id", "metric_feeds.id"]
        ),
        ForeignKeyConstraint(
            ["tenant_id", "key_result_id"], ["key_results.tenant_id", "key_results.id"]
        ),
        CheckConstraint("aggregation IN ('latest', 'sum', 'average')", name="aggregation"),
        foreign_key_index("feed_id"),
        foreign_key_index("series"),
    )

    feed_id: Mapped[UUID]
    metric: Mapped[str]
    dimensions: Mapped[dict[str, str]] = mapped_column(JSONB)
    series: Mapped[UUID]
    key_result_id: Mapped[UUID]
    aggregation: Mapped[str]
    factor: Mapped[Decimal]
    offset: Mapped[Decimal]
    negated: Mapped[bool]


class FeedReading(TenantRow):
    """What a system observed at some moment, as it was last sent."""

    __tablename__ = "feed_readings"
    __table_args__ = (
        UniqueConstraint(
            "tenant_id",
            "feed_id",
            "metric",
            "observed_at",
            "reading_id",
            name="feed_readings_known_by_key",
        ),
        ForeignKeyConstraint(
            ["tenant_id", "feed_id"],
            ["metric_feeds.tenant_id", "metric_feeds.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint(
            "reason IN ('no_mapping', 'outside_cycle', 'cycle_closed', 'objective_ended',"
            " 'takes_no_check_ins', 'not_zero_or_one', 'value_out_of_range')",
            name="reason",
        ),
        Index(None, "tenant_id", "series", "observed_at"),
        Index(None, "tenant_id", "feed_id", "id", postgresql_where="reason IS NOT NULL"),
        Index(None, "tenant_id", "feed_id", "received_at", postgresql_where=UNMAPPED),
    )

    feed_id: Mapped[UUID]
    metric: Mapped[str]
    dimensions: Mapped[dict[str, str]] = mapped_column(JSONB)
    series: Mapped[UUID]
    observed_at: Mapped[datetime]
    reading_id: Mapped[str]
    value: Mapped[Decimal]
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    reason: Mapped[str | None]

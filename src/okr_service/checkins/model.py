"""How check-ins are stored."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Addressable, foreign_key_index


class CheckIn(Addressable):
    """A dated report of a key result's value."""

    __tablename__ = "check_ins"
    __table_args__ = (
        UniqueConstraint("tenant_id", "external_id"),
        ForeignKeyConstraint(
            ["tenant_id", "key_result_id"], ["key_results.tenant_id", "key_results.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("confidence IN ('on_track', 'at_risk', 'off_track')", name="confidence"),
        CheckConstraint("source IN ('person', 'feed', 'import')", name="source"),
        # With what is wanted of the latest, so that the table itself is not read for it.
        Index(
            "check_ins_by_time_idx",
            "tenant_id",
            "key_result_id",
            "observed_at",
            "recorded_at",
            "id",
            postgresql_include=["value", "voided_at"],
        ),
        foreign_key_index("author_id"),
    )

    key_result_id: Mapped[UUID]
    value: Mapped[Decimal]
    observed_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    confidence: Mapped[str | None]
    comment: Mapped[str] = mapped_column(default="")
    obstacles: Mapped[str] = mapped_column(default="")
    next_steps: Mapped[str] = mapped_column(default="")
    next_check_in_date: Mapped[date | None]
    author_id: Mapped[UUID | None]
    source: Mapped[str]
    voids_id: Mapped[UUID | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    # By which mapping and of which reading a metric feed made it; both may be gone since.
    feed_mapping_id: Mapped[UUID | None]
    feed_reading_id: Mapped[UUID | None]

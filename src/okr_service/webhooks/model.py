"""How webhooks are stored, how far each has come, and what it is to be told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Resource, TenantRow, foreign_key_index, unique_external_id


class Webhook(Resource):
    """An address that is told what happens."""

    __tablename__ = "webhooks"
    __table_args__ = (
        unique_external_id(),
        foreign_key_index("unit_id", seldom=True),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "unit_id"], ["units.tenant_id", "units.id"]),
        CheckConstraint("disabled_reason IN ('failing', 'gone')", name="disabled_reason"),
        CheckConstraint("disabled_reason IS NULL OR NOT enabled", name="disabled"),
        # Written at each delivery.
        {"postgresql_with": {"fillfactor": 50}},
    )

    name: Mapped[str]
    url: Mapped[str]
    types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    unit_id: Mapped[UUID | None]
    include_private: Mapped[bool]
    enabled: Mapped[bool]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    secret_number: Mapped[int] = mapped_column(server_default=text("1"))
    previous_secret_until: Mapped[datetime | None]
    turn_id: Mapped[UUID]  # the job that may do its turn
    place: Mapped[int]  # in the feed, up to which it was handed out
    failures: Mapped[int] = mapped_column(server_default=text("0"))  # in a row
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]


class WebhookDelivery(TenantRow):
    """One event that a webhook is told, or is to be; or a ping."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhooks.tenant_id", "webhooks.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name="state"),
        CheckConstraint("(finished_at IS NULL) = (state = 'waiting')", name="finished"),
        Index(
            None, "tenant_id", "webhook_id", "line", "place", postgresql_where="state = 'waiting'"
        ),
        Index(None, "tenant_id", "webhook_id", "created_at", "id"),
        Index(None, "tenant_id", "webhook_id", "finished_at"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    webhook_id: Mapped[UUID]
    place: Mapped[int]  # of the event in the feed; 0 of a ping
    event_id: Mapped[UUID]
    type: Mapped[str]
    line: Mapped[UUID]  # what is told one after the other: of an objective, or another thing
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    first_attempt_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    status: Mapped[int | None]
    reason: Mapped[str | None]

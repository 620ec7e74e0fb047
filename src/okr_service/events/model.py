"""How events are stored until they are forgotten, and how far the feed of each tenant goes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model

_Json = dict[str, object]


class Event(Model):
    """One change of one thing, as others are told of it."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "tenant_id", "place", "recorded"),
        # Of units, people and cycles, so that what is said of a person can be found again.
        Index(None, "tenant_id", "subject_id", postgresql_where="objective_id IS NULL"),
        # Each row is written anew once, when it gets its place.
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0.05"}},
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    recorded: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    place: Mapped[int | None]
    id: Mapped[UUID]
    type: Mapped[str]
    subject_id: Mapped[UUID]
    objective_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    before: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))


class EventFeed(Model):
    """The place of the last event in a tenant's feed, and of the last that was forgotten."""

    __tablename__ = "event_feeds"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_place: Mapped[int] = mapped_column(server_default=text("0"))
    forgotten_place: Mapped[int] = mapped_column(server_default=text("0"))

"""How audit events, their lanes, and what they say of people are stored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model, TenantRow, foreign_key_index

_Json = dict[str, object]


class AuditEvent(TenantRow):
    """One change of one thing."""

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("tenant_id", "lane", "place"),
        CheckConstraint(
            "personal_digest IS NULL OR (before IS NULL AND after IS NULL)", name="personal"
        ),
        Index(None, "tenant_id", "occurred_at", "id"),
        Index(None, "tenant_id", "subject_id", "id"),
        Index(None, "tenant_id", "request_id"),
        Index(
            None,
            "tenant_id",
            "actor_id",
            "occurred_at",
            postgresql_where="actor_id IS NOT NULL",
        ),
    )

    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    credential: Mapped[str]
    request_id: Mapped[str]
    before: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))
    personal_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    lane: Mapped[int]
    place: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditLane(Model):
    """The end of one chain of events: how many there are, and the last one's hash."""

    __tablename__ = "audit_lanes"
    # Written by each transaction: room beside it keeps its index from being written, too.
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    lane: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    length: Mapped[int] = mapped_column(server_default=text("0"))
    hash: Mapped[bytes] = mapped_column(LargeBinary, server_default=text("''"))


class AuditPersonalData(Model):
    """What an event says of a person, kept beside it so that it can be erased."""

    __tablename__ = "audit_personal_data"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "event_id"], ["audit_events.tenant_id", "audit_events.id"]
        ),
        foreign_key_index("person_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    before: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[_Json | None] = mapped_column(JSONB(none_as_null=True))

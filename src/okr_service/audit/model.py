"""How audit events are stored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import TenantRow


class AuditEvent(TenantRow):
    """One change of one thing."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "tenant_id", "subject_id", "id"),)

    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[UUID]
    credential: Mapped[str]
    request_id: Mapped[str]
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))

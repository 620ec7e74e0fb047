"""How allowances taken are stored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model


class RequestCount(Model):
    """How much of its allowance a subject has asked for in one window."""

    __tablename__ = "request_counts"
    __table_args__ = (Index(None, "tenant_id", "window_start"), {"prefixes": ["UNLOGGED"]})

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int]

"""How cycles are stored."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.forest import TreeRow
from okr_service.kernel.model import foreign_key_index, unique_external_id


class Cycle(TreeRow):
    """A dated planning period."""

    __tablename__ = "cycles"
    __table_args__ = (
        unique_external_id(),
        UniqueConstraint("tenant_id", "code"),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["cycles.tenant_id", "cycles.id"]),
        CheckConstraint("start_date <= end_date", name="dates"),
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        CheckConstraint("cadence IN ('weekly', 'every_two_weeks', 'monthly')", name="cadence"),
        foreign_key_index("parent_id"),
    )

    code: Mapped[str]
    name: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    parent_id: Mapped[UUID | None]
    cadence: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="open", server_default="open")

"""How it is stored what was told, and where calendars are."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model, TenantRow


class Reminder(Model):
    """That it was told that something is due, or overdue, by a due date of its."""

    __tablename__ = "reminders"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_date: Mapped[date] = mapped_column(primary_key=True)  # before, so that the old are found
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    overdue: Mapped[bool] = mapped_column(primary_key=True)


class CalendarAddress(TenantRow):
    """Where a person's calendar is, known by the keyed hash of its secret."""

    __tablename__ = "calendar_addresses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "person_id"], ["people.tenant_id", "people.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "person_id"),
        Index(None, "tenant_id", "secret_hash", unique=True),
    )

    person_id: Mapped[UUID]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

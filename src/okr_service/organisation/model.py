"""How tenants, their units and their people are stored."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.forest import TreeRow
from okr_service.kernel.model import Model, Resource, foreign_key_index, unique_external_id
from okr_service.kernel.search import search_column, search_index


class Tenant(Model):
    """One customer: a group of companies."""

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint(
            "behind_from < on_track_from AND on_track_from < ahead_from", name="health"
        ),
        CheckConstraint("reminder_days_ahead BETWEEN 0 AND 31", name="reminder_days_ahead"),
        CheckConstraint("reminder_hour BETWEEN 0 AND 23", name="reminder_hour"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    name: Mapped[str]
    ahead_from: Mapped[Decimal] = mapped_column(default=Decimal("0.05"), server_default="0.05")
    on_track_from: Mapped[Decimal] = mapped_column(default=Decimal("-0.1"), server_default="-0.1")
    behind_from: Mapped[Decimal] = mapped_column(default=Decimal("-0.25"), server_default="-0.25")
    reminder_days_ahead: Mapped[int] = mapped_column(default=1, server_default="1")
    reminder_hour: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Unit(TreeRow):
    """A node of the organisation tree."""

    __tablename__ = "units"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["units.tenant_id", "units.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "manager_id"], ["people.tenant_id", "people.id"], use_alter=True
        ),
        CheckConstraint("kind IN ('group', 'company', 'department', 'team')", name="kind"),
        foreign_key_index("parent_id"),
        foreign_key_index("manager_id"),
        search_index(),
    )

    name: Mapped[str]
    kind: Mapped[str]
    parent_id: Mapped[UUID | None]
    manager_id: Mapped[UUID | None]
    search: Mapped[str] = search_column("name")


class Person(Resource):
    """Someone who owns, contributes or checks in."""

    __tablename__ = "people"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "unit_id"], ["units.tenant_id", "units.id"]),
        CheckConstraint("role IN ('viewer', 'member', 'planner', 'admin')", name="role"),
        foreign_key_index("unit_id"),
        Index("people_tenant_id_email_idx", "tenant_id", text('lower(email COLLATE "C")')),
        search_index(),
    )

    name: Mapped[str]
    email: Mapped[str | None]
    job_title: Mapped[str | None]
    active: Mapped[bool]
    unit_id: Mapped[UUID | None]
    role: Mapped[str] = mapped_column(default="member", server_default="member")
    search: Mapped[str] = search_column("name")

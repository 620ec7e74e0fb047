"""How tenants and API keys are stored."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model, TenantRow


class Tenant(Model):
    """One customer: a group of companies."""

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint(
            "behind_from < on_track_from AND on_track_from < ahead_from", name="health"
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    name: Mapped[str]
    ahead_from: Mapped[Decimal] = mapped_column(default=Decimal("0.05"), server_default="0.05")
    on_track_from: Mapped[Decimal] = mapped_column(default=Decimal("-0.1"), server_default="-0.1")
    behind_from: Mapped[Decimal] = mapped_column(default=Decimal("-0.25"), server_default="-0.25")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiKey(TenantRow):
    """A credential of a program, known by the hash of its key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        Index(None, "tenant_id", "key_hash", unique=True),
    )

    name: Mapped[str]
    beginning: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

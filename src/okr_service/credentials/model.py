"""How API keys are stored, and when they were used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model, TenantRow, foreign_key_index


class ApiKey(TenantRow):
    """A credential of a program or of a person, known by the keyed hash of its key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        ForeignKeyConstraint(["tenant_id", "replaces_id"], ["api_keys.tenant_id", "api_keys.id"]),
        Index(None, "tenant_id", "key_hash", unique=True),
        foreign_key_index("person_id", seldom=True),
        foreign_key_index("replaces_id", seldom=True),
    )

    name: Mapped[str]
    beginning: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    person_id: Mapped[UUID | None]
    replaces_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeyUse(Model):
    """When a key was last used: apart from the key, so that noting it waits for nobody."""

    __tablename__ = "api_key_uses"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "api_key_id"], ["api_keys.tenant_id", "api_keys.id"]),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    api_key_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_used_at: Mapped[datetime]

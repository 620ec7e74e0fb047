"""How what SCIM alone knows of people is stored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Computed, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model


class ScimUser(Model):
    """What a person is called by the system that provisions them; nothing once deleted there."""

    __tablename__ = "scim_users"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "person_id"], ["people.tenant_id", "people.id"], ondelete="CASCADE"
        ),
        Index(None, "tenant_id", "folded_user_name", unique=True),
        Index(None, "tenant_id", "external_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_name: Mapped[str | None]
    # Compared as it is: behind row-level security an index on an expression is not used.
    folded_user_name: Mapped[str | None] = mapped_column(
        Computed("lower(normalize(user_name))", persisted=True)
    )
    external_id: Mapped[str | None]
    formatted: Mapped[str | None]
    family_name: Mapped[str | None]
    given_name: Mapped[str | None]
    middle_name: Mapped[str | None]
    deleted_at: Mapped[datetime | None]

"""How far each tenant's feed is published."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model


class BrokerCursor(Model):
    """The place in a tenant's feed up to which the broker has it."""

    __tablename__ = "broker_cursors"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        {"postgresql_with": {"fillfactor": 50}},
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int]

"""How the daily history of progress is stored."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model


class ProgressOnDay(Model):
    """An objective's progress at the end of a day (UTC) on which it changed."""

    __tablename__ = "progress_history"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "objective_id"], ["objectives.tenant_id", "objectives.id"]
        ),
        {"postgresql_with": {"fillfactor": 80}},  # today's row is rewritten all day
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    objective_id: Mapped[UUID] = mapped_column(primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    progress: Mapped[Decimal | None]

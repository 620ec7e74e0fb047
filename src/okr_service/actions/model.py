"""How action plans and actions are stored."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Resource, foreign_key_index, unique_external_id


class ActionPlan(Resource):
    """The solutions chosen for one key result in one period."""

    __tablename__ = "action_plans"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(
            ["tenant_id", "key_result_id"], ["key_results.tenant_id", "key_results.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("start_date <= end_date", name="dates"),
        foreign_key_index("key_result_id"),
        foreign_key_index("owner_id"),
    )

    key_result_id: Mapped[UUID]
    title: Mapped[str]
    expected_result: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[UUID | None]
    start_date: Mapped[date]
    end_date: Mapped[date]


class Action(Resource):
    """One step of an action plan."""

    __tablename__ = "actions"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(
            ["tenant_id", "action_plan_id"], ["action_plans.tenant_id", "action_plans.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("state IN ('todo', 'doing', 'done', 'cancelled')", name="state"),
        CheckConstraint("weight >= 0", name="weight"),
        foreign_key_index("action_plan_id"),
        Index(None, "tenant_id", "due_date", "id", postgresql_where="state IN ('todo', 'doing')"),
        foreign_key_index("owner_id"),
    )

    action_plan_id: Mapped[UUID]
    title: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[UUID | None]
    due_date: Mapped[date | None]
    state: Mapped[str]
    weight: Mapped[Decimal]
    done_at: Mapped[datetime | None]

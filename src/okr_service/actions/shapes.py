"""What goes in and out about action plans and actions."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from okr_service.kernel.fields import Day, ExternalId, Input, Prose, Reference, Title, View, Weight
from okr_service.kernel.paging import Listing, Month, Refs, Set


class ActionState(StrEnum):
    """How far an action is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    CANCELLED = "cancelled"


class NewActionPlan(Input):
    """What it takes to plan what will be done for a key result in a period."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    key_result_id: Reference | None = Field(
        default=None, description="Its key result; may be left out under the key result's path."
    )
    title: Title = Field(description="The solution chosen.", examples=["Mở 12 đại lý mới"])
    expected_result: Prose = Field(default="", description="What it is to bring.")
    owner_id: Reference | None = Field(default=None, description="The person who answers for it.")
    start_date: Day = Field(description="The period's first day.", examples=["2026-09-01"])
    end_date: Day = Field(description="The period's last day.", examples=["2026-09-30"])


class ActionPlanView(View):
    """The solutions chosen for one key result in one period."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    key_result_id: UUID
    title: str
    expected_result: str
    owner_id: UUID | None
    start_date: date
    end_date: date
    actions: "list[ActionView] | None" = Field(
        default=None, description="Only with `include=actions`."
    )


class NewAction(Input):
    """What it takes to add a step to an action plan."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    action_plan_id: Reference = Field(description="The plan it is a step of.")
    title: Title = Field(description="What is to be done.", examples=["Khảo sát 30 đại lý"])
    note: Prose = Field(default="", description="More about it.")
    owner_id: Reference | None = Field(default=None, description="The person who does it.")
    due_date: Day | None = Field(default=None, description="By when.")
    state: ActionState = Field(default=ActionState.TODO, description="How far it is.")
    weight: Weight = Field(default=Decimal(1), description="How much it counts.")


class ActionView(View):
    """One step of an action plan."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    action_plan_id: UUID
    title: str
    note: str
    owner_id: UUID | None
    due_date: date | None
    state: ActionState
    weight: float
    done_at: datetime | None
    overdue: bool = Field(description="Past its due date and neither done nor cancelled.")


class ActionPlanListing(Listing):
    """Which action plans are wanted."""

    key_result_id: Refs = Field(default=[], description="For these key results.")
    owner_id: Refs = Field(default=[], description="Answered for by these people.")
    month: Month | None = Field(
        default=None, description="With days in this month.", examples=["2026-09"]
    )


class ActionListing(Listing):
    """Which actions are wanted."""

    action_plan_id: Refs = Field(default=[], description="Of these plans.")
    owner_id: Refs = Field(default=[], description="Done by these people.")
    state: Annotated[list[ActionState], Set] = Field(default=[], description="In these states.")
    overdue: bool | None = Field(default=None, description="Overdue, or not.")
    month: Month | None = Field(default=None, description="Due in this month.")

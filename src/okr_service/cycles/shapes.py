"""What goes in and out about cycles."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from okr_service.kernel.fields import Day, ExternalId, Input, Reference, Title, View
from okr_service.kernel.paging import Listing, Refs, Set

Code = Annotated[str, StringConstraints(pattern=r"^[^\s:/?#][^:/?#]{0,49}$")]


class CycleState(StrEnum):
    """Whether a cycle accepts writes."""

    OPEN = "open"
    CLOSED = "closed"


class Cadence(StrEnum):
    """How often key results are to be reported on."""

    WEEKLY = "weekly"
    EVERY_TWO_WEEKS = "every_two_weeks"
    MONTHLY = "monthly"


class NewCycle(Input):
    """What it takes to plan a period."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    code: Code = Field(
        description="A short name that also addresses it.", examples=["2026", "2026-Q3", "2026-09"]
    )
    name: Title | None = Field(default=None, description="What people call it; the code if absent.")
    start_date: Day = Field(description="Its first day.", examples=["2026-01-01"])
    end_date: Day = Field(description="Its last day.", examples=["2026-12-31"])
    parent_id: Reference | None = Field(
        default=None, description="The cycle it is part of; codes work too."
    )
    cadence: Cadence | None = Field(
        default=None, description="How often its key results are to be reported on."
    )


class CycleView(View):
    """A dated planning period."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    code: str
    name: str
    start_date: date
    end_date: date
    parent_id: UUID | None
    cadence: Cadence | None
    state: CycleState


class CycleListing(Listing):
    """Which cycles are wanted."""

    parent_id: Refs = Field(default=[], description="Directly in one of these cycles.")
    state: Annotated[list[CycleState], Set] = Field(default=[], description="In these states.")
    on: date | None = Field(default=None, description="Holding this day.")

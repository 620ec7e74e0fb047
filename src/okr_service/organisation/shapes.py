"""What goes in and out about units and people."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, PlainSerializer, StrictBool, StringConstraints

from okr_service.access.policy import Role
from okr_service.kernel.fields import Count, ExternalId, Figure, Input, Reference, Title, View
from okr_service.kernel.paging import Listing, Names, Refs, Set

Difference = Annotated[
    Figure,
    Field(ge=-1, le=1, decimal_places=6),
    PlainSerializer(float, return_type=float, when_used="json"),
]
Email = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]


class UnitKind(StrEnum):
    """What kind of unit it is."""

    GROUP = "group"
    COMPANY = "company"
    DEPARTMENT = "department"
    TEAM = "team"


class NewUnit(Input):
    """What it takes to set up a unit."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    name: Title = Field(description="What people call it.", examples=["Công ty Gạch Sao Mai"])
    kind: UnitKind = Field(default=UnitKind.DEPARTMENT, description="What kind of unit it is.")
    parent_id: Reference | None = Field(default=None, description="The unit it belongs to.")
    manager_id: Reference | None = Field(default=None, description="The person who leads it.")


class UnitView(View):
    """A node of the organisation tree."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    kind: UnitKind
    parent_id: UUID | None
    manager_id: UUID | None


class UnitListing(Listing):
    """Which units are wanted."""

    parent_id: Refs = Field(default=[], description="Directly under one of these units.")
    kind: Annotated[list[UnitKind], Set] = Field(default=[], description="Of one of these kinds.")
    q: Names | None = Field(default=None, description="With these words in the name.")


class NewPerson(Input):
    """What it takes to register a person."""

    external_id: ExternalId | None = Field(default=None, description="HR's own key.")
    name: Title = Field(description="The person's name.", examples=["Nguyễn Thị Mai"])
    email: Email | None = Field(default=None, description="Where to write to them.")
    job_title: Title | None = Field(default=None, description="What they do.")
    unit_id: Reference | None = Field(default=None, description="The unit they belong to.")
    active: StrictBool = Field(default=True, description="Whether they still work here.")


class PersonView(View):
    """Someone who owns, contributes or checks in."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    email: str | None
    job_title: str | None
    unit_id: UUID | None
    active: bool
    role: Role


class RoleAssignment(Input):
    """What a person is to be for the tenant."""

    role: Role = Field(
        description="What they may do: read (`viewer`), plan what they own (`member`) or "
        "everything (`planner`), and administer (`admin`)."
    )


class HandingOver(Input):
    """Who is to take over what a person is still at."""

    to_id: Reference | None = Field(
        default=None,
        description="Who takes over; else who leads their unit, or the nearest above it.",
    )


class HandedOver(View):
    """What a person handed over."""

    to_id: UUID = Field(description="Who owns it now.")
    objectives: int = Field(description="That are drafts or active, in open cycles.")
    key_results: int = Field(description="Of objectives that are drafts or active.")
    action_plans: int = Field(description="That have not ended, or have actions not done.")
    actions: int = Field(description="That are neither done nor cancelled.")


class PersonListing(Listing):
    """Which people are wanted."""

    unit_id: Refs = Field(default=[], description="In one of these units.")
    active: bool | None = Field(default=None, description="Working here, or not any more.")
    q: Names | None = Field(default=None, description="With these words in the name.")


class TenantSettings(Input):
    """What an admin decides for the tenant.

    Health is progress less expected progress: `ahead` from `ahead_from` on, else
    `on_track` from `on_track_from`, else `behind` from `behind_from`, else `at_risk`.
    """

    name: Title = Field(description="The group's name.")
    ahead_from: Difference = Field(
        default=Decimal("0.05"), description="The least difference that is `ahead`."
    )
    on_track_from: Difference = Field(
        default=Decimal("-0.1"), description="The least difference that is `on_track`."
    )
    behind_from: Difference = Field(
        default=Decimal("-0.25"), description="The least difference that is `behind`."
    )
    reminder_days_ahead: Annotated[Count, Field(le=31)] = Field(
        default=1, description="How many days before it is due something is told as due."
    )
    reminder_hour: Annotated[Count, Field(le=23)] = Field(
        default=1, description="From which hour (UTC) on, of a day, it is told what is due."
    )


class TenantView(View):
    """The tenant, and what its admins decided."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    ahead_from: float
    on_track_from: float
    behind_from: float
    reminder_days_ahead: int
    reminder_hour: int

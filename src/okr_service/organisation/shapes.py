"""What goes in and out about units and people."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StringConstraints

from okr_service.kernel.fields import ExternalId, Input, Reference, Title, View
from okr_service.kernel.paging import Listing, Names, Refs, Set

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


class PersonListing(Listing):
    """Which people are wanted."""

    unit_id: Refs = Field(default=[], description="In one of these units.")
    active: bool | None = Field(default=None, description="Working here, or not any more.")
    q: Names | None = Field(default=None, description="With these words in the name.")

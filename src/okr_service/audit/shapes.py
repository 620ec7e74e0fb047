"""What goes in and comes out about audit events."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.fields import View
from okr_service.kernel.paging import Listing, Names, Set, Since

_Several = Annotated[list[Names], Set, Field(max_length=50)]


class AuditEventView(View):
    """One change of one thing."""

    id: UUID
    occurred_at: datetime
    action: str
    subject: str = Field(description="What kind of thing changed.")
    subject_id: UUID
    actor_id: UUID | None = Field(description="The person the credential stands for, if any.")
    credential: str = Field(
        description="The API key's id, whose token it was (`token:…`), or what else called: `cli`."
    )
    request_id: str
    before: dict[str, object] | None = Field(description="What differs, as it was.")
    after: dict[str, object] | None = Field(description="What differs, as it is since.")
    erased: bool = Field(description="Whether `before` and `after` were a person's, and erased.")
    lane: int = Field(description="The chain that it is part of.")
    place: int = Field(description="Its place there; the first is 1, and none is left out.")
    hash: str = Field(description="SHA-256 of the hash before it and of the event, in hex.")
    personal_digest: str | None = Field(
        description="SHA-256, in hex, of salt, `before` and `after`, where they are a person's."
    )


class ExportedAuditEvent(AuditEventView):
    """One change of one thing, with what it takes to verify it."""

    personal_salt: str | None = Field(description="The salt of `personal_digest`, till erased.")


class AuditEventsWanted(BaseModel):
    """Which audit events are wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: _Several = Field(default=[], description="About these kinds of thing.")
    subject_id: UUID | None = Field(default=None, description="About this one.")
    action: _Several = Field(default=[], description="Of these kinds.")
    actor_id: UUID | None = Field(default=None, description="By this person.")
    credential: Names | None = Field(default=None, description="With this credential.")
    request_id: Names | None = Field(default=None, description="Made by this request.")
    occurred_from: Since | None = Field(default=None, description="At or after.")
    occurred_until: Since | None = Field(default=None, description="Before.")


class AuditEventListing(AuditEventsWanted, Listing):
    """Which audit events are wanted, and which page of them."""

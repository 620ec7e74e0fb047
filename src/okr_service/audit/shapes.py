"""What comes out about audit events."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from okr_service.kernel.fields import View
from okr_service.kernel.paging import Listing, Names, Since


class AuditEventView(View):
    """One change of one thing."""

    id: UUID
    occurred_at: datetime
    action: str
    subject: str = Field(description="What kind of thing changed.")
    subject_id: UUID
    credential: str = Field(description="The API key's id, or `bootstrap`.")
    request_id: str
    before: dict[str, object] | None
    after: dict[str, object] | None


class AuditEventListing(Listing):
    """Which audit events are wanted."""

    subject: Names | None = Field(default=None, description="About this kind of thing.")
    subject_id: UUID | None = Field(default=None, description="About this one.")
    action: Names | None = Field(default=None, description="Of this kind.")
    request_id: Names | None = Field(default=None, description="Made by this request.")
    occurred_since: Since | None = Field(default=None, description="At or after.")

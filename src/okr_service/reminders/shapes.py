"""What goes in and out about calendars."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.fields import View
from okr_service.kernel.messages import Language


class CalendarMade(View):
    """Where a person's calendar is, shown this once."""

    id: UUID
    person_id: UUID
    created_at: datetime
    path: str = Field(
        description="Where the calendar is at this service. Who knows it reads it: it is a secret, "
        "and not shown again.",
        examples=["/v1/calendars/okrcal_….ics"],
    )


class CalendarWanted(BaseModel):
    """How a calendar is to be written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Language | None = Field(
        default=None, description="The language; by Accept-Language if absent."
    )

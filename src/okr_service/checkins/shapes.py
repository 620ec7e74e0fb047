"""What goes in and out about check-ins."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from okr_service.kernel.fields import (
    Day,
    Exact,
    ExternalId,
    Figure,
    Input,
    Instant,
    Prose,
    Ref,
    Reference,
    View,
)
from okr_service.kernel.paging import Listing, Refs, Set, Since
from okr_service.objectives.shapes import Confidence

BATCH_LIMIT = 10_000


class Source(StrEnum):
    """Where a report comes from."""

    PERSON = "person"
    FEED = "feed"
    IMPORT = "import"


class NewCheckIn(Input):
    """What it takes to report a key result's value."""

    external_id: ExternalId | None = Field(
        default=None, description="The caller's own key: sent again, it records nothing twice."
    )
    key_result_id: Reference = Field(description="The key result it reports on.")
    value: Figure = Field(description="The value seen.", examples=["1250.5"])
    observed_at: Instant | None = Field(
        default=None, description="When it was seen; now if absent."
    )
    confidence: Confidence | None = Field(default=None, description="What the owner says.")
    comment: Prose = Field(default="", description="Tiến độ: what happened.")
    obstacles: Prose = Field(default="", description="Trở ngại: what stands in the way.")
    next_steps: Prose = Field(default="", description="Cần làm gì: what is to be done.")
    next_check_in_date: Day | None = Field(default=None, description="When to report next.")
    author_id: Reference | None = Field(default=None, description="The person who reports.")
    source: Source = Field(default=Source.PERSON, description="Where the report comes from.")
    voids_id: UUID | None = Field(default=None, description="The check-in that this one corrects.")


@dataclass(frozen=True, slots=True)
class MeasuredCheckIn:
    """A report that a metric feed makes of a reading; nobody says more with it."""

    key_result_id: Ref
    value: Decimal
    observed_at: datetime
    voids_id: UUID | None
    feed_mapping_id: UUID
    feed_reading_id: UUID
    source: Source = Source.FEED
    external_id: None = None
    confidence: None = None
    comment: str = ""
    obstacles: str = ""
    next_steps: str = ""
    next_check_in_date: None = None
    author_id: None = None


class CheckInBatch(Input):
    """Many reports, all recorded or none."""

    check_ins: Annotated[list[NewCheckIn], Field(min_length=1, max_length=BATCH_LIMIT)] = Field(
        description="The reports, in the order they are to be recorded."
    )


class Voiding(Input):
    """Why a check-in is not to count."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)] = Field(
        description="What was wrong with it."
    )


class CheckInView(View):
    """A dated report of a key result's value."""

    id: UUID
    external_id: str | None
    version: int = Field(description="Always 1: a check-in is never edited.")
    key_result_id: UUID
    value: Exact
    observed_at: datetime
    recorded_at: datetime
    confidence: Confidence | None
    comment: str
    obstacles: str
    next_steps: str
    next_check_in_date: date | None
    author_id: UUID | None
    source: Source
    voids_id: UUID | None
    voided_at: datetime | None
    void_reason: str | None
    feed_mapping_id: UUID | None = Field(
        description="The mapping of a metric feed that made it; it may be gone since."
    )
    feed_reading_id: UUID | None = Field(
        description="The reading of a metric feed that it comes from; it may be gone since."
    )


class VoidedCheckIn(View):
    """A voided check-in, as those see it who may report and not read."""

    id: UUID
    version: int
    voided_at: datetime
    void_reason: str


class BatchOutcome(View):
    """What became of a batch."""

    recorded: int = Field(description="How many are new.")
    unchanged: int = Field(description="How many had been recorded before.")
    ids: list[UUID] = Field(description="The check-ins' ids, in the order they were sent.")


class CheckInListing(Listing):
    """Which check-ins are wanted."""

    key_result_id: Refs = Field(default=[], description="Of these key results.")
    author_id: Refs = Field(default=[], description="By these people.")
    source: Annotated[list[Source], Set] = Field(default=[], description="From these sources.")
    voided: bool | None = Field(default=None, description="Only voided ones, or only others.")
    observed_from: Since | None = Field(default=None, description="Seen at or after.")
    observed_until: Since | None = Field(default=None, description="Seen before.")
    recorded_since: Since | None = Field(default=None, description="Recorded at or after.")


class CheckInsFollowed(Input):
    """Which check-ins are followed: those that meet all that is given."""

    key_result_id: Refs = Field(default=[], description="Of these key results.")
    under: Refs = Field(default=[], description="Of these objectives, or of any beneath them.")
    unit_id: Refs = Field(
        default=[], description="Of objectives of these units, or of units beneath them."
    )
    author_id: Refs = Field(default=[], description="By these people.")

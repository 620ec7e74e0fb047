"""What goes in and out about metric feeds."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from okr_service.kernel.fields import (
    Exact,
    ExternalId,
    Figure,
    Input,
    Instant,
    Label,
    Reference,
    Title,
    View,
)
from okr_service.kernel.paging import Listing, Names, Refs, Set, Since

READINGS_LIMIT = 10_000
_HALF_A_DAY = 14 * 60
ExternalName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Dimensions = Annotated[
    dict[ExternalName, Annotated[str, StringConstraints(max_length=200)]], Field(max_length=20)
]
_METRIC = "What the system calls it."
_DIMENSIONS = "What tells it from others of the same metric, by name; taken letter by letter."


class Aggregation(StrEnum):
    """How the readings of a cycle become its key result's value at some moment."""

    LATEST = "latest"
    SUM = "sum"
    AVERAGE = "average"


class Reason(StrEnum):
    """Why a reading counts for nothing.

    `no_mapping`: no key result takes this metric with these dimensions. `outside_cycle`: one
    does, but not on this day. `cycle_closed`, `objective_ended`, `takes_no_check_ins`: its key
    result cannot be reported on. `not_zero_or_one`, `value_out_of_range`: what is made of it
    does not fit. `observed_in_future`: it is more than a day ahead. `unmatched_full`: nothing
    maps it, and as many are kept as may be.
    """

    NO_MAPPING = "no_mapping"
    OUTSIDE_CYCLE = "outside_cycle"
    CYCLE_CLOSED = "cycle_closed"
    OBJECTIVE_ENDED = "objective_ended"
    TAKES_NO_CHECK_INS = "takes_no_check_ins"
    NOT_ZERO_OR_ONE = "not_zero_or_one"
    VALUE_OUT_OF_RANGE = "value_out_of_range"
    OBSERVED_IN_FUTURE = "observed_in_future"
    UNMATCHED_FULL = "unmatched_full"


class Outcome(StrEnum):
    """What became of a reading.

    `recorded`: it is new and counts. `unchanged`: it was sent before. `corrected`: it was, with
    another content. `unmatched`: it is new, and is kept until it counts. `refused`: it is not
    kept.
    """

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    CORRECTED = "corrected"
    UNMATCHED = "unmatched"
    REFUSED = "refused"


class NewMetricFeed(Input):
    """What it takes to have a system push readings."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    name: Title = Field(description="What people call it.", examples=["Doanh thu từ ERP"])
    source: Label = Field(description="The system that sends.", examples=["sap-s4"])
    utc_offset_minutes: Annotated[StrictInt, Field(ge=-_HALF_A_DAY, le=_HALF_A_DAY)] = Field(
        default=0,
        description="How far its days are ahead of UTC: a cycle's first day begins then.",
        examples=[420],
    )


class MetricFeedView(View):
    """A system that pushes readings of its metrics."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    source: str
    utc_offset_minutes: int


class NewFeedMapping(Input):
    """What it takes to have a key result take its values from readings."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    feed_id: Reference | None = Field(
        default=None, description="Its metric feed; may be left out under the feed's path."
    )
    metric: ExternalName = Field(description=_METRIC, examples=["revenue"])
    dimensions: Dimensions = Field(
        default={}, description=_DIMENSIONS, examples=[{"company": "1200"}]
    )
    key_result_id: Reference = Field(description="The key result that takes them.")
    aggregation: Aggregation = Field(
        default=Aggregation.LATEST,
        description="What counts at a moment: its reading, or the sum or average of its cycle's "
        "readings so far.",
    )
    factor: Figure = Field(
        default=Decimal(1), description="What that is multiplied by.", examples=["0.001"]
    )
    offset: Figure = Field(default=Decimal(0), description="What is added to that, once.")
    negated: StrictBool = Field(
        default=False, description="Whether the factor is negative: the system books it so."
    )


class FeedMappingView(View):
    """What a key result makes of readings of a metric with certain dimensions."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    feed_id: UUID
    metric: str
    dimensions: dict[str, str]
    key_result_id: UUID
    aggregation: Aggregation
    factor: Exact
    offset: Exact
    negated: bool


class NewReading(Input):
    """What a system observed at some moment."""

    metric: ExternalName = Field(description=_METRIC, examples=["revenue"])
    dimensions: Dimensions = Field(
        default={}, description=_DIMENSIONS, examples=[{"company": "1200"}]
    )
    observed_at: Instant = Field(description="The moment that it is of.")
    value: Figure = Field(description="The figure as the system has it.", examples=["1250.5"])
    reading_id: ExternalName = Field(
        description="The system's own id of it; known by this, its metric and its moment, a "
        "reading that is sent again changes nothing, or corrects what it said.",
        examples=["FI-2026-09-30-1200"],
    )


class ReadingBatch(Input):
    """Readings of a feed; each is taken for itself, all in one transaction."""

    readings: Annotated[list[NewReading], Field(min_length=1, max_length=READINGS_LIMIT)] = Field(
        description="The readings; of one that comes twice, the last says what it is."
    )


class ReadingOutcome(View):
    """What became of one reading."""

    id: UUID | None = Field(description="The id that it has here; null where it was refused.")
    outcome: Outcome
    reason: Reason | None = Field(description="Why it counts for nothing, where it does.")


class ReadingsOutcome(View):
    """What became of readings: how many of each outcome, and each in the order sent."""

    recorded: int = Field(description="How many are new and count.")
    unchanged: int = Field(description="How many had been sent before.")
    corrected: int = Field(description="How many had been sent with another content.")
    unmatched: int = Field(description="How many are new and are kept until they count.")
    refused: int = Field(description="How many are not kept.")
    outcomes: list[ReadingOutcome] = Field(description="Each, in the order they were sent.")


class ReplayOutcome(View):
    """What came of replaying readings."""

    changed: int = Field(description="How many values were reported, corrected or voided.")
    has_more: bool = Field(description="Whether there is more to do: then do it again.")


class FeedReadingView(View):
    """What a system observed at some moment, as it was last sent."""

    id: UUID
    version: int = Field(description="Always 1: it is changed by being sent again.")
    feed_id: UUID
    metric: str
    dimensions: dict[str, str]
    observed_at: datetime
    reading_id: str = Field(description="The system's own id of it.")
    value: Exact
    received_at: datetime = Field(description="When it was first sent.")
    reason: Reason | None = Field(description="Why it counts for nothing, where it does.")


class FeedMappingListing(Listing):
    """Which mappings are wanted."""

    feed_id: Refs = Field(default=[], description="Of these metric feeds.")
    key_result_id: Refs = Field(default=[], description="To these key results.")
    metric: Names | None = Field(default=None, description="Of this metric.")


class FeedReadingListing(Listing):
    """Which readings are wanted."""

    feed_id: Refs = Field(default=[], description="Of these metric feeds.")
    metric: Names | None = Field(default=None, description="Of this metric.")
    unmatched: bool | None = Field(
        default=None, description="Only those that count for nothing, or only others."
    )
    reason: Annotated[list[Reason], Set] = Field(
        default=[], description="That count for nothing for one of these reasons."
    )
    observed_from: Since | None = Field(default=None, description="Observed at or after.")
    observed_until: Since | None = Field(default=None, description="Observed before.")

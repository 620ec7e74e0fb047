"""What goes in and out about objectives and key results."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StringConstraints

from okr_service.cycles.shapes import Cadence
from okr_service.kernel.fields import (
    Count,
    Day,
    Exact,
    ExternalId,
    Figure,
    Input,
    Label,
    Prose,
    Reference,
    Tags,
    Title,
    View,
    Weight,
)
from okr_service.kernel.paging import Listing, Names, Refs, Set, Since

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://\S+$")]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Position = Annotated[Count, Field(le=1_000_000)]
Progress = Annotated[float, Field(ge=0, le=1, description="Completion, 0 to 1, 6 decimals.")]


class ObjectiveState(StrEnum):
    """Where an objective is in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Ambition(StrEnum):
    """Whether it must be reached or is a stretch; never a factor in the arithmetic."""

    COMMITTED = "committed"
    ASPIRATIONAL = "aspirational"


class Metric(StrEnum):
    """How progress is read off the value."""

    INCREASE = "increase"
    DECREASE = "decrease"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    BOOLEAN = "boolean"
    ACTIONS = "actions"


class ValueSource(StrEnum):
    """Where a key result's value comes from."""

    CHECK_INS = "check_ins"
    ACTIONS = "actions"
    CHILDREN = "children"


class Aggregate(StrEnum):
    """What a key result makes of the values that feed it."""

    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"


class Format(StrEnum):
    """How people write the figure."""

    NUMBER = "number"
    PERCENT = "percent"
    CURRENCY = "currency"


class Confidence(StrEnum):
    """What the owner says of reaching the target."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"


class Health(StrEnum):
    """How progress stands against what was expected by now."""

    AHEAD = "ahead"
    ON_TRACK = "on_track"
    BEHIND = "behind"
    AT_RISK = "at_risk"
    UNMEASURED = "unmeasured"


class CheckInStatus(StrEnum):
    """Whether a report is due by the cadence."""

    NOT_DUE = "not_due"
    DUE = "due"
    OVERDUE = "overdue"


class Link(Input):
    """Something it relates to; counts in nothing."""

    title: Title = Field(description="What it is.")
    url: Url = Field(description="Where it is.")


class PlannedFigure(Input):
    """What value is due on a day."""

    date: Day = Field(description="The day.", examples=["2026-03-31"])
    value: Figure = Field(description="The value due then.", examples=["2500"])


class NewObjective(Input):
    """What it takes to set an objective."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    title: Title = Field(description="What is to be reached.", examples=["Dẫn đầu thị trường gạch"])
    description: Prose = Field(default="", description="More about it.")
    unit_id: Reference = Field(description="The unit whose objective it is.")
    owner_id: Reference | None = Field(default=None, description="The person who answers for it.")
    cycle_id: Reference = Field(description="When: a cycle's id or code.", examples=["2026"])
    parent_id: Reference | None = Field(default=None, description="The objective it supports.")
    weight: Weight = Field(default=Decimal(1), description="How much it counts in its parent.")
    state: ObjectiveState | None = Field(
        default=None, description="`active` when new, unless said; left as it is when replaced."
    )
    ambition: Ambition = Field(
        default=Ambition.COMMITTED, description="Whether it must be reached or is a stretch."
    )
    private: StrictBool = Field(
        default=False,
        description="Whether only its unit, its owner and those who lead or plan it may see it.",
    )
    position: Position = Field(default=0, description="Its place among its siblings.")
    tags: Tags = Field(default=[], description="Words to find it by.")
    links: Annotated[list[Link], Field(max_length=50)] = Field(
        default=[], description="What it relates to."
    )


class Alignment(Input):
    """Which objective another is to support."""

    parent_id: Reference | None = Field(description="The new parent; null makes it a root.")


class NewKeyResult(Input):
    """What it takes to say how an objective is measured."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    objective_id: Reference | None = Field(
        default=None, description="Its objective; may be left out under the objective's path."
    )
    title: Title = Field(description="What is measured.", examples=["Sản lượng gạch ốp lát"])
    description: Prose = Field(default="", description="More about it.")
    metric: Metric = Field(default=Metric.INCREASE, description="How progress is read off it.")
    unit_of_measure: Label | None = Field(default=None, description="%, VND, tấn, viên, xe, …")
    format: Format = Field(default=Format.NUMBER, description="How people write it.")
    currency: Currency | None = Field(default=None, description="ISO 4217, if it is money.")
    start_value: Figure | None = Field(
        default=None, description="Where it starts; 0 for `increase` if absent.", examples=["0"]
    )
    target_value: Figure | None = Field(
        default=None, description="Where it is to be, or the (lower) bound.", examples=["5000"]
    )
    target_max: Figure | None = Field(default=None, description="The upper bound of `between`.")
    weight: Weight = Field(default=Decimal(1), description="How much it counts in its objective.")
    owner_id: Reference | None = Field(default=None, description="The person who answers for it.")
    start_date: Day | None = Field(default=None, description="From when, if not the cycle's start.")
    due_date: Day | None = Field(default=None, description="By when, if not the cycle's end.")
    cadence: Cadence | None = Field(
        default=None, description="How often it is to be reported on, if not as its cycle says."
    )
    source: ValueSource | None = Field(
        default=None,
        description="`children` if other key results feed it; else it follows from the metric.",
    )
    aggregate: Aggregate | None = Field(
        default=None, description="What it makes of the values that feed it; `sum` if absent."
    )
    feeds_id: Reference | None = Field(
        default=None, description="The key result, with source `children`, that its value feeds."
    )
    position: Position = Field(default=0, description="Its place among its siblings.")
    plan: Annotated[list[PlannedFigure], Field(max_length=400)] = Field(
        default=[], description="Values due at dates: the monthly targets of an annual plan."
    )
    tags: Tags = Field(default=[], description="Words to find it by.")
    links: Annotated[list[Link], Field(max_length=50)] = Field(
        default=[], description="What it relates to."
    )


class PlannedFigureView(View):
    """What value is due on a day."""

    date: date
    value: Exact


class LinkView(View):
    """Something it relates to."""

    title: str
    url: str


class KeyResultView(View):
    """A measured figure with start, target and current value; figures are exact, as strings."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    objective_id: UUID
    title: str
    description: str
    metric: Metric
    unit_of_measure: str | None
    format: Format
    currency: str | None
    start_value: Exact | None
    target_value: Exact | None
    target_max: Exact | None
    current_value: Exact | None = Field(description="The start value until the first check-in.")
    observed_at: datetime | None = Field(description="When the current value was seen.")
    confidence: Confidence | None
    weight: float
    progress: Progress
    raw_progress: float = Field(description="Unclamped: 1.3 is 130 %, below 0 is going backwards.")
    owner_id: UUID | None
    start_date: date | None
    due_date: date | None
    cadence: Cadence | None
    source: ValueSource
    aggregate: Aggregate | None
    feeds_id: UUID | None = Field(description="The key result that its value feeds.")
    expected_value: Exact | None = Field(description="What the plan wants today, if there is one.")
    expected_progress: Progress
    health: Health
    check_in_due_date: date | None = Field(description="When to report next, by the cadence.")
    check_in_status: CheckInStatus | None = Field(description="Whether that is today, or past.")
    position: int
    plan: list[PlannedFigureView]
    tags: list[str]
    links: list[LinkView]


class ObjectiveView(View):
    """What a unit or person wants to reach in a cycle, and how far it has come."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    title: str
    description: str
    unit_id: UUID
    owner_id: UUID | None
    cycle_id: UUID
    parent_id: UUID | None
    weight: float
    state: ObjectiveState
    ambition: Ambition
    private: bool
    position: int
    progress: Progress | None = Field(description="Rolled-up completion; null: not measured.")
    expected_progress: Progress = Field(description="The share of its cycle that has passed.")
    health: Health
    closed_at: datetime | None
    final_score: Progress | None = Field(description="Given when it was closed.")
    retrospective: str = Field(description="What was learnt, said when it was closed.")
    carried_over_from_id: UUID | None = Field(description="The objective that it goes on with.")
    tags: list[str]
    links: list[LinkView]
    key_results: list[KeyResultView] | None = Field(
        default=None, description="Only with `include=key_results`."
    )
    children: list[UUID] | None = Field(
        default=None, description="Only with `include=children`: what is aligned to it."
    )


class ProgressChange(View):
    """How an objective's progress changed."""

    before: Progress | None = Field(description="What it was; null: not measured.")
    after: Progress | None = Field(description="What it is since; null: not measured.")


class ObjectiveListing(Listing):
    """Which objectives are wanted."""

    unit_id: Refs = Field(default=[], description="Of these units.")
    owner_id: Refs = Field(default=[], description="Answered for by these people.")
    cycle_id: Refs = Field(default=[], description="In these cycles; codes work too.")
    parent_id: Refs = Field(default=[], description="Aligned to one of these objectives.")
    root: bool | None = Field(default=None, description="Aligned to nothing, or to something.")
    state: Annotated[list[ObjectiveState], Set] = Field(default=[], description="In these states.")
    ambition: Annotated[list[Ambition], Set] = Field(default=[], description="Of this ambition.")
    tag: Annotated[list[Label], Set] = Field(default=[], description="With all of these tags.")
    progress_gte: Share | None = Field(default=None, description="At least so far, 0 to 1.")
    progress_lte: Share | None = Field(default=None, description="At most so far, 0 to 1.")
    measured: bool | None = Field(default=None, description="With a progress, or without.")
    health: Annotated[list[Health], Set] = Field(default=[], description="Of this health today.")
    carried_over_from_id: Refs = Field(default=[], description="Going on with one of these.")
    updated_since: Since | None = Field(default=None, description="Edited at or after.")
    q: Names | None = Field(default=None, description="With these words, accents aside.")


class KeyResultListing(Listing):
    """Which key results are wanted."""

    objective_id: Refs = Field(default=[], description="Of these objectives.")
    owner_id: Refs = Field(default=[], description="Answered for by these people.")
    metric: Annotated[list[Metric], Set] = Field(default=[], description="Of these metrics.")
    confidence: Annotated[list[Confidence], Set] = Field(default=[], description="Said to be so.")
    progress_gte: Share | None = Field(default=None, description="At least so far, 0 to 1.")
    progress_lte: Share | None = Field(default=None, description="At most so far, 0 to 1.")
    due_before: date | None = Field(default=None, description="Due before this day.")
    health: Annotated[list[Health], Set] = Field(default=[], description="Of this health today.")
    check_in_status: Annotated[list[CheckInStatus], Set] = Field(
        default=[], description="Whose next report is so."
    )
    source: Annotated[list[ValueSource], Set] = Field(default=[], description="Fed like this.")
    feeds_id: Refs = Field(default=[], description="Feeding one of these key results.")
    updated_since: Since | None = Field(default=None, description="Edited at or after.")
    q: Names | None = Field(default=None, description="With these words, accents aside.")

"""What goes in and out of questions about the rollup."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from okr_service.checkins.shapes import NewCheckIn
from okr_service.kernel.fields import Day, Exact, Input, Reference, View
from okr_service.kernel.forest import DEEPEST
from okr_service.kernel.paging import Set, Since
from okr_service.objectives.shapes import (
    Aggregate,
    Ambition,
    Confidence,
    Health,
    Metric,
    NewKeyResult,
    NewObjective,
    ObjectiveState,
    Progress,
)

Depth = Annotated[int, Field(ge=0, le=DEEPEST)]
Share = Annotated[float, Field(description="A share of the whole, up to 12 decimals.")]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TreeQuestion(_Question):
    """Which part of a tree is wanted."""

    depth: Depth = Field(default=2, description="Levels below the first.")
    limit: int = Field(default=50, ge=1, le=200, description="Most children of each objective.")
    cursor: UUID | None = Field(
        default=None, description="Where to go on with the first level: a `next_children`."
    )
    include: Annotated[list[Literal["key_results"]], Set] = Field(
        default=[], description="`key_results` to embed them."
    )
    count: Literal["none", "exact"] = Field(
        default="none", description="`exact` adds to each how many children it has."
    )


class Step(StrEnum):
    """How far apart the points of a series are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class HistoryQuestion(_Question):
    """Which days are wanted."""

    first_day: Day | None = Field(default=None, description="From when; the cycle's start.")
    last_day: Day | None = Field(default=None, description="Until when; the cycle's end.")
    every: Step = Field(default=Step.DAY, description="How far apart.")


class _AtAMoment(_Question):
    known_at: Since | None = Field(
        default=None,
        description="Only what was recorded, and not voided, by then; the same as `as_of`.",
    )


class ExplainQuestion(_AtAMoment):
    """Which explanation is wanted."""

    depth: int = Field(default=DEEPEST, ge=1, le=DEEPEST, description="Levels to look into.")
    limit: int = Field(default=10, ge=1, le=1000, description="Most contributors named.")
    as_of: Since | None = Field(default=None, description="At which past moment; now if absent.")


class AsOfQuestion(_AtAMoment):
    """Which past moments are wanted."""

    at: Annotated[list[Since], Set, Field(min_length=1, max_length=100)] = Field(
        description="The moments; check-ins seen until then count."
    )
    depth: Depth = Field(default=0, description="Levels below the objective to tell of as well.")


class FeedsQuestion(_Question):
    """How much of a feed is wanted."""

    depth: int = Field(default=1, ge=1, le=DEEPEST, description="Levels to look into.")
    limit: int = Field(default=50, ge=1, le=1000, description="Most key results named.")


class PictureQuestion(_Question):
    """How a picture is to look."""

    theme: Literal["light", "dark", "auto"] = Field(
        default="auto", description="Colours; `auto` follows the reader's system."
    )
    lang: Literal["en", "vi"] | None = Field(
        default=None, description="The language; by Accept-Language if absent."
    )


class Named(View):
    """A unit or a person."""

    id: UUID
    name: str


class KeyResultLeaf(View):
    """A key result within a tree."""

    id: UUID
    external_id: str | None
    title: str
    metric: Metric
    unit_of_measure: str | None
    current_value: Exact | None
    target_value: Exact | None
    weight: float
    progress: Progress
    confidence: Confidence | None


class TreeNodeView(View):
    """An objective within a tree."""

    id: UUID
    external_id: str | None
    title: str
    state: ObjectiveState
    ambition: Ambition
    cycle_id: UUID
    weight: float
    progress: Progress | None
    expected_progress: Progress
    health: Health
    confidence: Confidence | None = Field(description="The least that its key results are given.")
    unit: Named
    owner: Named | None
    key_results: list[KeyResultLeaf] | None = Field(description="Null unless asked for.")
    children: list["TreeNodeView"]
    has_more_children: bool = Field(description="There are others than those in `children`.")
    next_children: UUID | None = Field(
        description="The `cursor` to go on with at the objective's own tree; null: at the start."
    )
    children_count: int | None = Field(description="Null unless `count=exact`.")


class ForestView(View):
    """The trees of a cycle."""

    objectives: list[TreeNodeView]
    next_cursor: UUID | None


class OnTheWay(View):
    """An objective on the way to a contributor."""

    id: UUID
    title: str


class ContributorView(View):
    """What makes up a part of a progress: a key result, or an objective with all beneath it."""

    kind: Literal["key_result", "objective"]
    id: UUID
    external_id: str | None
    title: str
    path: list[OnTheWay] = Field(description="The objectives between, the upper ones first.")
    weight: float
    share: Share
    progress: Progress
    contribution: Share = Field(description="share × progress")
    withheld: Share = Field(description="share × (1 − progress)")


class OthersView(View):
    """The contributors that are not named, together."""

    count: int
    share: Share
    contribution: Share
    withheld: Share


class ExplainedView(View):
    """A node that is explained."""

    id: UUID
    external_id: str | None
    title: str
    progress: Progress | None


class ExplanationView(View):
    """Why a progress is what it is; what withholds most comes first."""

    objective: ExplainedView
    as_of: datetime | None
    known_at: datetime | None
    contributors: list[ContributorView]
    others: OthersView


class ProgressAtMoments(View):
    """An objective's progress at each of the moments."""

    id: UUID
    external_id: str | None
    title: str
    parent_id: UUID | None
    depth: int = Field(description="Levels below the objective that was asked for.")
    progress: list[Progress | None]


class AsOfView(View):
    """How far objectives were at past moments."""

    at: list[datetime]
    known_at: list[datetime]
    objectives: list[ProgressAtMoments]


class HistoryPointView(View):
    """How far an objective was at the end of a day, and should have been."""

    date: date
    progress: Progress | None
    expected_progress: Progress


class HistoryView(View):
    """A series for a chart."""

    data: list[HistoryPointView]


class FeedView(View):
    """A key result that is part of another's value."""

    id: UUID
    external_id: str | None
    title: str
    objective_id: UUID
    unit: Named
    owner: Named | None
    feeds_id: UUID
    depth: int
    aggregate: Aggregate | None
    value: Exact | None
    contribution: Exact | None = Field(
        description="Its part of what it feeds: of a sum its value, of an average its value over "
        "their number, of the least or greatest the value if it is that one."
    )
    progress: Progress


class FeedsView(View):
    """What makes up the value of a key result, level by level, the greatest parts first."""

    id: UUID
    external_id: str | None
    title: str
    aggregate: Aggregate | None
    value: Exact | None
    data: list[FeedView]
    others: int = Field(description="How many more there are.")


class Edit(Input):
    """An edit that is not made."""

    id: Reference = Field(description="What is edited.")
    changes: dict[str, object] = Field(
        description="A merge patch, as PATCH takes it.", examples=[{"weight": 3}]
    )


class Hypothesis(Input):
    """One change that is not made: exactly one of these."""

    check_in: NewCheckIn | None = Field(default=None, description="A value is reported.")
    edit_objective: Edit | None = Field(
        default=None, description="An objective has another weight, state, parent or cycle."
    )
    edit_key_result: Edit | None = Field(
        default=None, description="A key result has another weight, target or feed."
    )
    create_objective: NewObjective | None = Field(
        default=None, description="There is another one; later changes can name its external id."
    )
    create_key_result: NewKeyResult | None = Field(
        default=None, description="There is another one."
    )
    delete_objective: Reference | None = Field(default=None, description="There is none.")
    delete_key_result: Reference | None = Field(default=None, description="There is none.")

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        if sum(value is not None for value in vars(self).values()) != 1:
            names = ", ".join(type(self).model_fields)
            raise PydanticCustomError("not_exactly_one", "exactly one", {"expected": names})
        return self


class Simulation(Input):
    """Changes that are not made."""

    changes: Annotated[list[Hypothesis], Field(min_length=1, max_length=100)] = Field(
        description="What would change, in order; each builds on those before."
    )


class AffectedView(View):
    """An objective that the changes would move."""

    id: UUID | None = Field(description="Null for one that only the changes create.")
    external_id: str | None
    title: str
    parent_id: UUID | None
    before: Progress | None
    after: Progress | None


class SimulatedView(View):
    """What the changes would come to."""

    objectives: list[AffectedView] = Field(description="The roots first.")

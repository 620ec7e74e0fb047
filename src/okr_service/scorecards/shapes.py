"""What goes in and out of scorecards."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from okr_service.kernel.fields import Ref, View
from okr_service.kernel.forest import DEEPEST
from okr_service.objectives.shapes import Health, Progress
from okr_service.organisation.shapes import UnitKind

CycleRef = Annotated[Ref, StringConstraints(min_length=1, max_length=220, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class LeagueTableQuestion(BaseModel):
    """Which cycle is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cycle_id: CycleRef = Field(
        description="A cycle's id or code, or `external:` and its external id.", examples=["2026"]
    )


class ScorecardQuestion(LeagueTableQuestion):
    """Which cycle is wanted, and how much of the organisation."""

    depth: int = Field(
        default=DEEPEST, ge=0, le=DEEPEST, description="Levels of sub-units below the unit."
    )


class UnitOnCard(View):
    """Whose figures they are."""

    id: UUID
    external_id: str | None
    name: str
    kind: UnitKind


class CycleOnCard(View):
    """The cycle they are of."""

    id: UUID
    code: str
    name: str
    start_date: date
    end_date: date


class ObjectiveNumbers(View):
    """The unit's own objectives that count: active or closed ones."""

    total: Number
    measured: Number = Field(description="With a progress.")


class KeyResultNumbers(View):
    """The key results of these objectives, and whether they are reported on in time."""

    total: Number
    reported: Number = Field(description="To be reported on by check-ins, at a cadence.")
    overdue: Number = Field(description="Of these, whose next report was due before today.")
    on_time_share: Share | None = Field(description="The share of `reported` not overdue.")


class ActionNumbers(View):
    """The actions planned for these key results, but for cancelled ones."""

    total: Number
    done: Number
    overdue: Number = Field(description="Past their due date and not done.")
    done_share: Share | None = Field(description="The share that is done.")


class FiguresView(View):
    """How far a unit has come, and how well it reports and acts."""

    unit: UnitOnCard
    progress: Progress | None = Field(
        description="Weighted completion of its objectives, but for those aligned under others "
        "of its own; null: not measured."
    )
    expected_progress: Progress = Field(description="The share of the cycle that has passed.")
    health: Health
    objectives: ObjectiveNumbers
    key_results: KeyResultNumbers
    actions: ActionNumbers


class SubUnitView(FiguresView):
    """The figures of a unit beneath, and of those beneath it."""

    sub_units: "list[SubUnitView]" = Field(description="By name.")


class ScorecardView(SubUnitView):
    """A unit's figures in a cycle, with those of the units beneath it."""

    cycle: CycleOnCard


class RankedView(FiguresView):
    """A unit's figures and its place by progress."""

    rank: Annotated[int, Field(ge=1)] | None = Field(
        description="Equals share one: 1, 2, 2, 4; null where not measured."
    )


class LeagueTableView(View):
    """The units directly beneath one, by progress in a cycle."""

    unit: UnitOnCard
    cycle: CycleOnCard
    data: list[RankedView] = Field(description="The furthest first, then by name.")

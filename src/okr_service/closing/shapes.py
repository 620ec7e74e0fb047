"""What goes in and out when objectives and cycles are closed."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.cycles.shapes import CycleView
from okr_service.kernel.fields import ExternalId, Input, Prose, Reference, View, Weight
from okr_service.objectives.shapes import Progress

Score = Annotated[Weight, Field(le=1)]


class Closing(Input):
    """With what an objective is closed."""

    final_score: Score | None = Field(
        default=None, description="0 to 1; its progress if absent.", examples=["0.7"]
    )
    retrospective: Prose | None = Field(default=None, description="What was learnt.")


class CarryingOver(Input):
    """Where an unfinished objective is to go on."""

    cycle_id: Reference = Field(description="The cycle; codes work too.", examples=["2027"])
    parent_id: Reference | None = Field(
        default=None, description="The objective that the new one supports."
    )
    external_id: ExternalId | None = Field(
        default=None, description="The caller's own key for the new objective."
    )
    final_score: Score | None = Field(
        default=None, description="What the old one is closed with; its progress if absent."
    )
    retrospective: Prose | None = Field(default=None, description="What was learnt.")


class CycleClosing(Input):
    """What is to become of what is in a cycle."""

    carry_over_to: Reference | None = Field(
        default=None, description="The cycle in which what is unfinished goes on, if any."
    )
    retrospective: Prose | None = Field(
        default=None, description="What was learnt, for every objective closed by this."
    )


class Mode(StrEnum):
    """Whether to do it or only to show what it would do."""

    DRY_RUN = "dry_run"
    COMMIT = "commit"


class ClosingOptions(BaseModel):
    """How a cycle is closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Field(default=Mode.COMMIT, description="`dry_run` changes nothing.")


class ClosedObjectiveView(View):
    """An objective that was closed with its cycle."""

    id: UUID
    external_id: str | None
    title: str
    final_score: Progress | None
    carried_over_to_id: UUID | None = Field(
        description="The new objective; null in a dry run and where it was not carried over."
    )
    carried_over: bool


class ClosedCycleView(CycleView):
    """A cycle that was closed, and what was closed with it."""

    mode: Mode
    closed_cycles: list[str] = Field(description="The codes of the cycles that were open.")
    closed_objectives: list[ClosedObjectiveView]

"""What an export can be asked for."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.messages import Language
from okr_service.kernel.paging import Refs, Set, Since
from okr_service.objectives.shapes import ObjectiveState
from okr_service.scorecards.shapes import CycleRef


class PlanForm(StrEnum):
    """How the plan's file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"


class TableForm(StrEnum):
    """How a table's file is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class Scope(BaseModel):
    """Of which objectives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit_id: Refs = Field(default=[], description="Of these units and all beneath them.")
    cycle_id: Refs = Field(default=[], description="In these cycles; codes work too.")
    state: Annotated[list[ObjectiveState], Set] = Field(
        default=[], description="Of objectives in these states."
    )


class PlanQuestion(Scope):
    """Which part of the plan is wanted."""

    lang: Language = Field(default="vi", description="The language of headers and choices.")


class EditedQuestion(Scope):
    """Which rows of a table are wanted."""

    updated_since: Since | None = Field(default=None, description="Edited at or after.")


class CheckInsQuestion(Scope):
    """Which check-ins are wanted."""

    voided: bool | None = Field(default=None, description="Only voided ones, or only others.")
    observed_from: Since | None = Field(default=None, description="Seen at or after.")
    observed_until: Since | None = Field(default=None, description="Seen before.")
    recorded_since: Since | None = Field(default=None, description="Recorded at or after.")


class ScorecardsQuestion(BaseModel):
    """Whose scorecards are wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cycle_id: CycleRef = Field(
        description="A cycle's id or code, or `external:` and its external id.", examples=["2026"]
    )
    unit_id: Refs = Field(
        default=[], description="Of these units and all beneath them; of all units if absent."
    )

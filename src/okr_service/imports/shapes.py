"""What goes in and out about imports."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.fields import View


class Mode(StrEnum):
    """Whether an import is to stay."""

    DRY_RUN = "dry_run"
    COMMIT = "commit"


class Effect(StrEnum):
    """What a row does."""

    CREATED = "created"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class ImportOptions(BaseModel):
    """How to import."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Field(
        default=Mode.DRY_RUN,
        description="`dry_run` shows what `commit` would do, and does nothing.",
    )


class CellErrorView(View):
    """A cell that does not fit."""

    row: int = Field(description="As a spreadsheet counts; the header is row 1.")
    column: str = Field(description="The column's header in the file.")
    cell: str | None = Field(default=None, description="As a spreadsheet names it: `J12`.")
    pointer: str
    code: str
    message: str


class RowView(View):
    """What a row does."""

    row: int
    effect: Effect


class CountsView(View):
    """How many rows do what."""

    created: int
    updated: int
    unchanged: int
    failed: int


class RootView(View):
    """The progress of an objective at the top of what the file touches."""

    objective_id: UUID | None = Field(description="Null where the dry run would create it.")
    external_id: str | None
    title: str
    before: Annotated[float, Field(ge=0, le=1)] | None
    after: Annotated[float, Field(ge=0, le=1)] | None


class ImportView(View):
    """What an import did, or would do."""

    mode: Mode
    counts: CountsView
    rows: list[RowView]
    errors: list[CellErrorView]
    roots: list[RootView]

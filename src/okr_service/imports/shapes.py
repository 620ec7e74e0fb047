"""What goes in and out about imports."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.fields import View
from okr_service.kernel.messages import Language
from okr_service.kernel.paging import Listing, Set


class ImportMode(StrEnum):
    """Whether an import is to stay."""

    DRY_RUN = "dry_run"
    COMMIT = "commit"


class Effect(StrEnum):
    """What a row does."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class Pruned(StrEnum):
    """Which kind of thing is cancelled because it is no longer in the file."""

    OBJECTIVE = "objective"
    KEY_RESULT = "key_result"
    ACTION = "action"


class OnError(StrEnum):
    """What becomes of an import in which some rows do not fit."""

    ABORT = "abort"
    SKIP = "skip"


class JobState(StrEnum):
    """How an import stands that runs as a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportOptions(BaseModel):
    """How to import."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ImportMode = Field(
        default=ImportMode.DRY_RUN,
        description="`dry_run` shows what `commit` would do, and does nothing.",
    )
    on_error: OnError = Field(
        default=OnError.ABORT,
        description="`abort` imports nothing where a row does not fit; `skip` leaves out such "
        "rows, and what depends on them, as if the file did not have them.",
    )
    prune: bool = Field(
        default=False,
        description="Cancel what is in the scope and no longer in the file; key results, "
        "which have no state, are deleted.",
    )
    scope: Annotated[str, Field(max_length=2000)] | None = Field(
        default=None,
        description="What the file says everything of, to prune: units, with all beneath "
        "them, and cycles.",
        examples=["unit:GACH,cycle:2026"],
    )


class TemplateQuestion(BaseModel):
    """Which template."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Language = Field(default="vi", description="The language of its headers and lists.")


class ImportListing(Listing):
    """Which imports are wanted."""

    state: Annotated[list[JobState], Set] = Field(default=[], description="In these states.")


class CellErrorView(View):
    """A cell that does not fit."""

    sheet: str | None = Field(default=None, description="Of a workbook.")
    row: int = Field(description="As a spreadsheet counts; a header without titles is row 1.")
    column: str = Field(description="The column's header in the file.")
    cell: str | None = Field(default=None, description="As a spreadsheet names it: `J12`.")
    pointer: str
    code: str
    message: str
    suggestion: str | None = Field(default=None, description="What may be meant instead.")


class CellChangeView(View):
    """What a cell changes."""

    column: str = Field(description="The column's header in the file.")
    was: str | None = Field(description="What is there.")
    now_is: str | None = Field(description="What the file says.")


class RowView(View):
    """What a row does."""

    sheet: str | None = Field(description="Null where the file has no sheets.")
    row: int
    effect: Effect
    changes: list[CellChangeView] | None = Field(
        default=None, description="Of an updated row, in a dry run."
    )


class PrunedView(View):
    """Something that is in the scope and no longer in the file."""

    kind: Pruned
    id: UUID
    external_id: str
    title: str


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


class SkippedSheetView(View):
    """A sheet that was not read."""

    sheet: str
    reason: Literal["hidden", "example", "no_header"]


class ImportView(View):
    """What an import did, or would do."""

    mode: ImportMode
    counts: CountsView
    rows: list[RowView]
    errors: list[CellErrorView]
    pruned: list[PrunedView]
    roots: list[RootView]
    skipped_sheets: list[SkippedSheetView]


class ImportProgressView(View):
    """An import that runs as a job, and how far it has come."""

    id: UUID
    state: JobState
    mode: ImportMode
    on_error: OnError
    prune: bool
    scope: str | None
    size_bytes: int = Field(description="Of the file.")
    rows_read: int = Field(description="How far the file was read.")
    rows_checked: int = Field(
        description="How many rows were compared with what is there; about, for several rows "
        "may say one thing."
    )
    rows_written: int = Field(
        description="How many rows created or changed something, to stay once all is done."
    )
    person_id: UUID | None = Field(description="The person who sent it.")
    credential: str = Field(description="What it was sent with, as audit events call it.")
    created_at: datetime
    started_at: datetime | None
    cancel_requested_at: datetime | None
    finished_at: datetime | None


class ImportJobView(ImportProgressView):
    """An import that runs as a job."""

    counts: CountsView | None = Field(description="How many rows did what, once it is done.")


class FailureView(View):
    """Why an import was not done; nothing of it is."""

    code: str
    detail: str
    errors: list[CellErrorView]


class ImportOutcomeView(ImportJobView):
    """An import that runs as a job, and what came of it."""

    problem: FailureView | None = Field(description="Of one that failed.")
    result: ImportView | None = Field(
        description="Of one that is done, in the language it was sent in; null once what it "
        "says of a person was erased."
    )

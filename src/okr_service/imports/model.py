"""How imports that run as jobs are stored, with the files they read and what came of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Model, TenantRow

_NONE = text("0")


class ImportJob(TenantRow):
    """An import that goes on after its request was answered, and who sent it."""

    __tablename__ = "import_jobs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("mode IN ('dry_run', 'commit')", name="mode"),
        CheckConstraint("on_error IN ('abort', 'skip')", name="on_error"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled'))",
            name="finished",
        ),
        # Written anew each second while it runs.
        {"postgresql_with": {"fillfactor": 50}},
    )

    state: Mapped[str]
    mode: Mapped[str]
    on_error: Mapped[str]
    prune: Mapped[bool]
    scope: Mapped[str | None]
    format: Mapped[str]
    language: Mapped[str]
    size_bytes: Mapped[int]
    rows_read: Mapped[int] = mapped_column(server_default=_NONE)
    rows_checked: Mapped[int] = mapped_column(server_default=_NONE)
    rows_written: Mapped[int] = mapped_column(server_default=_NONE)
    counts: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=_NONE)
    credential: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    person_id: Mapped[UUID | None]
    role: Mapped[str | None]
    request_id: Mapped[str]


class ImportPiece(Model):
    """A piece of an import's file, of its report, or of the workbook of its failed rows."""

    __tablename__ = "import_pieces"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "job_id"],
            ["import_jobs.tenant_id", "import_jobs.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("part IN ('file', 'report', 'problem', 'workbook')", name="part"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

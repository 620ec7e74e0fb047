"""Imports that run as jobs: taking them on, showing, cancelling and forgetting them.

Small files are imported while their sender waits, and nothing of that is kept. A large one,
or one whose sender would rather not wait, is kept with the request that sent it, in pieces,
until a worker has imported it; then what came of it is kept instead, for some days. It is
seen by who sent it, and by those who plan everything.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from okr_service.access.policy import Permission, Principal, require
from okr_service.imports.errors import ImportEnded, ImportNotFound, TooManyImportsWait
from okr_service.imports.formats import Upload
from okr_service.imports.model import ImportJob, ImportPiece
from okr_service.imports.pruning import Scope
from okr_service.imports.shapes import ImportListing, ImportOptions, JobState
from okr_service.kernel.database import Database, Reading, Transaction
from okr_service.kernel.documents import Collection, open_to_all
from okr_service.kernel.fields import Ref
from okr_service.kernel.messages import Language
from okr_service.kernel.model import new_id
from okr_service.kernel.queue import Task, put
from okr_service.kernel.references import row_id

IMPORT, FORGET = "import", "forget_import"  # the kinds of job
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
_PIECE = 1 << 20
_TURN_SECONDS = 60  # about what a large import takes

IMPORTS = Collection(
    ImportJob,
    {
        "id": ImportJob.id,
        "state": ImportJob.state,
        "mode": ImportJob.mode,
        "on_error": ImportJob.on_error,
        "prune": ImportJob.prune,
        "scope": ImportJob.scope,
        "size_bytes": ImportJob.size_bytes,
        "rows_read": ImportJob.rows_read,
        "rows_checked": ImportJob.rows_checked,
        "rows_written": ImportJob.rows_written,
        "counts": ImportJob.counts,
        "person_id": ImportJob.person_id,
        "credential": ImportJob.credential,
        "created_at": ImportJob.created_at,
        "started_at": ImportJob.started_at,
        "cancel_requested_at": ImportJob.cancel_requested_at,
        "finished_at": ImportJob.finished_at,
    },
    seen=open_to_all,
    sorts={"created_at": ImportJob.created_at},
    default_sort="-created_at",
)


class Part(StrEnum):
    """What is kept of a job in pieces."""

    FILE = "file"
    REPORT = "report"
    PROBLEM = "problem"
    WORKBOOK = "workbook"


async def take_on(
    tx: Transaction,
    who: Principal,
    upload: Upload,
    options: ImportOptions,
    language: Language,
    most_waiting: int,
) -> UUID:
    """Keep a file until a worker imports it; returns the job's id.

    Raises:
        NotPermitted, PruneNeedsScope.
        TooManyImportsWait: so many of the tenant's are not done yet.
    """
    require(who, Permission.PLAN)
    if options.prune:
        Scope.read(options.scope)
    of_tenant = (ImportJob.tenant_id == who.tenant_id, ImportJob.state.not_in(ENDED))
    if (await tx.scalar(select(func.count()).where(*of_tenant)) or 0) >= most_waiting:
        raise TooManyImportsWait(_TURN_SECONDS, most_waiting)
    task = Task(who.tenant_id, new_id())
    row = ImportJob(
        tenant_id=who.tenant_id,
        id=task.job_id,
        state=JobState.QUEUED,
        mode=options.mode,
        on_error=options.on_error,
        prune=options.prune,
        scope=options.scope,
        format=upload.form,
        language=language,
        size_bytes=upload.size,
        credential=who.credential,
        scopes=None if who.scopes is None else sorted(who.scopes),
        person_id=who.person_id,
        role=who.role,
        request_id=who.request_id,
    )
    tx.add(row)
    await tx.flush()
    upload.file.seek(0)
    await keep(tx, task, Part.FILE, iter(lambda: upload.file.read(_PIECE), b""))
    await put(tx, IMPORT, task)
    return task.job_id


async def cancel_import(tx: Transaction, who: Principal, ref: Ref, kept: timedelta) -> UUID:
    """Have an import end without anything of it done; cancelling it again changes nothing.

    One that waits ends at once; one that runs, within a few seconds.

    Raises:
        NotPermitted, ImportNotFound.
        ImportEnded: it is done, or failed.
    """
    require(who, Permission.PLAN)
    absent = ImportNotFound(ref)
    job_id = row_id(ref)
    if job_id is None:
        raise absent
    named = (ImportJob.tenant_id == who.tenant_id, ImportJob.id == job_id, *imports_of(who))
    state = await tx.scalar(select(ImportJob.state).where(*named).with_for_update(key_share=True))
    if state is None:
        raise absent
    if state in (JobState.DONE, JobState.FAILED):
        raise ImportEnded(state)
    task = Task(who.tenant_id, job_id)
    asked = {"cancel_requested_at": func.coalesce(ImportJob.cancel_requested_at, func.now())}
    await tx.execute(update(ImportJob).where(*named).values(asked))
    if state == JobState.QUEUED:
        await end(tx, task, JobState.CANCELLED, kept)
    return job_id


async def end(
    tx: Transaction,
    task: Task,
    state: JobState,
    kept: timedelta,
    results: Mapping[str, object] | None = None,
) -> bool:
    """Note that a job has ended, let go of its file, and have it forgotten in time.

    Says whether it did: not where it has ended already, nor where it is done and was to be
    cancelled.
    """
    condition = (*of(task), ImportJob.state.not_in(ENDED))
    if state is JobState.DONE:
        condition = (*condition, ImportJob.cancel_requested_at.is_(None))
    values = {"state": state, "finished_at": func.clock_timestamp(), **(results or {})}
    ended = update(ImportJob).where(*condition).values(values).returning(ImportJob.id)
    if await tx.scalar(ended) is None:
        return False
    await _let_go(tx, task, Part.FILE)
    await put(tx, FORGET, task, kept)
    return True


async def forget(tx: Transaction, task: Task) -> None:
    """Delete an ended job, and all that is kept of it."""
    await tx.execute(delete(ImportJob).where(*of(task), ImportJob.state.in_(ENDED)))


async def keep(tx: Transaction, task: Task, part: Part, data: Iterable[bytes]) -> None:
    """Keep a part of a job in pieces of about a MiB, instead of what there is of it."""
    await _let_go(tx, task, part)
    row = {"tenant_id": task.tenant_id, "job_id": task.job_id, "part": part}
    for place, piece in enumerate(_pieces(data)):
        await tx.execute(insert(ImportPiece), {**row, "place": place, "data": piece})


def _pieces(data: Iterable[bytes]) -> Iterable[bytes]:
    piece = bytearray()
    for some in data:
        piece += some
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def kept_pieces(database: Database, task: Task, part: Part) -> AsyncIterator[bytes]:
    """Give a part of a job, a piece at a time; no connection is held between them."""
    place = 0
    while True:
        async with database.reading(task.tenant_id) as connection:
            piece = await _piece(connection, task, part, place)
        if piece is None:
            return
        yield piece
        place += 1


async def parts_kept(tx: Reading, task: Task) -> list[str]:
    """Return what is kept of a job."""
    named = (ImportPiece.tenant_id == task.tenant_id, ImportPiece.job_id == task.job_id)
    parts = select(ImportPiece.part).where(*named, ImportPiece.place == 0)
    return sorted(await tx.scalars(parts))


async def _piece(tx: Reading, task: Task, part: Part, place: int) -> bytes | None:
    named = (*_pieces_of(task, part), ImportPiece.place == place)
    return await tx.scalar(select(ImportPiece.data).where(*named))


async def _let_go(tx: Transaction, task: Task, part: Part) -> None:
    await tx.execute(delete(ImportPiece).where(*_pieces_of(task, part)))


def _pieces_of(task: Task, part: Part) -> tuple[ColumnElement[bool], ...]:
    return (
        ImportPiece.tenant_id == task.tenant_id,
        ImportPiece.job_id == task.job_id,
        ImportPiece.part == part,
    )


def of(task: Task) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that name a job."""
    return (ImportJob.tenant_id == task.tenant_id, ImportJob.id == task.job_id)


def imports_of(who: Principal) -> list[ColumnElement[bool]]:
    """Return the conditions that an import is the caller's to see."""
    if who.reach(Permission.PLAN).everything:
        return []
    if who.person_id is None:
        return [ImportJob.credential == who.credential]
    return [ImportJob.person_id == who.person_id]


def imports_wanted(wanted: ImportListing) -> list[ColumnElement[bool]]:
    """Return the conditions that imports must meet."""
    return [ImportJob.state.in_(wanted.state)] if wanted.state else []

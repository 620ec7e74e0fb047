"""Doing the imports that run as jobs.

An import is one transaction, and so is its job: that it is done is written in the same
transaction as what it did. So whoever takes it up again after another worker died finds
either all of it, or nothing. A lock that ends with the transaction sees to it that no two
workers do imports of one tenant at once, even where one of them was given up too early; and
they are done in the order they were sent.

Meanwhile, over another connection, a second task tells once a second how far it has come,
and hears whether it is to be cancelled. It runs as who sent it: they are recognised again
before it begins, and it does what they may then do.
"""

import asyncio
import logging
import tempfile
from asyncio import to_thread
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.exc import DBAPIError

from okr_service.access.credential import Credential
from okr_service.access.errors import InvalidCredential
from okr_service.access.gatekeeper import Gatekeeper
from okr_service.access.policy import Principal, Role
from okr_service.access.policy import Scope as CredentialScope
from okr_service.imports import jobs
from okr_service.imports.errors import ImportGivenUp, SenderGone
from okr_service.imports.formats import Format, Upload, limits_of, read_table
from okr_service.imports.jobs import Part
from okr_service.imports.model import ImportJob
from okr_service.imports.report import given_back, problem_json, report_json
from okr_service.imports.service import Report, import_table
from okr_service.imports.shapes import Effect, ImportMode, ImportOptions, JobState, OnError
from okr_service.imports.watch import Watch
from okr_service.kernel.database import Database, Transaction, is_retryable
from okr_service.kernel.errors import (
    DatabaseUnavailable,
    InternalError,
    NoRoomForFile,
    OkrError,
)
from okr_service.kernel.messages import preferred_language
from okr_service.kernel.queue import NotYet, Task, Work
from okr_service.kernel.spooled import needing_room
from okr_service.kernel.telemetry import counter
from okr_service.kernel.traces import traceback_of
from okr_service.settings import Settings

_TELLS_EVERY = 1.0  # seconds
_TURN = timedelta(seconds=1)  # after which it is looked whether it is a job's turn
_LATEST_TURN = timedelta(minutes=1)
_MOST_ATTEMPTS = 5
_BEGUN: dict[str, object] = {
    "state": JobState.RUNNING,
    "started_at": func.coalesce(ImportJob.started_at, func.now()),
    "attempts": ImportJob.attempts + 1,
}

_ended = counter("okr.import.jobs", "Imports by jobs, by how they ended.")
_log = logging.getLogger(__name__)


class _Cancelled(Exception):
    """Who sent it, or a planner, has it end."""


@dataclass(frozen=True)
class Imports:
    """Does imports, each when it is its turn."""

    database: Database  # with connections of its own: a request must not wait for a job
    gatekeeper: Gatekeeper
    settings: Settings
    wrote: Callable[[UUID], None]

    @property
    def works(self) -> Mapping[str, Work]:
        """Return what is done about each kind of job."""
        return {jobs.IMPORT: self.run, jobs.FORGET: self.forget}

    async def forget(self, task: Task) -> None:
        """Delete a job that ended long ago."""
        async with self.database.transaction(task.tenant_id) as tx:
            await jobs.forget(tx, task)

    async def run(self, task: Task) -> None:
        """Do an import, or say why it cannot be done.

        Raises:
            NotYet: it is not its turn.
        """
        while True:
            try:
                await self._attempt(task)
            except (DatabaseUnavailable, DBAPIError) as error:
                _log.warning("import %s begins anew: %s", task.job_id, type(error).__name__)
                await self._until_database_answers()
            else:
                self.wrote(task.tenant_id)
                return

    async def _until_database_answers(self) -> None:
        while True:
            await asyncio.sleep(_TELLS_EVERY)
            if await self.database.is_ready():
                return

    async def _attempt(self, task: Task) -> None:
        watch = Watch()
        doing = asyncio.create_task(self._do(task, watch))
        telling = asyncio.create_task(self._tell(task, watch, doing))
        try:
            await doing
        except asyncio.CancelledError:
            if not watch.cancelled:  # the worker stops
                await self._put_down(task, watch)
                raise
            await self._end(task, JobState.CANCELLED)
        except _Cancelled:
            await self._end(task, JobState.CANCELLED)
        except NoRoomForFile as error:  # another worker may have room
            _log.warning("import %s is put back: this worker's disk is full", task.job_id)
            await self._put_down(task, watch)
            raise NotYet(_LATEST_TURN) from error
        except (NotYet, DatabaseUnavailable):
            raise
        except Exception as error:
            if isinstance(error, DBAPIError) and is_retryable(error):
                raise
            await self._end(task, JobState.FAILED, error)
        finally:
            watch.stopping = True
            telling.cancel()
            await asyncio.wait({telling})

    async def _put_down(self, task: Task, watch: Watch) -> None:
        """Let an attempt not count that was broken off by what is not the file's fault."""
        if watch.begun:
            with suppress(OkrError, DBAPIError):
                await self._write(task, {"attempts": ImportJob.attempts - 1})

    async def _do(self, task: Task, watch: Watch) -> None:
        async with self.database.transaction(task.tenant_id) as tx:
            job = await self._taken_up(tx, task)
            if job is None:
                return
            watch.begun = True
            who = await self._sender(job)
            with tempfile.TemporaryFile() as file:
                with needing_room():
                    async for piece in jobs.kept_pieces(self.database, task, Part.FILE):
                        file.write(piece)
                report = await self._import(tx, who, job, watch, file)
            watch.ending = True
            if not await jobs.end(tx, task, JobState.DONE, self._kept, _results(report)):
                raise _Cancelled
        _ended.add(1, {"state": JobState.DONE})

    async def _taken_up(self, tx: Transaction, task: Task) -> ImportJob | None:
        """Return a job whose turn it is; None where there is nothing left to do."""
        await self._be_patient(tx)
        before = await tx.scalar(_before(task)) or 0
        if before or not await tx.scalar(_turn_of(task.tenant_id)):
            # The further back, the later: those who wait shall not keep workers from others.
            raise NotYet(min(_TURN * max(before, 1), _LATEST_TURN))
        job: ImportJob | None = await tx.scalar(select(ImportJob).where(*jobs.of(task)))
        if job is None or job.state in jobs.ENDED:
            return None
        if job.cancel_requested_at is not None:
            raise _Cancelled
        if job.attempts >= _MOST_ATTEMPTS:
            raise ImportGivenUp(job.attempts)
        await self._write(task, _BEGUN)
        return job

    async def _be_patient(self, tx: Transaction) -> None:
        longest = self.settings.import_job_statement_timeout_ms
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            await tx.execute(text(f"SET LOCAL {name} = {longest:d}"))

    async def _sender(self, job: ImportJob) -> Principal:
        credential = Credential(
            job.tenant_id,
            job.credential,
            None if job.scopes is None else frozenset(map(CredentialScope, job.scopes)),
            job.person_id,
            None if job.role is None else Role(job.role),
        )
        try:
            return await self.gatekeeper.recognise_again(credential, job.request_id)
        except InvalidCredential as error:
            raise SenderGone from error

    async def _import(
        self, tx: Transaction, who: Principal, job: ImportJob, watch: Watch, file: BinaryIO
    ) -> Report:
        form, language = Format(job.format), preferred_language(job.language)
        read = await to_thread(read_table, file, form, limits_of(self.settings))
        table = watch.over(read)
        report = await import_table(tx, who, table, _options(job), watch.begin)
        task = Task(job.tenant_id, job.id)
        await jobs.keep(tx, task, Part.REPORT, report_json(report, table, language))
        if report.errors:
            book = await to_thread(given_back, Upload(file, form), report, language)
            await jobs.keep(tx, task, Part.WORKBOOK, [book])
        return report

    async def _tell(self, task: Task, watch: Watch, doing: "asyncio.Task[None]") -> None:
        while True:
            await asyncio.sleep(_TELLS_EVERY)
            if watch.ending:
                return
            try:
                watch.cancelled = await self._write(task, watch.progress)
            except Exception as error:  # noqa: BLE001 - the import itself will find out
                _log.warning("import %s is not told of: %s", task.job_id, type(error).__name__)
            if watch.cancelled:
                watch.stopping = True
                doing.cancel()
                return

    async def _write(self, task: Task, values: Mapping[str, object]) -> bool:
        """Write how a job stands, beside its transaction; says whether it is to be cancelled."""
        going_on = (*jobs.of(task), ImportJob.state.not_in(jobs.ENDED))
        written = update(ImportJob).where(*going_on).values(values)
        async with self.database.transaction(task.tenant_id) as aside:
            asked = await aside.scalar(written.returning(ImportJob.cancel_requested_at))
        return asked is not None

    async def _end(self, task: Task, state: JobState, error: Exception | None = None) -> None:
        async with self.database.transaction(task.tenant_id) as tx:
            job: ImportJob | None = await tx.scalar(select(ImportJob).where(*jobs.of(task)))
            if job is None or not await jobs.end(tx, task, state, self._kept):
                return
            if error is not None:
                known = error if isinstance(error, OkrError) else InternalError()
                problem = problem_json(known, preferred_language(job.language))
                await jobs.keep(tx, task, Part.PROBLEM, problem)
        _ended.add(1, {"state": state})
        if error is not None and not isinstance(error, OkrError):
            _log.error("import %s failed\n%s", task.job_id, traceback_of(error))

    @property
    def _kept(self) -> timedelta:
        return timedelta(days=self.settings.imports_kept_days)


def _turn_of(tenant_id: UUID) -> Select[bool]:
    name = func.hashtextextended(f"imports of {tenant_id}", 0)
    return select(func.pg_try_advisory_xact_lock(name))


def _before(task: Task) -> Select[int]:
    """Ask how many other jobs of the tenant are to be done first."""
    return select(func.count()).where(
        ImportJob.tenant_id == task.tenant_id,
        ImportJob.id < task.job_id,
        ImportJob.state.not_in(jobs.ENDED),
        ImportJob.cancel_requested_at.is_(None),
    )


def _options(job: ImportJob) -> ImportOptions:
    return ImportOptions(
        mode=ImportMode(job.mode), on_error=OnError(job.on_error), prune=job.prune, scope=job.scope
    )


def _results(report: Report) -> dict[str, object]:
    rows, counts = len(report.plan.rows), report.counts
    return {
        "rows_read": rows,
        "rows_checked": rows,
        "rows_written": counts[Effect.CREATED] + counts[Effect.UPDATED],
        "counts": counts,
    }

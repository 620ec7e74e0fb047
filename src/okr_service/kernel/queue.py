"""A queue of jobs that outlive a request: pgqueuer, over our own connections.

A job is put into the queue by the transaction that makes it, so either both are there or
neither. Workers take jobs from it and say every few seconds that they are still at it; what
one takes that dies is taken up again by another. So a job can be begun twice: it is for the
job to find out, in its own transaction, whether it was done already.

The queue is looked into once a second. pgqueuer would rather be told by NOTIFY, which does
not come through a transaction pooler (see `events.wakeups`); its trigger is not installed.

Its tables are in a schema of their own, `okr_jobs`. They are no tenant's and name none in a
column, for a worker asks for the next job of whichever tenant: a job's payload is the ids of
the tenant and of the job, and nothing else. What a job is about is in tenant tables, behind
the wall, and a worker enters the tenant that the ids name before it looks at them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar
from uuid import UUID

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import JobId
from pgqueuer.ports.driver import NotifyCallback
from sqlalchemy import text

from okr_service.kernel.database import Database, Transaction, fetch_rows
from okr_service.kernel.doing import Doing, busy_with
from okr_service.kernel.errors import Unavailable
from okr_service.kernel.telemetry import MINUTES, durations, fail, span, timed
from okr_service.kernel.traces import traceback_of

SCHEMA = "okr_jobs"
PATIENCE = timedelta(seconds=30)  # how long a worker may say nothing before it is given up
_LOOKS_EVERY = timedelta(seconds=1)
_AGAIN_AFTER = 1.0  # seconds, where the database could not be reached
_LONGEST_PAUSE = timedelta(minutes=5)  # of a job that fails again and again
_LEAST_AT_ONCE = 2  # pgqueuer's own
_TIDIES_EVERY = 30.0  # seconds
_LOG_KEPT = timedelta(days=1)
_FORGET_LOG = text(  # some at a time, so that no tidying takes long
    f"""DELETE FROM {SCHEMA}.pgqueuer_log
         WHERE id IN (SELECT id FROM {SCHEMA}.pgqueuer_log
                       WHERE created < now() - CAST(:kept AS interval)
                       ORDER BY id LIMIT 20000)"""  # noqa: S608 - a name of ours
)
_HASTEN = f"""
    UPDATE {SCHEMA}.pgqueuer SET execute_after = now()
     WHERE dedupe_key = ANY ($1) AND status = 'queued' AND execute_after > now()
"""  # noqa: S608 - likewise
_ARE_WAITING = f"""
    SELECT id FROM {SCHEMA}.pgqueuer
     WHERE entrypoint = $1 AND status = 'queued' AND execute_after <= now() LIMIT 1
"""  # noqa: S608 - likewise
# All said, so that no variable of the environment says otherwise.
_NAMES = DBSettings(
    db_schema=SCHEMA,
    prefix="",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    statistics_table="pgqueuer_statistics",
    schedules_table="pgqueuer_schedules",
    queue_status_type="pgqueuer_status",
)

_jobs = durations("okr.job.duration", "How long jobs took, by what came of it.", MINUTES)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Task:
    """A job, by the tenant that it is of and its id there."""

    tenant_id: UUID
    job_id: UUID

    @classmethod
    def read(cls, payload: bytes | None) -> "Task":
        """Return what a payload names."""
        tenant_id, job_id = (payload or b"").decode().split("/")
        return cls(UUID(tenant_id), UUID(job_id))

    @property
    def payload(self) -> bytes:
        """Return the payload that names it."""
        return f"{self.tenant_id}/{self.job_id}".encode()


class NotYet(Exception):
    """A job is to be tried again a little later; nothing of it was done."""

    def __init__(self, after: timedelta = timedelta(0)) -> None:
        super().__init__()
        self.after = after


Work = Callable[[Task], Awaitable[None]]
Fetch = Callable[[str, Sequence[object]], Awaitable[list[dict[str, object]]]]


async def put(tx: Transaction, kind: str, task: Task, after: timedelta | None = None) -> None:
    """Put a job into the queue, to be taken once the transaction is committed and time is up."""
    await _queries(_within(tx)).enqueue(
        kind, task.payload, execute_after=after, dedupe_key=_name(kind, task)
    )


async def hasten(tx: Transaction, kind: str, tasks: Sequence[Task]) -> None:
    """Have jobs taken at once that wait in the queue until time is up."""
    await _within(tx).execute(_HASTEN, [_name(kind, task) for task in tasks])


async def are_waiting(tx: Transaction, kind: str) -> bool:
    """Say whether jobs of a kind wait for somebody to take them."""
    return bool(await _within(tx).fetch(_ARE_WAITING, kind))


async def to_its_end(work: Awaitable[_T]) -> _T:
    """Do some work to its end, though whoever does it is told to stop meanwhile.

    Cut off in the middle, a statement leaves a connection to be cleaned up by nobody.
    """
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await _over(doing)
        doing.exception()  # which nobody needs any more
        raise


def _name(kind: str, task: Task) -> str:
    return f"{kind} {task.tenant_id}/{task.job_id}"


class Queue:
    """Takes jobs of some kinds from the queue and has them done, so many at a time."""

    def __init__(
        self,
        database: Database,
        works: Mapping[str, Work],
        at_once: int,
        patience: timedelta = PATIENCE,
    ) -> None:
        if at_once < _LEAST_AT_ONCE:
            raise ValueError(f"a queue does {_LEAST_AT_ONCE} jobs at once, or more")
        self._database = database
        self._works = works
        self._at_once = at_once
        self._patience = patience
        self._stopping = asyncio.Event()
        self._manager: QueueManager | None = None
        self._doing: set[asyncio.Task[timedelta | None]] = set()
        self._failures: dict[JobId, int] = {}  # in a row, of jobs that failed here

    @property
    def kinds(self) -> Collection[str]:
        """Return the kinds of jobs that it takes."""
        return self._works.keys()

    async def run(self) -> None:
        """Do jobs until `stop`; where the database cannot be reached, go on once it can."""
        tidying = asyncio.create_task(self._keep_tidy())
        while not self._stopping.is_set():
            self._manager = self._made()
            try:
                await self._manager.run(
                    dequeue_timeout=_LOOKS_EVERY,
                    batch_size=self._at_once // 2,
                    max_concurrent_tasks=self._at_once,
                    heartbeat_timeout=self._patience,
                    log_aggregation_interval=timedelta(0),  # nobody looks at them
                )
            except Exception as error:  # noqa: BLE001 - whatever it was, the jobs are there still
                _log.warning("the queue cannot be looked into: %s", traceback_of(error))
                await self._pause(_AGAIN_AFTER)
        tidying.cancel()
        await asyncio.wait({tidying})

    def stop(self) -> None:
        """Take no more jobs, and put back those that are being done."""
        self._stopping.set()
        for doing in self._doing:
            doing.cancel()
        if self._manager is not None:
            self._manager.shutdown.set()

    def _made(self) -> QueueManager:
        manager = QueueManager(_queries(_Driver(self._fetch)))
        for kind, work in self._works.items():
            # Held: what could not even be put back, for the database was away, is not lost.
            manager.entrypoint(kind, on_failure="hold", accepts_context=False)(self._doer(work))
        if self._stopping.is_set():
            manager.shutdown.set()
        return manager

    def _doer(self, work: Work) -> Callable[[Job], Awaitable[None]]:
        async def do(job: Job) -> None:
            doing = asyncio.create_task(self._done(work, job))
            self._doing.add(doing)
            try:
                again = await asyncio.shield(doing)
            except asyncio.CancelledError:
                # By `stop`, or by whoever ends the process: the job goes back into the queue.
                doing.cancel()
                await _over(doing)
                again = timedelta(0)
            finally:
                self._doing.discard(doing)
            if again is not None:
                raise RetryRequested(again) from None

        return do

    async def _done(self, work: Work, job: Job) -> timedelta | None:
        """Do a job; returns after how long it is to be tried again, if it is.

        What it raises says nothing that may be kept where no tenant's wall is, so it is not
        passed on.
        """
        kind = job.entrypoint
        with (
            busy_with(Doing(job_id=str(job.id))) as told,
            span(f"job {kind}") as shown,
            timed(_jobs, kind=kind, outcome="stopped") as ended,
        ):
            failures = self._failures.pop(job.id, 0)
            try:
                task = Task.read(job.payload)
                told.tenant_id = task.tenant_id
                await work(task)
            except NotYet as later:
                ended["outcome"] = "later"
                return later.after
            except Exception as error:  # noqa: BLE001 - see above
                ended["outcome"] = "failed"
                fail(shown, error)
                _log.error("job %s (%s) failed: %s", job.id, kind, traceback_of(error))
                self._failures[job.id] = failures + 1
                again = timedelta(seconds=_AGAIN_AFTER * (1 << min(failures, 10)))
                return min(again, _LONGEST_PAUSE)
            ended["outcome"] = "done"
        return None

    async def _fetch(self, query: str, args: Sequence[object]) -> list[dict[str, object]]:
        """Run a statement of pgqueuer's, again until the database can be reached.

        It would else wait for the jobs that are being done before it looked for others.
        """
        while True:
            try:
                return await _fetch_on_its_own(self._database, query, args)
            except Unavailable:
                if self._stopping.is_set():
                    raise
                await self._pause(_AGAIN_AFTER)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _keep_tidy(self) -> None:
        while True:
            try:
                await self._tidy()
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                _log.warning("the queue is not tidied: %s", type(error).__name__)
            await asyncio.sleep(_TIDIES_EVERY)

    async def _tidy(self) -> None:
        """Take up what is held, and forget what was logged of jobs done long ago."""
        queries = _queries(_Driver(partial(_fetch_on_its_own, self._database)))
        if held := [job.id for job in await queries.list_failed_jobs()]:
            await queries.requeue_jobs(held)
        async with self._database.transaction() as tx:
            await tx.execute(_FORGET_LOG, {"kept": _LOG_KEPT})


async def _over(doing: "asyncio.Future[Any]") -> None:
    """Wait until some work is over, however often that is interrupted."""
    while not doing.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({doing})


def _queries(driver: "_Driver") -> Queries:
    return Queries(
        driver,
        QueryBuilderEnvironment(_NAMES),
        QueryQueueBuilder(_NAMES),
        QuerySchedulerBuilder(_NAMES),
    )


class _Driver:
    """How pgqueuer reaches the database; nobody listens, see the module's first lines."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Return a statement's rows."""
        return await self._fetch(query, args)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement."""
        await self.fetch(query, *args)
        return ""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen to nothing."""

    async def notify(self, channel: str, payload: str) -> None:
        """Tell nobody."""

    @property
    def shutdown(self) -> asyncio.Event:
        """Return what is set when it is to stop."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Return what holds its background tasks; it has none."""
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def _within(tx: Transaction) -> _Driver:
    """Have statements run in a transaction that somebody else commits."""
    return _Driver(partial(fetch_rows, tx))


async def _fetch_on_its_own(
    database: Database, query: str, args: Sequence[object]
) -> list[dict[str, object]]:
    """Run a statement in a transaction of its own, in no tenant."""
    async with database.transaction() as tx:
        return await fetch_rows(tx, query, args)

"""Jobs that fail, workers that cannot reach the database, and what the log says of either."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from tests.conftest import Tenant
from tests.waiting import until

from okr_service.kernel import queue
from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.queue import Queue, Task, put

Work = Callable[[Task], Awaitable[None]]
_SECRET = "Key (email)=(a@b.vn) already exists"


@asynccontextmanager
async def working(database: Database, kind: str, work: Work) -> AsyncIterator[Queue]:
    """Have jobs of a kind done."""
    made = Queue(database, {kind: work}, at_once=2)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        made.stop()
        await running


async def waiting(database: Database, tenant: Tenant, kind: str) -> UUID:
    """Put a job into the queue."""
    job_id = uuid4()
    async with database.transaction(tenant.tenant_id) as tx:
        await put(tx, kind, Task(tenant.tenant_id, job_id))
    return job_id


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let little time pass."""
    monkeypatch.setattr(queue, "_AGAIN_AFTER", 0.05)
    monkeypatch.setattr(queue, "_LOOKS_EVERY", timedelta(seconds=0.05))


def test_a_queue_of_one_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="at once"):
        Queue(database, {}, at_once=1)


@pytest.mark.usefixtures("hasty")
async def test_a_job_that_fails_waits_longer_each_time_and_its_words_are_not_logged(
    database: Database, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    async def fails(_: Task) -> None:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) < 5:
            raise LookupError(_SECRET)

    kind = f"fails {uuid4()}"
    await waiting(database, tenant, kind)
    with caplog.at_level(logging.ERROR):
        async with working(database, kind, fails):
            await until(lambda: len(tries) == 5)
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[3] > pauses[0]
    assert all(pause >= 0.05 * 2**i for i, pause in enumerate(pauses))
    assert "LookupError" in caplog.text
    assert _SECRET not in caplog.text


@pytest.mark.usefixtures("hasty")
async def test_a_database_that_is_away_keeps_no_job_waiting_for_another(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long job goes on; the next is taken up once there is a database, not once it ends."""
    begun: list[UUID] = []
    over = asyncio.Event()

    async def works(task: Task) -> None:
        begun.append(task.job_id)
        if task.job_id == long:
            await over.wait()

    kind, there = f"works {uuid4()}", queue._fetch_on_its_own
    away = asyncio.Event()

    async def fetch(*args: object) -> list[dict[str, object]]:
        if away.is_set():
            raise DatabaseUnavailable
        return await there(*args)  # type: ignore[arg-type] # whatever they are

    monkeypatch.setattr(queue, "_fetch_on_its_own", fetch)
    long = await waiting(database, tenant, kind)
    async with working(database, kind, works):
        await until(lambda: begun == [long])
        away.set()
        await asyncio.sleep(0.3)
        short = await waiting(database, tenant, kind)
        away.clear()
        await until(lambda: begun == [long, short])
        over.set()

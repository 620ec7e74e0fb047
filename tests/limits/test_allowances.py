"""Allowances are shared by processes, exactly, and cost few statements."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from time import monotonic
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from okr_service.kernel.database import Database
from okr_service.limits.allowances import Allowances, Standing
from okr_service.settings import Settings

SUBJECT = "credential:test"
Replica = Callable[..., Allowances]


@pytest.fixture
async def replica(settings: Settings) -> AsyncIterator[Replica]:
    """Make what another process would have: connections and memory of its own."""
    async with AsyncExitStack() as stack:

        def make(**given: int) -> Allowances:
            database = Database(settings.model_copy(update={"pool_size": 4}))
            stack.push_async_callback(database.close)
            # However busy the machine is that runs the tests.
            return Allowances(database, **{"patience": 60, **given})

        yield make


async def windows(database: Database, tenant_id: UUID) -> int:
    counted = "SELECT count(*) FROM request_counts WHERE tenant_id = :tenant_id"
    async with database.reading() as connection:
        number: int = await connection.scalar(text(counted), {"tenant_id": tenant_id})
    return number


async def spend(allowances: Allowances, tenant_id: UUID, limit: int, times: int) -> list[Standing]:
    calls = (allowances.spend(tenant_id, SUBJECT, limit) for _ in range(times))
    return await asyncio.gather(*calls)


@pytest.mark.parametrize("seed", range(12))
async def test_processes_together_never_spend_more_than_there_is(
    replica: Replica, database: Database, seed: int
) -> None:
    chance, tenant_id = random.Random(seed), uuid4()
    limit = chance.choice([1, 2, 7, 20, 100, 640])
    replicas = [replica() for _ in range(chance.randint(2, 4))]
    bursts = [(chance.choice(replicas), chance.randint(1, limit)) for _ in range(16)]

    async def late(one: Allowances, times: int) -> list[Standing]:
        await asyncio.sleep(chance.random() / 20)
        return await spend(one, tenant_id, limit, times)

    answers = await asyncio.gather(*(late(*burst) for burst in bursts))

    within = sum(standing.within for burst in answers for standing in burst)
    assert within <= limit * await windows(database, tenant_id)
    assert within >= min(limit, sum(times for _, times in bursts)) / 2


async def test_the_last_is_spent_where_one_process_asks(replica: Replica) -> None:
    [*answers] = await spend(replica(window=600), uuid4(), 1000, 1100)
    assert sum(standing.within for standing in answers) == 1000
    assert {s.left for s in answers if not s.within} == {0}
    assert [s.left for s in answers[:1000]] == list(range(999, -1, -1))


async def test_an_idle_process_keeps_little_from_a_busy_one(replica: Replica) -> None:
    tenant_id, idle = uuid4(), [replica(window=600) for _ in range(7)]
    for one in idle:
        assert (await spend(one, tenant_id, 6400, 1))[0].within
    answers = await spend(replica(window=600), tenant_id, 6400, 6400)
    assert sum(standing.within for standing in answers) == 6400 - 7 * 100


async def test_spending_it_all_takes_a_dozen_statements(
    settings: Settings, replica: Replica
) -> None:
    del settings
    one, statements = replica(window=600), []
    engine = one._database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    await spend(one, uuid4(), 6000, 7000)
    assert 10 <= len(statements) <= 13
    assert all("request_counts" in statement for statement in statements)


async def test_a_window_ends_when_it_says_and_not_before(
    replica: Replica, database: Database
) -> None:
    one, other, tenant_id = replica(window=2), replica(window=2), uuid4()
    admitted: list[float] = []
    until = monotonic() + 5
    while monotonic() < until:
        for process in (one, other):
            standing = await process.spend(tenant_id, SUBJECT, 10)
            if standing.within:
                async with database.reading() as connection:
                    now = "SELECT extract(epoch FROM clock_timestamp())::float8"
                    admitted.append(await connection.scalar(text(now)))
        await asyncio.sleep(0.01)
    starts = [
        moment
        for moment, before in zip(admitted[1:], admitted, strict=False)
        if moment - before > 0.5
    ]
    assert 20 <= len(admitted) <= 40
    assert 1 <= len(starts) <= 3
    assert all(abs((a - b) - round(a - b)) < 0.3 for a in starts for b in starts)


async def test_subjects_do_not_meet(replica: Replica) -> None:
    one, tenant_id, other_tenant_id = replica(), uuid4(), uuid4()
    for _ in range(2):
        first = await one.spend(tenant_id, "credential:a", 2)
        others = [
            await one.spend(tenant_id, "credential:b", 2),
            await one.spend(other_tenant_id, "credential:a", 2),
        ]
    assert first.within
    assert all(other.within for other in others)


async def test_without_a_database_all_is_let_through(caplog: pytest.LogCaptureFixture) -> None:
    away = Database(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    answers = await spend(Allowances(away), uuid4(), 5, 50)
    assert all(standing.within for standing in answers)
    told = [record.message for record in caplog.records if "counted" in record.message]
    assert told == ["not counted: DatabaseUnavailable"]


async def test_a_database_that_does_not_answer_is_not_waited_for(
    replica: Replica, database: Database
) -> None:
    one, tenant_id = replica(patience=1), uuid4()
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE request_counts IN ACCESS EXCLUSIVE MODE"))
        began = monotonic()
        answers = await spend(one, tenant_id, 64, 1)
        took = monotonic() - began
        await tx.rollback()
    assert answers[0].within
    assert 0.9 < took < 3
    assert (await spend(one, tenant_id, 64, 1000))[-1].within
    await asyncio.sleep(3.1)
    again = await spend(one, tenant_id, 64, 100)
    assert sum(standing.within for standing in again) == 64
    assert one._database._writer.pool.checkedout() == 0  # type: ignore[attr-defined] # a QueuePool


async def test_old_windows_are_swept_a_few_at_a_time(replica: Replica, database: Database) -> None:
    mine, theirs = uuid4(), uuid4()
    filled = """
        INSERT INTO request_counts (tenant_id, subject, window_start, used)
        SELECT tenant_id, 'old', now() - interval '1 minute' * (n + 5), 1
          FROM generate_series(1, 30) AS n, unnest(CAST(:ids AS uuid[])) AS tenant_id
    """
    async with database.transaction() as tx:
        await tx.execute(text(filled), {"ids": [mine, theirs]})
    for left in (11, 1, 1):
        await replica().spend(mine, SUBJECT, 10)
        assert await windows(database, mine) - left in (0, 1)  # a new window may just have begun
    assert await windows(database, theirs) == 30


async def test_counts_are_not_worth_a_write_ahead_log(database: Database) -> None:
    asked = "SELECT relpersistence::text FROM pg_class WHERE relname = 'request_counts'"
    async with database.reading() as connection:
        assert await connection.scalar(text(asked)) == "u"

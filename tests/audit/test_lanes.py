"""Many write at once: nobody waits for another's events, and none is left out."""

import asyncio
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from tests.audit.walked import assert_chained
from tests.build import Build
from tests.conftest import Tenant

from okr_service.audit.model import AuditEvent
from okr_service.audit.service import Change, gathered, record, record_all
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.model import new_id

_CONNECTIONS = 10


def _change(action: str = "updated") -> Change:
    return Change(action, "unit", new_id(), {"name": "A"}, {"name": "B"})


async def _lanes(tx: Transaction, tenant: Tenant) -> Counter[int]:
    of = select(AuditEvent.lane).where(AuditEvent.tenant_id == tenant.tenant_id)
    return Counter(await tx.scalars(of))


async def test_one_after_the_other_they_share_a_lane(database: Database, tenant: Tenant) -> None:
    for _ in range(3):
        async with database.transaction() as tx:
            await record(tx, tenant.who, _change())
    found = await assert_chained(database, tenant.tenant_id)
    assert [head.length for head in found.heads.values()] == [3]


async def test_at_once_nobody_waits(database: Database, tenant: Tenant) -> None:
    async with asyncio.timeout(20), database.transaction() as first:
        await record(first, tenant.who, _change())
        async with database.transaction() as second:
            await record(second, tenant.who, _change())
            async with database.transaction() as third:
                await record(third, tenant.who, _change())
    found = await assert_chained(database, tenant.tenant_id)
    assert [head.length for head in found.heads.values()] == [1, 1, 1]


async def test_a_transaction_keeps_its_lane_though_another_becomes_free(
    database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as first:
        await record(first, tenant.who, _change())
        async with database.transaction() as second:
            await record(second, tenant.who, _change())
    async with database.transaction() as holding:
        await record(holding, tenant.who, _change())
        async with database.transaction() as tx:
            await record(tx, tenant.who, _change())
            [second_lane] = {lane for lane, n in (await _lanes(tx, tenant)).items() if n == 2}
            await holding.rollback()
            await record(tx, tenant.who, _change(), _change())
            assert (await _lanes(tx, tenant))[second_lane] == 4
    await assert_chained(database, tenant.tenant_id)


async def test_a_savepoint_taken_back_leaves_no_gap(database: Database, tenant: Tenant) -> None:
    async with database.transaction() as tx:
        for keep in (False, True, False, False, True):
            attempt = await tx.begin_nested()
            await record(tx, tenant.who, _change(), _change())
            await (attempt.commit() if keep else attempt.rollback())
        await record(tx, tenant.who, _change())
    assert (await assert_chained(database, tenant.tenant_id)).events == 5


async def test_a_lane_given_up_with_a_savepoint_is_another_s_to_take(
    database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as tx:
        await record(tx, tenant.who, _change())
    async with database.transaction() as first:
        attempt = await first.begin_nested()
        await record(first, tenant.who, _change())
        await attempt.rollback()
        async with database.transaction() as second:
            await record(second, tenant.who, _change())
            await record(first, tenant.who, _change())
    found = await assert_chained(database, tenant.tenant_id)
    assert sorted(head.length for head in found.heads.values()) == [1, 2]


async def test_what_is_gathered_is_written_at_the_end(database: Database, tenant: Tenant) -> None:
    async with database.transaction() as tx:
        async with gathered(tx, tenant.who):
            await record(tx, tenant.who, _change("first"))
            async with gathered(tx, tenant.who):
                await record(tx, tenant.who, _change("second"))
            assert await _lanes(tx, tenant) == {}
        await record(tx, tenant.who, _change("third"))
    async with database.transaction() as tx:
        of = select(AuditEvent.action).where(AuditEvent.tenant_id == tenant.tenant_id)
        actions = list(await tx.scalars(of.order_by(AuditEvent.place)))
    assert actions == ["first", "second", "third"]
    await assert_chained(database, tenant.tenant_id)


async def test_what_is_gathered_by_what_fails_is_not_written(
    database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as tx:
        with suppress(ZeroDivisionError):
            async with gathered(tx, tenant.who):
                await record(tx, tenant.who, _change())
                raise ZeroDivisionError
        await record(tx, tenant.who, _change())
    assert (await assert_chained(database, tenant.tenant_id)).events == 1


@pytest.mark.parametrize("gathering", [False, True])
async def test_ten_thousand_at_once_are_one_chain(
    database: Database, tenant: Tenant, *, gathering: bool
) -> None:
    async with database.transaction() as tx:
        if gathering:
            async with gathered(tx, tenant.who):
                for _ in range(10_001):
                    await record(tx, tenant.who, _change())
        else:
            await record_all(tx, tenant.who, (_change() for _ in range(10_001)))
    found = await assert_chained(database, tenant.tenant_id)
    assert [head.length for head in found.heads.values()] == [10_001]


class _Writers:
    """Ten that write, fail, take back and are killed, and what they committed."""

    def __init__(self, database: Database, tenant: Tenant) -> None:
        self.database = database
        self.tenant = tenant
        self.dice = Random(2026)
        self.committed = 0
        self.killed = 0

    async def write(self) -> None:
        for _ in range(25):
            try:
                written = await self._transaction()
                self.committed += written
            except (ZeroDivisionError, DatabaseUnavailable, DBAPIError):
                continue

    async def _transaction(self) -> int:
        written = 0
        async with self.database.transaction() as tx:
            for _ in range(self.dice.randrange(1, 4)):
                many = self.dice.choice((1, 1, 1, 40))
                attempt = await tx.begin_nested()
                await record_all(tx, self.tenant.who, [_change() for _ in range(many)])
                if self.dice.random() < 0.2:
                    await attempt.rollback()
                    continue
                await attempt.commit()
                written += many
                await asyncio.sleep(self.dice.random() * 0.01)
            if self.dice.random() < 0.1:
                raise ZeroDivisionError
        return written

    async def kill(self) -> None:
        """End the connections of some of them in the middle of what they do."""
        for _ in range(12):
            await asyncio.sleep(0.05)
            async with self.database.transaction() as tx:
                killed = await tx.execute(text(_KILL_ONE))
                self.killed += len(killed.all())


_KILL_ONE = """
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND state = 'idle in transaction' AND application_name = 'okr-service'
 LIMIT 1
"""


async def test_ten_write_and_some_are_killed(database: Database, tenant: Tenant) -> None:
    writers = _Writers(database, tenant)

    await asyncio.gather(*(writers.write() for _ in range(_CONNECTIONS)), writers.kill())

    found = await assert_chained(database, tenant.tenant_id)
    assert writers.killed
    assert found.events >= writers.committed > 0  # one killed at its end may be there
    assert 1 < len(found.heads) <= _CONNECTIONS


async def test_a_live_service_is_verified_while_it_writes(
    database: Database, tenant: Tenant, build: Build
) -> None:
    unit = await build.unit()

    async def rename() -> None:
        for n in range(15):
            path = f"/v1/units/{unit['id']}"
            assert (await build.rest.patch(path, json={"name": f"N{n}"})).is_success

    writing = asyncio.gather(*(rename() for _ in range(3)))
    while not writing.done():
        await assert_chained(database, tenant.tenant_id)
        await asyncio.sleep(0.01)
    await writing
    await assert_chained(database, tenant.tenant_id)

"""Nobody goes on in another's transaction or tenant, whatever befalls a connection."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.conftest import new_tenant
from tests.kernel.conftest import Pooled
from tests.kernel.faults import end_other_processes, end_process_of, was_cancelled

from okr_service.kernel.connections import NothingStored
from okr_service.kernel.database import Database, Reading, Transaction
from okr_service.kernel.errors import (
    DatabaseUnavailable,
    StatementTooLong,
    StillInUse,
)
from okr_service.settings import Settings

# None of these names a tenant: the wall alone keeps them apart.
_NOTE = text(
    "INSERT INTO units (tenant_id, id, name, kind, version)"
    " VALUES (okr_tenant(), gen_random_uuid(), :name, 'team', 1)"
)
_NOTES = text("SELECT tenant_id, name FROM units")
_FAIL = text("SELECT 1 / 0")
_BEGUN = text(
    "SELECT array_agg(query) FROM pg_stat_activity"
    " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
)
_HASTE, _SLEEP = text("SET LOCAL statement_timeout = 20"), text("SELECT pg_sleep(10)")
_FEW = 2


@pytest.fixture(scope="module")
async def owner(own_database_url: str) -> AsyncIterator[Database]:
    """Return the module's database as its owner sees it."""
    database = Database.as_owner(Settings(database_url=own_database_url, pool_size=4))
    yield database
    await database.close()


@pytest.fixture(params=["direct", "pooled", "through PgBouncer"])
def way(request: pytest.FixtureRequest, own_database_url: str) -> Settings:
    """Return the settings that lead to the module's database in one way or another."""
    url = own_database_url
    if request.param == "through PgBouncer":
        pooled: Pooled = request.getfixturevalue("pooled")
        url = pooled(url)
    return _settings(url, pooled=request.param != "direct")


@pytest.fixture
async def few(way: Settings) -> AsyncIterator[Database]:
    """Return the module's database as the service sees it, over few connections."""
    database = Database(way)
    yield database
    await database.close()


def _settings(url: str, **given: object) -> Settings:
    few = {"pool_size": _FEW, "pool_timeout_seconds": 60}
    return Settings.model_validate({"database_url": url, **few, **given})


async def _found(owner: Database) -> UUID:
    return (await new_tenant(owner)).tenant_id


async def _notes(database: Database, tenant_id: UUID | None) -> list[str]:
    """Return the names of a tenant's notes, and make sure that none is another's."""
    async with database.reading(tenant_id) as connection:
        found = (await connection.execute(_NOTES)).all()
    assert {row.tenant_id for row in found} <= {tenant_id}
    return sorted(row.name for row in found)


async def _note_twice(database: Database, tenant_id: UUID, name: str) -> None:
    async with database.transaction(tenant_id) as tx:
        await tx.execute(_NOTE, {"name": name})
        await asyncio.sleep(0.001)  # for what is not the database's
        await tx.execute(_NOTE, {"name": name})


async def _look(database: Database, tenant_id: UUID) -> None:
    await _notes(database, tenant_id)


@pytest.mark.parametrize("ever", [False, True], ids=["once", "from then on"])
async def test_a_write_cancelled_anywhere_is_stored_whole_or_not_at_all(
    few: Database, owner: Database, ever: bool
) -> None:
    one, other = await _found(owner), await _found(owner)
    sure: list[str] = []
    for at in count(1):
        cut_off = await was_cancelled(_note_twice(few, one, f"cut {at}"), at, ever=ever)
        await _require_none_begun(owner)
        # The very same connections go on, in another tenant.
        await asyncio.gather(*(_note_twice(few, other, f"{at}") for _ in range(_FEW)))
        sure += [f"{at}"] * 2 * _FEW
        if not cut_off:
            break
    assert at > 5
    found = await _notes(few, one)
    assert all(found.count(name) == 2 for name in found)
    assert f"cut {at}" in found
    assert await _notes(few, other) == sorted(sure)


@pytest.mark.parametrize("ever", [False, True], ids=["once", "from then on"])
async def test_a_read_cancelled_anywhere_leaves_the_next_reader_its_own(
    few: Database, owner: Database, ever: bool
) -> None:
    tenants = [await _found(owner) for _ in range(3)]
    for tenant_id in tenants:
        await _note_twice(few, tenant_id, "mine")
    for at in count(1):
        one, *others = tenants
        cut_off = await was_cancelled(_look(few, one), at, ever=ever)
        await _require_none_begun(owner)
        for tenant_id in others:
            assert await _notes(few, tenant_id) == ["mine"] * 2
        assert await _notes(few, None) == []
        tenants = [*others, one]
        if not cut_off:
            break
    assert at > 2


@pytest.mark.parametrize("ever", [False, True], ids=["once", "from then on"])
async def test_who_is_cancelled_takes_no_connection_along(
    few: Database, owner: Database, ever: bool
) -> None:
    one = await _found(owner)
    for at in count(1):
        await _all_at_once(_note_twice(few, one, "mine") for _ in range(_FEW))
        with suppress(DatabaseUnavailable):
            async with few.transaction(one) as tx:
                await _die(tx, owner)  # which has the pool open its other connections anew
        works = [_note_twice(few, one, "mine") for _ in range(_FEW)]
        cut_off = await asyncio.gather(*(was_cancelled(work, at, ever=ever) for work in works))
        if not any(cut_off):
            break
    assert at > 5


async def test_a_thousand_uses_of_five_tenants_through_few_connections_do_not_mix(
    few: Database, owner: Database
) -> None:
    ledgers = [_Ledger(await _found(owner)) for _ in range(5)]
    chance = random.Random(2026)

    async def use() -> None:
        ledger, name = chance.choice(ledgers), str(uuid4())
        step = chance.choice(["look", "look", "look", "note", _refuse])
        await _take_step(few, owner, ledger, step, name)

    await asyncio.gather(*(use() for _ in range(1000)))
    for ledger in ledgers:
        await ledger.check(few)
    assert await _notes(few, None) == []


async def _all_at_once(works: Iterable[Awaitable[None]]) -> None:
    await asyncio.wait_for(asyncio.gather(*works), 5)


async def _require_none_begun(owner: Database) -> None:
    """Make sure that no transaction is left open in the pool."""
    for _ in range(100):  # a server process notices by itself that its connection is gone
        async with owner.reading() as connection:
            left = await connection.scalar(_BEGUN)
        if not left:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(left)


@dataclass
class _Ledger:
    """What a tenant has noted for sure, and what it may have noted."""

    tenant_id: UUID
    sure: set[str] = field(default_factory=set)
    perhaps: set[str] = field(default_factory=set)

    async def check(self, database: Database) -> None:
        before = set(self.sure)  # others may add to it meanwhile
        found = await _notes(database, self.tenant_id)
        assert before <= set(found) <= self.sure | self.perhaps
        assert all(found.count(name) == 2 for name in found)


async def _refuse(_: Transaction, __: Database) -> None:
    raise StillInUse


async def _take_back(tx: Transaction, _: Database) -> None:
    await tx.rollback()


async def _fail(tx: Reading, _: Database) -> None:
    await tx.execute(_FAIL)


async def _overlook(tx: Reading, _: Database) -> None:
    with suppress(DBAPIError):
        await tx.execute(_FAIL)


async def _dawdle(tx: Reading, _: Database) -> None:
    await tx.execute(_HASTE)
    await tx.execute(_SLEEP)


async def _die(tx: Reading, owner: Database) -> None:
    await end_process_of(tx, owner)
    await tx.execute(_FAIL)


_Fault = Callable[[Transaction, Database], Awaitable[None]]
# What befalls a write after its notes were made, and what it raises then.
_FAULTS: dict[_Fault, type[Exception] | None] = {
    _refuse: StillInUse,
    _take_back: None,
    _fail: DBAPIError,
    _overlook: NothingStored,
    _dawdle: StatementTooLong,
    _die: DatabaseUnavailable,
    end_process_of: DatabaseUnavailable,  # so that it is the COMMIT that finds out
}


async def _note_in_vain(
    few: Database, owner: Database, ledger: _Ledger, fault: _Fault, name: str
) -> None:
    raised: type[Exception] | None = None
    try:
        async with few.transaction(ledger.tenant_id) as tx:
            await tx.execute(_NOTE, {"name": name})
            await fault(tx, owner)
    except Exception as error:  # noqa: BLE001 - compared in the next line
        raised = type(error)
    expected = _FAULTS[fault]
    assert raised is expected or (raised and expected and issubclass(raised, expected))


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.__name__.strip("_"))
async def test_a_write_that_comes_to_grief_says_so_and_stores_nothing(
    few: Database, owner: Database, fault: _Fault
) -> None:
    one, other = _Ledger(await _found(owner)), _Ledger(await _found(owner))
    for round_ in range(_FEW + 1):  # every connection, and the first once more
        await _note_in_vain(few, owner, one, fault, "in vain")
        await _note_twice(few, other.tenant_id, f"{round_}")
        other.sure.add(f"{round_}")
    for ledger in (one, other):
        await ledger.check(few)
    await _require_none_begun(owner)


_steps = st.tuples(
    st.integers(0, 2),  # whose
    st.one_of(
        st.sampled_from(["note", "look", "end all"]),
        st.sampled_from(list(_FAULTS)),
        st.tuples(st.sampled_from(["note", "look"]), st.integers(1, 9), st.booleans()),
    ),
)


@examples(
    max_examples=15,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(_steps, min_size=5, max_size=25))
async def test_whatever_befell_the_connections_each_tenant_sees_its_own(
    few: Database, owner: Database, history: list[tuple[int, object]]
) -> None:
    ledgers = [_Ledger(await _found(owner)) for _ in range(3)]
    halves = (history[::2], history[1::2])
    await asyncio.gather(*(_live_through(few, owner, ledgers, half) for half in halves))
    for ledger in ledgers * _FEW:
        await ledger.check(few)
    assert await _notes(few, None) == []


async def _live_through(
    few: Database, owner: Database, ledgers: list[_Ledger], history: list[tuple[int, object]]
) -> None:
    for whose, step in history:
        ledger, name = ledgers[whose], str(uuid4())
        # Another's end of all processes may come in between.
        with suppress(DatabaseUnavailable):
            await _take_step(few, owner, ledger, step, name)


async def _take_step(
    few: Database, owner: Database, ledger: _Ledger, step: object, name: str
) -> None:
    match step:
        case "note":
            ledger.perhaps.add(name)
            await _note_twice(few, ledger.tenant_id, name)
            ledger.sure.add(name)
        case "look":
            await ledger.check(few)
        case "end all":
            await end_other_processes(owner)
        case (what, int(at), bool(ever)):
            ledger.perhaps.add(name)
            work = _note_twice(few, ledger.tenant_id, name)
            if what == "look":
                work.close()
                work = _look(few, ledger.tenant_id)
            await was_cancelled(work, at, ever=ever)
        case _ if callable(step):
            with suppress(Exception):
                async with few.transaction(ledger.tenant_id) as tx:
                    await tx.execute(_NOTE, {"name": name})
                    await step(tx, owner)

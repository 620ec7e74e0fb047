"""What callers meet when servers die: no error for what can be had elsewhere, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from tests.calling import client
from tests.conftest import API_KEY_SECRET, ISSUING, stop
from tests.kernel.standby import Pair, pair

from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.migrations import migrate
from okr_service.main import create_app
from okr_service.settings import Settings

_STALE = {"Cache-Control": "max-stale=25"}
_WRITERS = 4
_BEFORE, _AFTER = 40, 20  # writes that are acknowledged before and after the primary dies


@pytest.fixture
def servers() -> Iterator[Pair]:
    with pair() as servers:
        migrate(servers.primary.url())
        yield servers


@pytest.fixture(params=[False, True], ids=["direct", "pooled"])
def of_both(request: pytest.FixtureRequest, servers: Pair) -> Settings:
    """Return settings that name both servers, the replica before the primary."""
    hosts = "&".join(
        f"host={server.socket_folder}:5432" for server in (servers.replica, servers.primary)
    )
    return Settings(
        database_url=SecretStr(f"postgresql://postgres@/okr?{hosts}"),
        replica_database_url=servers.replica.url(),
        api_key_secret=API_KEY_SECRET,
        pooled=request.param,
    )


@pytest.fixture
async def app(of_both: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(of_both)
    yield app
    await stop(app)


@pytest.fixture
async def rest(app: FastAPI, of_both: Settings) -> AsyncIterator[httpx.AsyncClient]:
    owner = Database.as_owner(of_both)
    async with owner.transaction() as tx:
        _, key = await found_with_key(tx, "Test", ISSUING)
    await owner.close()
    async with client(app, key) as rest:
        yield rest


class _Writing:
    """Callers who go on writing, and know what they were told is stored."""

    def __init__(self, rest: httpx.AsyncClient) -> None:
        self._rest = rest
        self.stored: list[str] = []
        self.statuses: set[int] = set()

    async def go_on(self, writer: int) -> None:
        number = 0
        while True:
            number += 1
            key = f"{writer}-{number}"
            made = await self._rest.post("/v1/units", json={"name": "U", "external_id": key})
            self.statuses.add(made.status_code)
            if made.status_code == 201:
                self.stored.append(key)
            else:
                await asyncio.sleep(0.05)

    async def until(self, stored: int) -> None:
        async with asyncio.timeout(60):
            while len(self.stored) < stored:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)


async def test_a_primary_that_dies_is_followed_and_nothing_acknowledged_is_lost(
    rest: httpx.AsyncClient, servers: Pair
) -> None:
    await servers.ask(servers.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await servers.ask(servers.primary, "SELECT pg_reload_conf()")
    await servers.until(
        servers.primary, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')"
    )
    writing = _Writing(rest)
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(writing.go_on(n)) for n in range(_WRITERS)]
        await writing.until(_BEFORE)
        servers.kill(servers.primary)
        async with asyncio.timeout(60):
            while 503 not in writing.statuses:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)
        assert await servers.ask(servers.replica, "SELECT pg_promote()")
        await writing.until(len(writing.stored) + _AFTER)
        for writer in writers:
            writer.cancel()
    assert writing.statuses == {201, 503}
    found = await _keys(rest)
    assert set(writing.stored) <= found
    assert (await rest.get("/readyz")).status_code == 200
    made = await rest.post("/v1/units", json={"name": "U"})
    written = made.headers["okr-written-at"]
    assert written.startswith("00000002"), "it tells the timelines apart"
    # What was the replica is none any more.
    read = await rest.get(
        f"/v1/units/{made.json()['id']}", headers=_STALE | {"Okr-Read-After": written}
    )
    assert (read.status_code, "age" in read.headers) == (200, False)


async def _keys(rest: httpx.AsyncClient) -> set[str]:
    found: set[str] = set()
    path: str | None = "/v1/units?limit=200"
    while path:
        page = await rest.get(path)
        found |= {unit["external_id"] for unit in page.json()["data"]}
        path = page.links.get("next", {}).get("url")
    return found


async def test_reads_go_on_when_the_replica_dies_and_go_there_again_once_it_is_back(
    rest: httpx.AsyncClient, servers: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    await _until_read_from(rest)
    servers.kill(servers.replica)
    answers = await asyncio.gather(
        *(rest.get("/v1/units", headers=_STALE) for _ in range(30)),
        *(rest.get("/v1/exports/plan.csv", headers=_STALE) for _ in range(5)),
    )
    assert {answer.status_code for answer in answers} == {200}
    again = await rest.get("/v1/units", headers=_STALE)
    assert (again.status_code, "age" in again.headers) == (200, False)
    told = [r for r in caplog.records if "the replica is not read from" in r.getMessage()]
    assert len(told) == 1
    assert "the database is unavailable" not in caplog.text
    await asyncio.to_thread(servers.start, servers.replica)
    await _until_read_from(rest)


async def _until_read_from(rest: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        answer = await rest.get("/v1/units", headers=_STALE)
        while "age" not in answer.headers:
            await asyncio.sleep(0.05)
            answer = await rest.get("/v1/units", headers=_STALE)


async def test_a_server_that_takes_no_writes_any_more_is_let_go_of(
    of_both: Settings, servers: Pair
) -> None:
    """A former primary is fenced so; a standby says the same of a write."""
    database = Database(of_both)
    pid = text("SELECT pg_backend_pid()")
    async with database.transaction() as tx:
        first = await tx.scalar(pid)
    primary = servers.primary
    await servers.ask(primary, "ALTER SYSTEM SET default_transaction_read_only = on")
    await servers.ask(primary, "SELECT pg_reload_conf()")
    await servers.until(primary, "SELECT current_setting('default_transaction_read_only') = 'on'")
    with pytest.raises(DatabaseUnavailable):
        await _write(database)
    await servers.ask(primary, "ALTER SYSTEM RESET default_transaction_read_only")
    await servers.ask(primary, "SELECT pg_reload_conf()")
    await servers.until(primary, "SELECT current_setting('default_transaction_read_only') = 'off'")
    async with database.transaction() as tx:
        assert await tx.scalar(pid) != first
        await tx.execute(text("DELETE FROM units"))
    await database.close()


async def _write(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM units"))


async def test_a_standby_is_never_taken_for_the_primary(of_both: Settings, servers: Pair) -> None:
    alone = of_both.model_copy(update={"database_url": SecretStr(servers.replica.url())})
    database = Database(alone)
    with pytest.raises(DatabaseUnavailable):
        await database.transaction().__aenter__()
    assert not await database.is_ready()
    await database.close()

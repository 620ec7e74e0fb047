"""What callers hear when the database fails them: never that something was stored that was not."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.calling import client
from tests.conftest import API_KEY_SECRET, ISSUING, stop

from okr_service.credentials.keys import new_key
from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable, ReferenceGone, StatementTooLong
from okr_service.kernel.servers import database_url
from okr_service.main import create_app
from okr_service.settings import Settings

# Deferred to the COMMIT; a unit's name says what befalls it there.
_AT_COMMIT = """
CREATE SEQUENCE tries;
CREATE FUNCTION befall() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CASE NEW.name
        WHEN 'lost' THEN PERFORM pg_terminate_backend(pg_backend_pid());
        WHEN 'slow' THEN RAISE query_canceled;
        WHEN 'reference' THEN RAISE foreign_key_violation;
        WHEN 'deadlock' THEN
            IF nextval('tries') % 2 = 1 THEN
                RAISE deadlock_detected;
            END IF;
        WHEN 'mistake' THEN RAISE division_by_zero;
        ELSE NULL;
    END CASE;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER befall AFTER INSERT ON units DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION befall();
"""


@pytest.fixture(scope="module")
async def key(own_database_url: str) -> AsyncIterator[str]:
    """Return a tenant's key in a database in which much happens at COMMIT."""
    database = Database.as_owner(Settings(database_url=own_database_url))
    async with database.transaction() as tx:
        connection = await (await tx.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        await connection.driver_connection.execute(_AT_COMMIT)
        _, key = await found_with_key(tx, "Test", ISSUING)
    yield key
    await database.close()


@pytest.fixture(params=[False, True], ids=["direct", "pooled"])
def hasty(request: pytest.FixtureRequest, own_database_url: str) -> Settings:
    return Settings(
        api_key_secret=API_KEY_SECRET,
        database_url=own_database_url,
        pool_size=1,
        statement_timeout_ms=2_000,
        lock_timeout_ms=100,
        pooled=request.param,
    )


@pytest.fixture
async def calling(hasty: Settings, key: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(hasty)
    async with client(app, key) as calling:
        yield calling
    await stop(app)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("lost", 503, "database-unavailable"),
        ("slow", 503, "statement-too-long"),
        ("reference", 404, "reference-gone"),
        ("mistake", 500, "internal-error"),
    ],
)
async def test_what_fails_at_commit_is_not_said_to_be_stored(
    calling: httpx.AsyncClient, name: str, status: int, code: str
) -> None:
    headers = {"Idempotency-Key": f"key of {name}"}
    for _ in range(2):  # nor is the failure kept as the key's answer
        answer = await calling.post("/v1/units", json={"name": name}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await calling.get("/v1/units", params={"q": name})).json()["data"] == []


async def test_a_deadlock_found_at_commit_is_tried_again(calling: httpx.AsyncClient) -> None:
    answer = await calling.post("/v1/units", json={"name": "deadlock", "external_id": "D"})
    assert answer.status_code == 201
    await calling.delete("/v1/units/external:D")


@asynccontextmanager
async def _opened(settings: Settings, **changes: object) -> AsyncIterator[Database]:
    database = Database(settings.model_copy(update=changes))
    yield database
    await database.close()


async def test_when_all_connections_are_taken_others_are_told_to_come_again(
    hasty: Settings,
) -> None:
    async with _opened(hasty, pool_timeout_seconds=0.1) as database:
        async with database.transaction():
            with pytest.raises(DatabaseUnavailable):
                await database.transaction().__aenter__()
        assert await database.is_ready()


@pytest.fixture
async def stranger(own_database_url: str, worker_id: str) -> str:
    """Return the URL of someone who may connect and is no member of the service's role."""
    url, name = database_url(own_database_url), f"okr_stranger_{worker_id}"
    owner = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(owner)
    await connection.execute(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN")
    await connection.close()
    return url.set(username=name).render_as_string(hide_password=False)


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_who_may_not_act_as_the_service_is_told_that_it_is_not_ready(
    stranger: str, pooled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await _require_not_ready(
        Settings(database_url=stranger, pooled=pooled, api_key_secret=API_KEY_SECRET)
    )
    assert 'permission denied to set role "okr_service"' in caplog.text


async def test_who_migrates_as_the_owner_lets_the_service_act(
    stranger: str, own_database_url: str
) -> None:
    given = {"OKR_DATABASE_URL": stranger, "OKR_OWNER_DATABASE_URL": own_database_url}
    migrating = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("okr"), "migrate", env=os.environ | given
    )
    assert await migrating.wait() == 0
    app = create_app(Settings(database_url=stranger, api_key_secret=API_KEY_SECRET))
    async with client(app, "none") as calling:
        assert (await calling.get("/readyz")).status_code == 200
    await stop(app)


async def test_without_such_a_database_it_is_not_ready(
    own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = database_url(own_database_url).set(database="none_such")
    await _require_not_ready(
        Settings(
            database_url=url.render_as_string(hide_password=False), api_key_secret=API_KEY_SECRET
        )
    )
    assert 'database "none_such" does not exist' in caplog.text


async def _require_not_ready(settings: Settings) -> None:
    app = create_app(settings)
    async with client(app, new_key(UUID(int=1))) as calling:
        for path in ("/readyz", "/v1/units"):
            assert (await calling.get(path)).status_code == 503
    await stop(app)


async def test_a_mistake_of_ours_is_not_taken_for_an_absent_database(hasty: Settings) -> None:
    async with _opened(hasty) as database:
        with pytest.raises(DBAPIError, match="TimeZone"):
            await _ask(database, "SET TIME ZONE 'Nowhere'")


async def test_a_slow_statement_ends_and_the_connection_goes_on(hasty: Settings) -> None:
    async with _opened(hasty) as database:
        for _ in range(2):
            with pytest.raises(StatementTooLong):
                await _ask(database, "SELECT pg_sleep(60)")
        assert await database.is_ready()


async def test_who_waits_too_long_for_another_is_told_to_come_again(
    calling: httpx.AsyncClient, hasty: Settings
) -> None:
    unit = (await calling.post("/v1/units", json={"name": "Held"})).json()
    path, kind = f"/v1/units/{unit['id']}", {"Content-Type": "application/merge-patch+json"}
    owner = Database.as_owner(hasty)
    async with owner.transaction() as tx:
        await tx.execute(text("SELECT FROM units WHERE id = :id FOR UPDATE"), {"id": unit["id"]})
        refused = await calling.patch(path, json={"name": "Mine"}, headers=kind)
    await owner.close()
    assert (refused.status_code, refused.json()["code"]) == (503, "locked-too-long")
    assert refused.headers["retry-after"] == "1"
    assert (await calling.get(path)).json()["name"] == "Held"
    assert (await calling.patch(path, json={"name": "Mine"}, headers=kind)).is_success


async def test_a_transaction_in_which_nothing_is_asked_any_more_ends(
    hasty: Settings, own_database_url: str
) -> None:
    owner = Database.as_owner(Settings(database_url=own_database_url))
    async with _opened(hasty, idle_transaction_timeout_ms=1_000) as database:
        with pytest.raises(DatabaseUnavailable):
            await _fall_asleep(database, owner)
        assert await database.is_ready()
    await owner.close()


async def _fall_asleep(database: Database, owner: Database) -> None:
    there = text("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")
    async with database.transaction() as tx:
        pid = await tx.scalar(text("SELECT pg_backend_pid()"))
        async with owner.reading() as connection:
            while await connection.scalar(there, {"pid": pid}):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.05)
        await tx.execute(text("SELECT 1"))


async def test_a_missing_reference_is_told_as_such(hasty: Settings) -> None:
    async with _opened(hasty) as database:
        with pytest.raises(ReferenceGone):
            await _ask(database, "DO $$ BEGIN RAISE foreign_key_violation; END $$")


async def _ask(database: Database, statement: str) -> None:
    async with database.reading() as connection:
        await connection.execute(text(statement))


class _GivenUp(Exception):
    """What someone's deadline raises."""


@pytest.mark.slow
@pytest.mark.skipif("OKR_TEST_DATABASE_URL" in os.environ, reason="stops a process of the server")
async def test_who_gives_up_on_a_server_that_is_silent_is_let_go(hasty: Settings) -> None:
    stopped: list[int] = []
    async with _opened(hasty) as database:
        with pytest.raises(_GivenUp):
            await asyncio.wait_for(_give_up(database, stopped), 20)
        os.kill(stopped[0], signal.SIGCONT)


async def _give_up(database: Database, stopped: list[int]) -> None:
    async with database.transaction() as tx:
        pid = await tx.scalar(text("SELECT pg_backend_pid()"))
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)
        raise _GivenUp


async def test_what_is_closed_connects_no_more(hasty: Settings) -> None:
    database = Database(hasty)
    assert await database.is_ready()
    await database.close()
    assert not await database.is_ready()
    with pytest.raises(DatabaseUnavailable):
        await database.transaction().__aenter__()

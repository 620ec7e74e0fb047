"""Reads on a replica: as old as callers allow, with what they wrote; else on the primary."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import API_KEY_SECRET, Tenant, new_tenant, stop
from tests.kernel.standby import Pair, pair

from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.migrations import migrate
from okr_service.kernel.replica import Staleness
from okr_service.main import create_app
from okr_service.settings import Settings

_STALE = {"Cache-Control": "max-stale=25"}
_IN_RECOVERY = text("SELECT pg_is_in_recovery()")
_WARNINGS = "okr_service.kernel.replica"

Ask = Callable[[dict[str, str]], Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with pair() as servers:
        migrate(servers.primary.url())
        yield servers


@pytest.fixture(scope="module", params=[False, True], ids=["direct", "pooled"])
def with_replica(request: pytest.FixtureRequest, servers: Pair) -> Settings:
    return Settings(
        database_url=servers.primary.url(),
        replica_database_url=servers.replica.url(),
        api_key_secret=API_KEY_SECRET,
        pooled=request.param,
    )


@pytest.fixture(scope="module")
async def owner(servers: Pair) -> AsyncIterator[Database]:
    database = Database.as_owner(Settings(database_url=servers.primary.url()))
    yield database
    await database.close()


@asynccontextmanager
async def serving(settings: Settings, **changes: object) -> AsyncIterator[FastAPI]:
    app = create_app(settings.model_copy(update=changes))
    yield app
    await stop(app)


@pytest.fixture
async def tenant(owner: Database) -> Tenant:
    return await new_tenant(owner)


@pytest.fixture
async def rest(with_replica: Settings, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(with_replica) as app, client(app, tenant.key) as rest:
        yield rest


@pytest.fixture
async def objective(rest: httpx.AsyncClient, servers: Pair) -> Json:
    """Set an objective that the replica has, and see to it that the replica is read from."""
    made = await Build(rest).objective(title="As it was")
    await servers.caught_up()
    await _until_read_from(rest)
    return made


async def _until_read_from(rest: httpx.AsyncClient) -> None:
    await _until(lambda: rest.get("/v1/units", headers=_STALE), lambda it: "age" in it.headers)


async def _until(
    ask: Callable[[], Awaitable[httpx.Response]], fits: Callable[[httpx.Response], bool]
) -> None:
    async with asyncio.timeout(60):
        while not fits(await ask()):  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _paused(servers: Pair) -> AsyncIterator[None]:
    """Let the replica replay nothing meanwhile."""
    await servers.ask(servers.replica, "SELECT pg_wal_replay_pause()")
    await servers.until(servers.replica, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
    try:
        yield
    finally:
        await servers.ask(servers.replica, "SELECT pg_wal_replay_resume()")


def _rest(rest: httpx.AsyncClient, objective: Json) -> Ask:
    return lambda given: rest.get(f"/v1/objectives/{objective['id']}", headers=given)


def _export(rest: httpx.AsyncClient, _: Json) -> Ask:
    return lambda given: rest.get("/v1/exports/objectives.ndjson", headers=given)


def _plan(rest: httpx.AsyncClient, _: Json) -> Ask:
    return lambda given: rest.get("/v1/exports/plan.csv", headers=given)


def _picture(rest: httpx.AsyncClient, objective: Json) -> Ask:
    return lambda given: rest.get(f"/v1/objectives/{objective['id']}/tree.svg", headers=given)


def _query(rest: httpx.AsyncClient, objective: Json) -> Ask:
    query = f'{{objective(ref: "{objective["id"]}") {{title}}}}'
    return lambda given: rest.post("/graphql", json={"query": query}, headers=given)


def _question(rest: httpx.AsyncClient, objective: Json) -> Ask:
    query = f'{{objectiveTree(ref: "{objective["id"]}") {{title}}}}'
    return lambda given: rest.post("/graphql", json={"query": query}, headers=given)


async def _rename(rest: httpx.AsyncClient, objective: Json, title: str) -> dict[str, str]:
    """Rename an objective; returns the header that asks for what was written."""
    kind = {"Content-Type": "application/merge-patch+json"}
    path = f"/v1/objectives/{objective['id']}"
    done = await rest.patch(path, json={"title": title}, headers=kind)
    assert done.is_success, done.text
    return {"Okr-Read-After": done.headers["okr-written-at"]}


@pytest.mark.parametrize("asking", [_rest, _export, _plan, _picture, _query, _question])
async def test_who_allows_staleness_gets_it_and_who_does_not_never(
    rest: httpx.AsyncClient, servers: Pair, objective: Json,
    asking: Callable[[httpx.AsyncClient, Json], Ask],
) -> None:  # fmt: skip
    ask = asking(rest, objective)
    async with _paused(servers):
        written = await _rename(rest, objective, "As it is")
        stale, own = await ask(_STALE), await ask(_STALE | written)
        fresh = await ask({}), await ask(written), await ask({"Cache-Control": "no-cache"})
    assert ("As it was" in stale.text, "As it is" in stale.text) == (True, False), stale.text
    assert 0 <= int(stale.headers["age"]) <= 25
    for answer in (own, *fresh):
        assert ("As it is" in answer.text, "As it was" in answer.text) == (True, False)
        assert "age" not in answer.headers


async def test_what_was_written_is_read_on_the_replica_once_it_is_there(
    rest: httpx.AsyncClient, servers: Pair, objective: Json
) -> None:
    written = await _rename(rest, objective, "As it is")
    await servers.caught_up()
    answer = await _rest(rest, objective)(_STALE | written)
    assert answer.json()["title"] == "As it is"
    assert "age" in answer.headers


async def test_a_replica_that_never_heard_of_a_new_primary_does_not_have_what_that_one_wrote(
    rest: httpx.AsyncClient, objective: Json
) -> None:
    """However much it has of what a former primary wrote."""
    of_next_timeline = {"Okr-Read-After": "00000002" + "0" * 16}
    answer = await _rest(rest, objective)(_STALE | of_next_timeline)
    assert (answer.status_code, "age" in answer.headers) == (200, False)


async def test_what_was_written_is_waited_for(
    rest: httpx.AsyncClient, servers: Pair, objective: Json
) -> None:
    async with _paused(servers):
        written = await _rename(rest, objective, "As it is")
        asked = asyncio.create_task(_ask(_rest(rest, objective), _STALE | written))
        await servers.until(
            servers.replica,
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ 'pg_last_wal_replay_lsn'"
            " AND usename = current_user AND pid <> pg_backend_pid())",
        )
    answer = await asked
    assert answer.json()["title"] == "As it is"


async def _ask(ask: Ask, given: dict[str, str]) -> httpx.Response:
    return await ask(given)


async def test_every_kind_of_write_says_where_it_stands(
    rest: httpx.AsyncClient, servers: Pair, objective: Json
) -> None:
    edit = f'{{ref: "{objective["id"]}", changes: {{title: "As it is"}}}}'
    mutation = f"mutation {{editObjective(input: {edit}) {{errors {{code}}}}}}"
    async with _paused(servers):
        done = await rest.post("/graphql", json={"query": mutation})
        assert done.json()["data"]["editObjective"] == {"errors": []}
        written = {"Okr-Read-After": done.headers["okr-written-at"]}
        own = await _query(rest, objective)(_STALE | written)
    assert own.json()["data"]["objective"] == {"title": "As it is"}
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "an"}
    scim = await rest.post("/scim/v2/Users", json=user)
    again = {"Idempotency-Key": "once"}
    twice = [await rest.post("/v1/units", json={"name": "U"}, headers=again) for _ in range(2)]
    gone = await rest.delete(f"/v1/units/{twice[0].json()['id']}")
    for answer in (scim, *twice, gone):
        assert answer.is_success, answer.text
        assert len(answer.headers["okr-written-at"]) == 24
    assert twice[0].headers["okr-written-at"] <= twice[1].headers["okr-written-at"]


async def test_a_write_that_fails_stands_nowhere(rest: httpx.AsyncClient) -> None:
    refused = await rest.post("/v1/units", json={"name": ""})
    assert refused.status_code == 422
    assert "okr-written-at" not in refused.headers


@pytest.mark.parametrize("token", ["", "0/16B3748", "now", "0" * 25, "-" + "0" * 23])
async def test_a_token_that_no_write_gave_is_refused(rest: httpx.AsyncClient, token: str) -> None:
    given = {"Okr-Read-After": token}
    for answer in (
        await rest.get("/v1/units", headers=given),
        await rest.get("/v1/exports/plan.csv", headers=given),
        await rest.post("/graphql", json={"query": "{__typename}"}, headers=given),
    ):
        assert answer.status_code == 400
        assert "invalid-read-after" in answer.text


@pytest.mark.parametrize("directive", ["max-stale=0", "max-stale=x", "max-stale=-1", "max-age=9"])
async def test_what_does_not_allow_staleness_gets_none(
    rest: httpx.AsyncClient, objective: Json, directive: str
) -> None:
    answer = await _rest(rest, objective)({"Cache-Control": directive})
    assert "age" not in answer.headers


@pytest.mark.parametrize("directive", ["max-stale", "max-age=0, max-stale=25", "MAX-STALE = 25"])
async def test_however_it_is_written_that_staleness_is_allowed(
    rest: httpx.AsyncClient, objective: Json, directive: str
) -> None:
    answer = await _rest(rest, objective)({"Cache-Control": directive})
    assert "age" in answer.headers


async def test_the_feed_is_never_stale(
    rest: httpx.AsyncClient, servers: Pair, objective: Json
) -> None:
    async with _paused(servers):
        await _rename(rest, objective, "As it is")
        events = await rest.get("/v1/events?types=okr.objective.updated", headers=_STALE)
    assert [event["data"]["title"] for event in _changes(events)] == ["As it is"]
    assert "age" not in events.headers


def _changes(events: httpx.Response) -> list[Json]:
    return [{"data": event["data"]["after"]} for event in events.json()["data"]]


async def test_a_replica_that_lags_more_than_a_caller_allows_is_not_for_them(
    rest: httpx.AsyncClient, servers: Pair, objective: Json
) -> None:
    async with _paused(servers):
        await _rename(rest, objective, "As it is")
        ask = _rest(rest, objective)
        least = {"Cache-Control": "max-stale=1"}  # which it goes beyond as it ages
        await _until(lambda: ask(least), lambda it: it.json()["title"] == "As it is")
        assert (await ask(_STALE)).json()["title"] == "As it was"


async def test_a_replica_that_lags_too_much_is_for_nobody_and_that_is_told_once(
    with_replica: Settings, servers: Pair, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    allowed = {"Cache-Control": "max-stale"}
    async with (
        serving(with_replica, replica_lag_limit_seconds=1.0) as app,
        client(app, tenant.key) as rest,
    ):
        objective = await Build(rest).objective(title="As it was")
        await servers.caught_up()
        await _until_read_from(rest)
        ask = _rest(rest, objective)
        async with _paused(servers):
            await _rename(rest, objective, "As it is")
            await _until(lambda: ask(allowed), lambda _: bool(_told(caplog, "1 s behind")))
            answers = [await ask(allowed) for _ in range(20)]
        assert {answer.json()["title"] for answer in answers} == {"As it is"}
        assert len(_told(caplog, "not read from")) == 1
        await _until_read_from(rest)
    assert len(_told(caplog, "read from again")) == 1


def _told(caplog: pytest.LogCaptureFixture, what: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if what in r.getMessage()]


async def test_a_conflict_with_what_is_replayed_is_none_of_the_callers(
    with_replica: Settings, servers: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, _WARNINGS)
    await servers.ask(servers.primary, "CREATE TABLE IF NOT EXISTS cleared AS SELECT 1 AS one")
    await servers.ask(servers.primary, "INSERT INTO cleared VALUES (2), (3)")
    database = Database(with_replica)
    reads = database.reads(Staleness(25), lambda _: None)
    question = text(
        "SELECT pg_is_in_recovery() FROM"
        " (SELECT pg_sleep(CASE WHEN pg_is_in_recovery() THEN 300 ELSE 0 END)) AS slept"
    )

    async def work(connection: AsyncConnection) -> object:
        return await connection.scalar(question)

    await servers.caught_up()
    asked = asyncio.create_task(reads.read(None, work))
    await servers.until(
        servers.replica,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ 'AS slept'"
        " AND state = 'active' AND pid <> pg_backend_pid())",
    )
    await servers.ask(servers.primary, "DELETE FROM cleared")
    await servers.ask(servers.primary, "VACUUM cleared")
    assert await asked is False
    assert len(_told(caplog, "conflicts with recovery")) == 1
    assert await database.reads(Staleness(25), lambda _: None).read(None, _recovers) is True
    await database.close()


async def _recovers(connection: AsyncConnection) -> object:
    return await connection.scalar(_IN_RECOVERY)


async def test_the_wall_stands_on_the_replica(
    with_replica: Settings, servers: Pair, owner: Database, tenant: Tenant, objective: Json
) -> None:
    await servers.caught_up()
    other = await new_tenant(owner)
    database = Database(with_replica)
    seen = text("SELECT pg_is_in_recovery(), array_agg(DISTINCT tenant_id) FROM objectives")

    async def work(connection: AsyncConnection) -> list[object]:
        return list((await connection.execute(seen)).one())

    for tenant_id, found in [(tenant.tenant_id, [tenant.tenant_id]), (other.tenant_id, None),
                             (None, None)] * 2:  # fmt: skip
        reads = database.reads(Staleness(25), lambda _: None)
        assert await reads.read(tenant_id, work) == [True, found]
    await database.close()
    async with serving(with_replica) as app, client(app, other.key) as rest:
        await _until_read_from(rest)
        answer = await _rest(rest, objective)(_STALE)
        assert (answer.status_code, "age" in answer.headers) == (404, True)


async def test_nothing_is_written_through_the_replica(
    with_replica: Settings, servers: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(with_replica)
    await servers.caught_up()

    async def work(connection: AsyncConnection) -> object:
        await connection.execute(text("DELETE FROM units"))
        return None

    with pytest.raises((DBAPIError, DatabaseUnavailable)):  # and on the primary neither
        await database.reads(Staleness(25), lambda _: None).read(None, work)
    assert len(_told(caplog, "failed (25006)")) == 1
    await database.close()


async def test_what_is_no_replica_is_not_read_from(
    with_replica: Settings, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    own = with_replica.database_url
    async with (
        serving(with_replica, replica_database_url=own) as app,
        client(app, tenant.key) as rest,
    ):
        answers = [await rest.get("/v1/units", headers=_STALE) for _ in range(3)]
    assert {(a.status_code, "age" in a.headers) for a in answers} == {(200, False)}
    assert len(_told(caplog, "it is no replica")) == 1


async def test_without_a_replica_nothing_is_told_of_one(
    with_replica: Settings, tenant: Tenant
) -> None:
    async with (
        serving(with_replica, replica_database_url=None) as app,
        client(app, tenant.key) as rest,
    ):
        made = await rest.post("/v1/units", json={"name": "U"})
        read = await rest.get("/v1/units", headers=_STALE | {"Okr-Read-After": "0" * 24})
    assert (made.status_code, "okr-written-at" in made.headers) == (201, False)
    assert (read.status_code, "age" in read.headers) == (200, False)

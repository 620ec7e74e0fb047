"""A forgotten `tenant_id`: the service's own statements, run without it, behind the wall.

Every operation is sent once; what the service then asks of the database is looked at
statement by statement, and is asked again with each condition on a tenant taken out.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, Table, event, func, select, text
from sqlalchemy.exc import DBAPIError
from tests.attack.operations import Request, requests_about
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import BOOTSTRAP_KEY, Start, Tenant
from tests.feeds.feeding import fed
from tests.graphql.twins import TWINS, ask_twin
from tests.group import Group, founded, recognising_people
from tests.imports.working import submitted
from tests.kernel.sql import tables_without_tenant, touches_tables, without_tenant
from tests.reminders.reminding import remind
from tests.webhooks.kept import told

from okr_service import models
from okr_service.broker.service import is_of_feed, next_events, published
from okr_service.events.cursors import Cursor
from okr_service.kernel.database import SERVICE_ROLE, Database
from okr_service.kernel.queue import SCHEMA
from okr_service.kernel.translating import sqlstate
from okr_service.serving import Service

_TABLES = list(models.METADATA.sorted_tables)
_REFUSED = "42501"
_WRITTEN_LATER = {"api_key_uses"}
# What a rule refuses once it has asked all it asks.
_REFUSED_BY_A_RULE = {
    *("prove_identity_provider", "put_cycle", "carry_over_objective", "delete_action_plan"),
    *("delete_cycle", "delete_unit", "delete_feed", "create_feed_mapping", "put_feed_mapping"),
    "replay_webhook_delivery",
}
_REQUEST_ID = re.compile(r"request_?id\W+[\w-]+", re.IGNORECASE)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# In this order after all others, which find something gone or closed after one of these.
_LAST = (
    *("carry_over_objective", "close_objective", "reopen_objective", "delete_action"),
    *("delete_action_plan", "delete_key_result", "cancel_objective", "delete_objective"),
    *("close_cycle", "reopen_cycle", "delete_cycle", "delete_person", "erase_person"),
    *("delete_unit", "delete_identity_provider", "rotate_api_key", "revoke_api_key"),
    "delete_webhook",
)

# What is told before anything is known of a tenant, by what alone shows other tenants' rows.
_BEFORE_ANY_TENANT = ("okr_identity_providers", "alembic_version")


@dataclass
class Past:
    """The statements that go past SQLAlchemy; it can have them forget the tenant."""

    heard: set[str] = field(default_factory=set)
    forgets: bool = False
    forgotten: int = 0

    def through(self, name: str) -> Callable[..., object]:
        """Return a method of the driver's that is heard."""
        asked = getattr(asyncpg.Connection, name)

        def ask(driver: asyncpg.Connection, statement: str, *given: object, **how: object) -> Any:
            self.heard.add(statement)
            if self.forgets:
                changed, _ = _forget(None, None, statement, None)
                self.forgotten += changed != statement
                statement = changed
            return asked(driver, statement, *given, **how)

        return ask


@pytest.fixture
async def kept(build: Build) -> Json:
    """Make what an admin keeps, one of each; returns their ids by kind."""
    issuer = {"issuer": "http://127.0.0.1:1", "audience": "okr"}
    made = {
        "api-keys": await build.post("api-keys", name="A", scopes=["read"]),
        "identity-providers": await build.post("identity-providers", name="A", **issuer),
    }
    found = (await build.get("audit-events?limit=1"))["data"][0]
    made["imports"] = await submitted(build.rest, "objective\nNEW\n", "dry_run")
    made |= await fed(build)
    made |= await told(build)
    return {kind: row["id"] for kind, row in made.items()} | {"audit-events": found["id"]}


@pytest.fixture
async def service(start: Start) -> FastAPI:
    """Assemble a service of the test's own, whose statements can be listened to."""
    app = start()
    recognising_people(app)
    return app


@pytest.fixture
async def mine(service: FastAPI, group: Group) -> Group:
    """Call the group's tenant through the service that is listened to."""
    return replace(group, app=service)


@pytest.fixture
async def others(app: FastAPI, other_tenant: Tenant, other_rest: httpx.AsyncClient) -> Group:
    """Set up the same in another tenant, under the same names and external ids."""
    return await founded(app, other_tenant.tenant_id, Build(other_rest))


@contextmanager
def _listening(app: FastAPI, hear: Callable[..., object], **how: bool) -> Iterator[None]:
    service: Service = app.state.service
    engines = (service.database._writer.sync_engine, service.database._reader.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear, **how)
    yield
    for engine in engines:
        event.remove(engine, "before_cursor_execute", hear)


def _in_order(group: Group, kept: Json) -> list[Request]:
    """Return a request of every operation, those last after which others find nothing."""
    places = {operation: place for place, operation in enumerate(_LAST, 1)}
    return sorted(
        requests_about(group, "under board", kept),
        key=lambda r: (places.get(r.operation, 0), _METHODS.index(r.method)),
    )


async def _send(calling: httpx.AsyncClient, request: Request) -> httpx.Response:
    given = request.given
    headers = {n: value for n, value in given.pop("headers", {}).items() if n != "If-Match"}
    if request.method == "POST":
        headers["Idempotency-Key"] = str(uuid4())
    return await calling.request(request.method, request.path, headers=headers, **given)


async def _ask(calling: httpx.AsyncClient, request: Request) -> str:
    """Ask, by GraphQL where it can be; returns what is told but for the request's own id."""
    if request.operation not in TWINS:
        return _REQUEST_ID.sub("", (await _send(calling, request)).text)
    told = (await ask_twin(calling, request)).text
    return _REQUEST_ID.sub("", told.partition(" Headers(")[0])


async def _tour(mine: Group, key: str, kept: Json) -> AsyncIterator[tuple[Request, httpx.Response]]:
    """Send every operation as an admin, and what reads as someone who does not see everything."""
    requests = _in_order(mine, kept)
    async with (
        mine.calling("mai") as mai,
        client(mine.app, key) as admin,
        client(mine.app, BOOTSTRAP_KEY) as operator,
    ):
        for request in requests:
            if request.reads:
                yield request, await _send(mai, request)
            calling = operator if request.permission == "operate" else admin
            yield request, await _send(calling, request)


async def _looked_at_by_the_broker(mine: Group) -> None:
    """Ask what is to be published next, and keep it as published."""
    service: Service = mine.app.state.service
    async with service.database.transaction(mine.tenant_id) as tx:
        found = await next_events(tx, mine.tenant_id)
        await published(tx, mine.tenant_id, found.after + 1)
        assert await is_of_feed(tx, mine.tenant_id, Cursor.read(found.events[0].cursor))


async def test_every_statement_is_the_service_s_and_names_the_tenant_of_each_table(
    mine: Group, tenant: Tenant, kept: Json
) -> None:
    heard: set[str] = set()
    users: set[str] = set()

    def hear(connection: Connection, _: object, statement: str, *__: object) -> None:
        heard.add(statement)
        driver = connection.connection.dbapi_connection
        assert driver is not None
        users.add(driver.run_async(lambda asked: asked.fetchval("SELECT current_user")))

    statuses: dict[str, set[int]] = {}
    with _listening(mine.app, hear):
        async for request, answer in _tour(mine, tenant.key, kept):
            statuses.setdefault(request.operation, set()).add(answer.status_code)
        await _looked_at_by_the_broker(mine)
    refused = {name for name, found in statuses.items() if not any(s < 300 for s in found)}

    assert refused == _REFUSED_BY_A_RULE
    assert users == {SERVICE_ROLE}
    assert len(heard) > 150
    asked = {sql for sql in heard if not any(known in sql for known in _BEFORE_ANY_TENANT)}
    assert {sql: found for sql in asked if (found := tables_without_tenant(sql))} == {}


def _forget(
    _: Connection | None, __: object, statement: str, parameters: object, *___: object
) -> tuple[str, object]:
    """Take the conditions on tenants out of a statement that has any."""
    try:
        return without_tenant(statement), parameters
    except ValueError:
        return statement, parameters


@pytest.fixture
def past_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> Past:
    """Hear, and change, the statements that are handed to the driver itself."""
    past = Past()
    for name in ("fetch", "fetchrow", "copy_from_query"):
        monkeypatch.setattr(asyncpg.Connection, name, past.through(name))
    return past


async def test_statements_past_sqlalchemy_name_it_too(
    mine: Group, tenant: Tenant, kept: Json, past_sqlalchemy: Past
) -> None:
    async with mine.calling("mai") as mai, client(mine.app, tenant.key) as admin:
        for request in _in_order(mine, kept):
            for calling in (mai, admin) if request.reads else (admin,):
                if request.operation in TWINS:
                    await ask_twin(calling, request)
                elif request.reads:
                    await _send(calling, request)  # exports among them
    heard = {sql for sql in past_sqlalchemy.heard if f"{SCHEMA}.pgqueuer" not in sql}
    assert len(heard) > 40
    assert {sql: found for sql in heard if (found := tables_without_tenant(sql))} == {}


async def test_questions_without_it_are_told_nothing_else(
    mine: Group, others: Group, tenant: Tenant, kept: Json, past_sqlalchemy: Past
) -> None:
    asked = [r for r in _in_order(mine, kept) if r.reads]
    async with mine.calling("mai") as mai, client(mine.app, tenant.key) as admin:
        for request in asked:
            for calling in (mai, admin):
                past_sqlalchemy.forgets = False
                right = await _ask(calling, request)
                past_sqlalchemy.forgets = True
                assert await _ask(calling, request) == right, request.operation
    assert others.units
    assert past_sqlalchemy.forgotten > 40


async def test_reads_without_it_tell_nothing_else(
    mine: Group, others: Group, tenant: Tenant, kept: Json
) -> None:
    forgotten = 0

    def forget(*given: Any) -> tuple[str, object]:
        nonlocal forgotten
        found = _forget(*given)
        forgotten += found[0] != given[2]
        return found

    async with mine.calling("mai") as mai, client(mine.app, tenant.key) as admin:
        for request in _in_order(mine, kept):
            for calling in (mai, admin) if request.reads else ():
                right = await _send(calling, request)
                before = forgotten
                with _listening(mine.app, forget, retval=True):
                    answer = await _send(calling, request)
                assert answer.status_code == right.status_code
                assert right.is_error or answer.text == right.text
                assert right.status_code == 403 or forgotten > before, request.operation
    assert others.units
    assert forgotten > 100


async def test_writes_without_it_leave_everyone_else_s_alone(
    database: Database, mine: Group, others: Group, tenant: Tenant, kept: Json
) -> None:
    before = await _rows(database, others.tenant_id)
    assert len(before["objectives"]) == len(mine.objectives)
    with _listening(mine.app, _forget, retval=True):
        answers = [answer.status_code async for _, answer in _tour(mine, tenant.key, kept)]
    assert sum(status < 300 for status in answers) > 100
    assert await _rows(database, others.tenant_id) == before


async def _rows(database: Database, tenant_id: UUID) -> dict[str, list[str]]:
    """Return all that a tenant has, table by table."""
    async with database.reading() as connection:
        found = {}
        for table in _TABLES:
            whole = func.to_jsonb(table.table_valued())
            asked = select(whole).where(table.c.tenant_id == tenant_id)
            found[table.name] = sorted(map(str, await connection.scalars(asked)))
    return found


async def test_whoever_names_no_tenant_is_told_nothing(
    mine: Group, tenant: Tenant, kept: Json
) -> None:
    heard: dict[str, Any] = {}

    def hear(_: Connection, __: object, statement: str, given: Any, *___: object) -> None:
        heard.setdefault(statement, given)

    service: Service = mine.app.state.service
    with _listening(mine.app, hear):
        async for _ in _tour(mine, tenant.key, kept):
            pass
    asked = 0
    for statement, given in heard.items():
        if not statement.lstrip().startswith(("SELECT", "WITH")) or not touches_tables(statement):
            continue
        for sql in (statement, _forget(None, None, statement, given)[0]):
            async with service.database.transaction() as tx:
                rows = (await (await tx.connection()).exec_driver_sql(sql, given)).all()
                await tx.rollback()
            told = str([tuple(row) for row in rows])
            assert not [row for row in mine.of("under board") if row["id"] in told], sql
            asked += 1
    assert asked > 100


@pytest.fixture
async def filled(mine: Group, tenant: Tenant, kept: Json) -> Group:
    """Have a row in every table, or nearly."""
    async for _ in _tour(mine, tenant.key, kept):
        pass
    await mine.build.key_result(plan=[{"date": "2026-06-30", "value": "5"}])
    await submitted(mine.build.rest, "objective\nNEW\n", "dry_run")
    await told(mine.build)
    await _looked_at_by_the_broker(mine)
    person = mine.people["an"]["id"]
    assert (await mine.build.rest.post(f"/v1/people/{person}/calendar")).is_success
    plan = await mine.build.action_plan(await mine.build.key_result())
    await mine.build.action(plan, due_date="2026-01-08")
    await remind(mine.app, tenant, "2026-01-09")
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "mai"}
    assert (await mine.build.rest.post("/scim/v2/Users", json=user)).is_success
    return mine


async def test_no_row_gets_into_another_tenant(
    database: Database, filled: Group, others: Group
) -> None:
    service: Service = filled.app.state.service
    rows = await _rows(database, filled.tenant_id)
    assert {name for name in rows if not rows[name]} <= _WRITTEN_LATER
    for table in _TABLES:
        for statement in _moves(table, len(rows[table.name])):
            with pytest.raises(DBAPIError) as refused:
                await _move(service.database, filled.tenant_id, statement, others.tenant_id)
            assert sqlstate(refused.value) == _REFUSED, statement


async def _move(database: Database, tenant_id: UUID, statement: str, other: UUID) -> None:
    async with database.transaction(tenant_id) as tx:
        await tx.execute(text(statement), {"other": other})


def _moves(table: Table, rows: int) -> Iterator[str]:
    """Write a row into another tenant, and ours; the wall is asked before any constraint."""
    yield f"INSERT INTO {table.name} (tenant_id) VALUES (:other)"
    if rows:
        yield f"UPDATE {table.name} SET tenant_id = :other"


async def test_what_touches_all_rows_touches_the_tenant_s_alone(
    database: Database, filled: Group, others: Group
) -> None:
    service: Service = filled.app.state.service
    own = await _rows(database, filled.tenant_id)
    for table in _TABLES:
        async with service.database.transaction(filled.tenant_id) as tx:
            seen = await tx.scalar(select(func.count()).select_from(table))
            assert seen == len(own[table.name]), table.name
        async with service.database.transaction(others.tenant_id) as tx:
            of_mine = select(func.count()).where(table.c.tenant_id == filled.tenant_id)
            assert await tx.scalar(of_mine) == 0, table.name


_ASKED_OF_OTHERS = {
    "SELECT * FROM okr_bump(:other, :objective, 1, 1)": True,
    "SELECT * FROM okr_refeed(:other, :key_result)": True,
    "SELECT * FROM okr_fed_value(:other, :key_result, 'sum')": True,
    "SELECT okr_planned_value(:other, :key_result, 1, '2026-01-01', '2026-06-30')": True,
    "SELECT * FROM okr_units_found(:other, to_tsquery('simple', 'sales:*'))": False,
    "SELECT * FROM okr_people_found(:other, to_tsquery('simple', 'mai:*'))": False,
    "SELECT * FROM okr_objectives_found(:other, to_tsquery('simple', 'objective:*'))": False,
    "SELECT * FROM okr_key_results_found(:other, to_tsquery('simple', 'key:*'))": False,
    "SELECT * FROM okr_people_of_address(:other, 'mai@saomai.example')": False,
}


@pytest.mark.parametrize("asked", _ASKED_OF_OTHERS)
async def test_functions_tell_and_do_nothing_in_another_tenant(
    app: FastAPI, database: Database, tenant: Tenant, others: Group, asked: str
) -> None:
    await others.build.rest.patch(
        f"/v1/people/{others.people['mai']['id']}", json={"email": "mai@saomai.example"}
    )
    service: Service = app.state.service
    given = {
        "other": others.tenant_id,
        "objective": UUID(others.objectives["open"]["id"]),
        "key_result": UUID(others.key_results["open"]["id"]),
    }
    given = {name: value for name, value in given.items() if f":{name}" in asked}
    before = await _rows(database, others.tenant_id)
    async with service.database.transaction(tenant.tenant_id) as tx:
        rows = (await tx.execute(text(asked), given)).all()
    assert [value for row in rows for value in row if value not in (None, 0)] == []
    assert await _rows(database, others.tenant_id) == before
    if not _ASKED_OF_OTHERS[asked]:  # and where it belongs, it does tell
        async with service.database.transaction(others.tenant_id) as tx:
            assert (await tx.execute(text(asked), given)).all()

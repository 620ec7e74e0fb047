"""Ten thousand people, read in pages while others write; and what it costs to find one."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import httpx
import pytest
from sqlalchemy import event, text
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.scim.calling import Json, Scim, calling

from okr_service.kernel.database import Database
from okr_service.kernel.model import new_id
from okr_service.scim.units import MOST_MEMBERS
from okr_service.serving import Service

_PEOPLE = 10_000
_FILL = """
    INSERT INTO people (tenant_id, id, name, email, external_id, active, version)
    SELECT :tenant, id, 'Person ' || n, 'p' || n || '@sao.vn', 'NV-' || n, true, 1
      FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS made (id, n)"""

# Half of them were provisioned; of the others SCIM knows nothing.
_USERS = """
    INSERT INTO scim_users (tenant_id, person_id, user_name, external_id)
    SELECT tenant_id, id, email, external_id FROM people
     WHERE tenant_id = :tenant AND CAST(substr(external_id, 4) AS int) % 2 = 0"""
_ALL_OF_A_TENANT = re.compile(r"Index Cond: \(tenant_id = '[^']*'::uuid\)$", re.MULTILINE)


@pytest.fixture
async def there(database: Database, tenant: Tenant) -> set[str]:
    """Have ten thousand people; returns their ids."""
    ids = [new_id() for _ in range(_PEOPLE)]
    async with database.transaction() as tx:
        await tx.execute(text(_FILL), {"tenant": tenant.tenant_id, "ids": ids})
        for user in (_USERS, "ANALYZE people", "ANALYZE scim_users"):
            await tx.execute(text(user), {"tenant": tenant.tenant_id} if ":" in user else {})
    return {str(each) for each in ids}


async def _by_place(scim: Scim) -> AsyncIterator[Json]:
    start = 1
    while page := (await scim.get("/Users", startIndex=start, count=1_000))["Resources"]:
        for user in page:
            yield user
        start += len(page)


def _by_cursor(**how: str) -> Callable[[Scim], AsyncIterator[Json]]:
    async def users(scim: Scim) -> AsyncIterator[Json]:
        cursor: str | None = ""
        while cursor is not None:
            page = await scim.get("/Users", cursor=cursor, count=1_000, **how)
            for user in page["Resources"]:
                yield user
            cursor = page.get("nextCursor")

    return users


async def _writing(scim: Scim, rest: httpx.AsyncClient, *, deletes: list[str]) -> None:
    """Make, change and delete people until it is cancelled."""
    for number in range(_PEOPLE):
        made = await scim.user(f"new{number}")
        change = {"op": "replace", "path": "displayName", "value": f"New {number}"}
        await scim.patch(f"/Users/{made['id']}", change)
        if deletes:
            await rest.delete(f"/v1/people/{deletes.pop()}")


@pytest.mark.parametrize(
    ("read", "deletes"),
    [
        pytest.param(_by_place, False, id="by place"),
        pytest.param(_by_cursor(), True, id="by cursor"),
        pytest.param(
            _by_cursor(sortBy="emails", sortOrder="descending"), True, id="by cursor, sorted"
        ),
    ],
)
async def test_all_are_there_once(
    scim: Scim,
    rest: httpx.AsyncClient,
    there: set[str],
    read: Callable[[Scim], AsyncIterator[Json]],
    *,
    deletes: bool,
) -> None:
    """By their places nobody is missed while others are made; by a cursor while they go, too."""
    going = sorted(there)[:: _PEOPLE // 100] if deletes else []
    leaving = set(going)
    writing = asyncio.create_task(_writing(scim, rest, deletes=going))
    seen = [user["id"] async for user in read(scim)]
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert len(seen) == len(set(seen))
    assert there - leaving <= set(seen)
    assert len(set(seen) - there) < _PEOPLE / 10


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    "wanted",
    [
        'userName eq "P77@sao.vn"',
        'userName eq "P78@sao.vn"',
        'externalId eq "NV-77"',
        'emails[type eq "work"].value eq "p77@sao.vn"',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "NV-77"',
    ],
)
async def test_one_is_found_by_an_index(start: Start, scim: Scim, wanted: str) -> None:
    """Behind row-level security: clients ask so for each of their users."""
    app = start()
    service: Service = app.state.service
    heard: list[tuple[str, tuple[object, ...]]] = []

    def hear(
        _: object, __: object, statement: str, given: tuple[object, ...], *___: object
    ) -> None:
        if "FROM people" in statement:
            heard.append((statement, given))

    key = scim.client.headers["authorization"].removeprefix("Bearer ")
    async with calling(app, key) as client:
        engine = service.database._reader.sync_engine
        event.listen(engine, "before_cursor_execute", hear)
        [found] = await Scim(client).found("/Users", wanted)
        event.remove(engine, "before_cursor_execute", hear)
    assert UUID(found)
    tenant_id = next(each for _, given in heard for each in given if isinstance(each, UUID))
    for statement, given in heard:
        async with service.database.reading(tenant_id) as connection:
            explained = await connection.exec_driver_sql(f"EXPLAIN {statement}", given)
            plan = "\n".join(row[0] for row in explained)
        assert "Seq Scan" not in plan, plan
        assert not _ALL_OF_A_TENANT.search(plan), plan


async def test_groups_with_too_many_members_together_are_refused(
    database: Database, tenant: Tenant, scim: Scim, build: Build
) -> None:
    units = [(await build.unit())["id"] for _ in range(2)]
    async with database.transaction() as tx:
        ids = [new_id() for _ in range(MOST_MEMBERS + 1)]
        await tx.execute(text(_FILL), {"tenant": tenant.tenant_id, "ids": ids})
        move = "UPDATE people SET unit_id = :unit WHERE tenant_id = :tenant"
        await tx.execute(text(move), {"tenant": tenant.tenant_id, "unit": UUID(units[0])})
    refused = await scim.client.get("/Groups")
    assert (refused.status_code, refused.json()["scimType"]) == (400, "tooMany")
    page = await scim.get("/Groups", excludedAttributes="members")
    assert [group["id"] for group in page["Resources"]] == units

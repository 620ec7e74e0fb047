"""The service behind PgBouncer: many tenants at once, through two server connections."""

import asyncio
import random
from collections.abc import Iterable

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import event, text
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Start, Tenant, new_tenant
from tests.imports.working import ended, rows, submitted, working
from tests.kernel.conftest import Pooled
from tests.kernel.pooler import SERVERS
from tests.rollup import stored

from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.serving import Service
from okr_service.settings import Settings

_TENANTS, _REPORTS = 5, 20
_CSV = "unit,cycle,objective,objective_title\nU,2026,{mark},{mark} imported\n"


@pytest.fixture
async def behind(start: Start, settings: Settings, pooled: Pooled) -> FastAPI:
    """Assemble the service behind the pooler."""
    url = pooled(settings.database_url.get_secret_value())
    return start(database_url=SecretStr(url), pooled=True, pool_size=12, pool_timeout_seconds=60)


async def test_two_servers_do_the_work_of_all(behind: FastAPI) -> None:
    service: Service = behind.state.service

    async def pid() -> object:
        async with service.database.reading() as connection:
            return await connection.scalar(text("SELECT pg_backend_pid()"))

    pids = await asyncio.gather(*(pid() for _ in range(60)))
    assert 1 <= len(set(pids)) <= SERVERS


async def test_services_that_start_while_others_work_are_ready(
    behind: FastAPI, settings: Settings, pooled: Pooled
) -> None:
    url = pooled(settings.database_url.get_secret_value())
    started = [Database(Settings(database_url=url, pooled=True)) for _ in range(40)]
    service: Service = behind.state.service
    ready = await asyncio.gather(
        *(database.is_ready() for database in started for _ in range(2)),
        *(service.database.is_ready() for _ in range(200)),
    )
    assert all(ready)
    for database in started:
        await database.close()


async def test_tenants_work_side_by_side_and_each_sees_its_own(
    behind: FastAPI, database: Database
) -> None:
    tenants = [await new_tenant(database) for _ in range(_TENANTS)]
    marks = [f"Mark{number}" for number in range(_TENANTS)]
    await asyncio.gather(*map(_work, [behind] * _TENANTS, tenants, marks))
    for tenant in tenants:
        await stored.assert_right(database, tenant.tenant_id)


async def _work(app: FastAPI, tenant: Tenant, mark: str) -> None:
    """Plan, report and ask, with much under way at once."""
    async with client(app, tenant.key) as rest:
        build = Build(rest)
        await build.cycle(code="2026")
        top = await build.objective(title=f"{mark} top", cycle_id="2026")
        of_top = {"parent_id": top["id"], "unit_id": top["unit_id"], "cycle_id": top["cycle_id"]}
        made = await asyncio.gather(
            *(build.objective(title=f"{mark} {n}", **of_top) for n in range(6))
        )
        key_results = await asyncio.gather(
            *(build.key_result(one, title=f"{mark} result") for one in made)
        )
        chance = random.Random(mark)
        await asyncio.gather(
            *(_report(rest, chance.choice(key_results), n) for n in range(_REPORTS)),
            *(_read(rest, top, mark) for _ in range(_REPORTS)),
            _simulate(rest, key_results),
            _import(rest, mark),
        )
        found = await build.get("check-ins?limit=1&count=exact")
        assert found["page"]["total"] == _REPORTS
        assert {row["title"].split()[0] for row in await _objectives(rest)} == {mark}


async def _report(rest: httpx.AsyncClient, key_result: Json, number: int) -> None:
    """Report, and repeat it with the same key: the first answer comes again."""
    body = {"key_result_id": key_result["id"], "value": str(number % 100)}
    headers = {"Idempotency-Key": f"report {number}"}
    first = await rest.post("/v1/check-ins", json=body, headers=headers)
    assert first.status_code == 201, first.text
    again = await rest.post("/v1/check-ins", json=body, headers=headers)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (
        first.json()["id"],
        "true",
    )


async def _read(rest: httpx.AsyncClient, top: Json, mark: str) -> None:
    tree = await rest.get(f"/v1/objectives/{top['id']}/tree")
    assert f"{mark} top" in tree.text
    found = await rest.get("/v1/objectives", params={"q": "mark", "limit": 100})
    assert {row["title"].split()[0] for row in found.json()["data"]} == {mark}


async def _simulate(rest: httpx.AsyncClient, key_results: Iterable[Json]) -> None:
    changes = [{"check_in": {"key_result_id": one["id"], "value": "50"}} for one in key_results]
    assert (await rest.post("/v1/rollup:simulate", json={"changes": changes})).is_success


async def _import(rest: httpx.AsyncClient, mark: str) -> None:
    csv, kind = _CSV.format(mark=mark), {"Content-Type": "text/csv"}
    done = await rest.post("/v1/imports?mode=commit", content=csv, headers=kind)
    assert done.is_success, done.text


async def _objectives(rest: httpx.AsyncClient) -> list[Json]:
    page = await rest.get("/v1/objectives", params={"limit": 200})
    rows: list[Json] = page.json()["data"]
    return rows


async def test_jobs_are_done_and_exports_read(
    start: Start, own_database_url: str, own_database: Database, pooled_for_jobs: Pooled
) -> None:
    # Whose queue holds nothing that other tests left.
    url, tenant = pooled_for_jobs(own_database_url), await new_tenant(own_database)
    behind = start(database_url=SecretStr(url), pooled=True)
    async with client(behind, tenant.key) as rest, working(behind):
        jobs = [await submitted(rest, rows(200, first=200 * nth)) for nth in range(3)]
        done = [await ended(rest, job) for job in jobs]
        assert [job["counts"]["created"] for job in done] == [200] * 3, done
        for form in ("csv", "ndjson", "parquet"):
            exported = await rest.get(f"/v1/exports/key-results.{form}")
            assert exported.status_code == 200
            if form != "parquet":
                assert exported.text.count("\n") == 600 + (form == "csv")
    await stored.assert_right(own_database, tenant.tenant_id)


async def test_each_statement_is_parsed_and_run_in_one_transaction(
    behind: FastAPI, tenant: Tenant
) -> None:
    """What the driver asks is asked inside a transaction, from the first connection on."""
    outside: list[str] = []

    def hear(*given: object) -> None:
        connection, statement = given[0], str(given[2])
        driver = connection.connection.dbapi_connection.driver_connection  # type: ignore[attr-defined]
        if not driver.is_in_transaction():
            outside.append(statement)

    service: Service = behind.state.service
    event.listen(service.database._writer.sync_engine, "before_cursor_execute", hear)
    async with client(behind, tenant.key) as rest:
        build = Build(rest)
        await build.check_in(await build.key_result(), 3)
        assert (await rest.get("/v1/objectives?include=key_results")).is_success
        assert (await rest.get("/readyz")).is_success
    assert outside == []


async def test_a_pooler_that_is_not_told_of_is_noticed(settings: Settings, pooled: Pooled) -> None:
    url = pooled(settings.database_url.get_secret_value())
    database = Database(Settings(database_url=url, pooled=False))
    with pytest.raises(DatabaseUnavailable):
        await database.transaction().__aenter__()
    assert not await database.is_ready()
    await database.close()

"""When keys were last used: known, and for next to nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant
from tests.credentials.conftest import Make, listening, service

from okr_service.credentials.service import revoke_api_key
from okr_service.credentials.uses import Uses
from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.main import create_app
from okr_service.settings import Settings


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """Run a process from its start to its end."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def writes(statements: list[str]) -> list[str]:
    return [s for s in statements if not s.startswith(("SELECT", "WITH RECURSIVE"))]


@pytest.fixture
async def uses(app: FastAPI) -> AsyncIterator[Uses]:
    uses = Uses(service(app).database, every=3600)
    yield uses
    await uses.close()


async def test_a_thousand_requests_make_one_write(
    settings: Settings, build: Build, make: Make
) -> None:
    made = await make("read")
    forgetful = settings.model_copy(update={"credential_cache_seconds": 0.0})
    async with AsyncExitStack() as listener:
        async with running(forgetful) as app, client(app, made["key"]) as calling:
            statements = listener.enter_context(listening(app))
            for _ in range(100):
                await asyncio.gather(*(calling.get("/v1/units") for _ in range(10)))
            assert len(statements) == 2000  # a look-up and a list for each
            assert writes(statements) == []
            last = datetime.now(UTC)
        assert len(statements) == 2001  # the process ended, and wrote what was noted
    assert len(writes(statements)) == 1
    shown = await build.get(f"api-keys/{made['id']}")
    assert abs(datetime.fromisoformat(shown["last_used_at"]) - last) < timedelta(seconds=5)


async def test_all_keys_of_a_tenant_are_written_by_one_statement(
    app: FastAPI, uses: Uses, tenant: Tenant, build: Build, make: Make
) -> None:
    made = [await make("read") for _ in range(20)]
    for key in made[:-1] * 50:
        uses.note(tenant.tenant_id, UUID(key["id"]))
    with listening(app) as statements:
        await uses.write()
        await uses.write()
    assert len(statements) == 1
    assert (await build.get(f"api-keys/{made[0]['id']}"))["last_used_at"] is not None
    assert (await build.get(f"api-keys/{made[-1]['id']}"))["last_used_at"] is None


async def test_an_earlier_use_does_not_hide_a_later_one(
    uses: Uses, tenant: Tenant, build: Build, make: Make, database: Database
) -> None:
    made = await make("read")
    uses.note(tenant.tenant_id, UUID(made["id"]))
    await uses.write()
    async with database.transaction() as tx:
        later = "UPDATE api_key_uses SET last_used_at = '2100-01-01Z' WHERE api_key_id = :id"
        await tx.execute(text(later), {"id": made["id"]})
    uses.note(tenant.tenant_id, UUID(made["id"]))
    await uses.write()
    assert (await build.get(f"api-keys/{made['id']}"))["last_used_at"].startswith("2100")


async def test_being_used_is_no_edit(uses: Uses, tenant: Tenant, build: Build, make: Make) -> None:
    made = await make("read")
    uses.note(tenant.tenant_id, UUID(made["id"]))
    await uses.write()
    found = await build.get(f"audit-events?subject_id={made['id']}")
    assert [event["action"] for event in found["data"]] == ["created"]


async def test_notes_are_written_by_themselves(
    app: FastAPI, tenant: Tenant, build: Build, make: Make
) -> None:
    made = await make("read")
    soon = Uses(service(app).database, every=0.05)
    soon.note(tenant.tenant_id, UUID(made["id"]))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if (await build.get(f"api-keys/{made['id']}"))["last_used_at"]:
            break
    else:
        raise AssertionError("it was never written")
    await soon.close()


async def test_another_tenants_key_is_not_written(
    uses: Uses, other_tenant: Tenant, build: Build, make: Make
) -> None:
    made = await make("read")
    uses.note(other_tenant.tenant_id, UUID(made["id"]))
    await uses.write()
    assert (await build.get(f"api-keys/{made['id']}"))["last_used_at"] is None


async def test_neither_waits_for_the_other_to_note_a_use_and_to_revoke(
    app: FastAPI, uses: Uses, tenant: Tenant, build: Build, make: Make
) -> None:
    made, database = await make("read"), service(app).database
    async with asyncio.timeout(5), database.transaction(tenant.tenant_id) as tx:
        await revoke_api_key(tx, tenant.who, UUID(made["id"]))
        for _ in range(2):  # the first use, and a later one
            uses.note(tenant.tenant_id, UUID(made["id"]))
            await uses.write()
    held = "UPDATE api_key_uses SET last_used_at = now() WHERE tenant_id = :tenant_id"
    other = await make("read")
    async with asyncio.timeout(5), database.transaction(tenant.tenant_id) as tx:
        await tx.execute(text(held), {"tenant_id": tenant.tenant_id})
        await build.post(f"api-keys/{other['id']}:revoke")
        await build.post(f"api-keys/{made['id']}:revoke")


async def test_requests_are_answered_though_uses_cannot_be_written(
    settings: Settings,
    rest: httpx.AsyncClient,
    make: Make,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await make("read")

    async def say(statement: str) -> None:
        async with database.transaction() as tx:
            await tx.execute(text(statement))

    await say("REVOKE INSERT, UPDATE ON api_key_uses FROM okr_service")
    try:
        with caplog.at_level(logging.WARNING):
            async with running(settings) as app, client(app, made["key"]) as calling:
                assert (await calling.get("/v1/units")).status_code == 200
    finally:
        await say("GRANT INSERT, UPDATE ON api_key_uses TO okr_service")
    assert "not known when" in caplog.text
    assert made["key"] not in caplog.text
    assert (await rest.get("/v1/units")).status_code == 200


async def test_notes_are_kept_while_the_database_is_away(
    app: FastAPI, tenant: Tenant, build: Build, make: Make
) -> None:
    made = await make("read")
    away = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    uses = Uses(Database(away), every=3600)
    uses.note(tenant.tenant_id, UUID(made["id"]))
    with pytest.raises(DatabaseUnavailable):
        await uses.write()
    uses._database = service(app).database  # back again
    await uses.write()
    assert (await build.get(f"api-keys/{made['id']}"))["last_used_at"] is not None
    await uses.close()


async def test_the_end_of_a_process_does_not_wait_for_an_absent_database(
    tenant: Tenant, make: Make
) -> None:
    away = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    uses = Uses(Database(away), every=3600)
    uses.note(tenant.tenant_id, UUID((await make("read"))["id"]))
    async with asyncio.timeout(6):
        await uses.close()


async def test_two_processes_that_write_the_same_do_not_lock_each_other_out(
    app: FastAPI, tenant: Tenant, make: Make
) -> None:
    ids = [UUID((await make("read"))["id"]) for _ in range(10)]
    processes = [Uses(service(app).database, every=3600) for _ in range(4)]
    for place, uses in enumerate(processes):
        for key_id in ids if place % 2 else reversed(ids):
            uses.note(tenant.tenant_id, key_id)
    await asyncio.gather(*(uses.write() for uses in processes))
    for uses in processes:
        await uses.close()

"""A worker killed half-way through an import: another process does it, once."""

import asyncio
import signal

import pytest
from pydantic import SecretStr
from tests.calling import client
from tests.conftest import Start, new_tenant
from tests.imports.working import ended, rows, submitted, until, working
from tests.processes import begun, worker

from okr_service.kernel.database import Database
from okr_service.kernel.forest import hold_structure


@pytest.mark.slow
async def test_a_killed_worker_s_import_is_done_once_by_another(
    start: Start, own_database_url: str
) -> None:
    app = start(database_url=SecretStr(own_database_url))
    owner = Database.as_owner(app.state.service.settings)
    tenant = await new_tenant(owner)
    await owner.close()
    process = await begun(await worker(own_database_url))
    async with client(app, tenant.key) as rest:
        job = await submitted(rest, rows(8_000))
        await until(rest, job, lambda found: found["rows_written"] > 0)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        halfway = (await rest.get("/v1/objectives")).json()["data"]
        async with working(app, patience=4):
            done = await ended(rest, job)
        total = (await rest.get("/v1/objectives?count=exact")).json()["page"]["total"]
    assert halfway == []
    assert (done["state"], done["counts"]["created"], total) == ("done", 8_000, 8_000)


@pytest.mark.slow
async def test_a_worker_told_to_stop_puts_its_import_back(
    start: Start, own_database_url: str
) -> None:
    app = start(database_url=SecretStr(own_database_url))
    owner = Database.as_owner(app.state.service.settings)
    tenant = await new_tenant(owner)
    process = await begun(await worker(own_database_url))
    async with client(app, tenant.key) as rest:
        job = await submitted(rest, rows(40))
        async with owner.transaction(tenant.tenant_id) as tx:
            await hold_structure(tx, tenant.tenant_id, alone=True)  # it goes no further than this
            await until(rest, job, lambda found: found["rows_read"] > 0)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 10) == 0
        async with working(app):
            done = await ended(rest, job)
    await owner.close()
    assert (done["state"], done["counts"]["created"]) == ("done", 40)

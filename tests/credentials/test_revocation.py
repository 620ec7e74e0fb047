"""Revoking: at once where it is done, and within the cache's seconds elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant, stop
from tests.credentials.conftest import Make, service

from okr_service.access.errors import InvalidCredential
from okr_service.credentials.service import revoke_api_key
from okr_service.main import create_app
from okr_service.settings import Settings


@asynccontextmanager
async def process_that_remembers(settings: Settings, seconds: float) -> AsyncIterator[FastAPI]:
    app = create_app(settings.model_copy(update={"credential_cache_seconds": seconds}))
    yield app
    await stop(app)


async def test_a_revoked_key_works_no_more(settings: Settings, tenant: Tenant) -> None:
    async with process_that_remembers(settings, 300) as app, client(app, tenant.key) as admin:
        made = (await admin.post("/v1/api-keys", json={"name": "A", "scopes": ["read"]})).json()
        async with client(app, made["key"]) as calling:
            assert (await calling.get("/v1/units")).status_code == 200
            revoked = await admin.post(f"/v1/api-keys/{made['id']}:revoke")
            assert revoked.json()["revoked_at"] is not None
            assert (await calling.get("/v1/units")).status_code == 401


async def test_revoking_twice_is_revoking_once(build: Build, make: Make) -> None:
    made = await make("read")
    first = await build.post(f"api-keys/{made['id']}:revoke")
    assert await build.post(f"api-keys/{made['id']}:revoke") == first


async def test_another_process_believes_a_key_for_the_caches_seconds_at_most(
    settings: Settings, build: Build, make: Make
) -> None:
    made = await make("read")
    async with process_that_remembers(settings, 1) as app, client(app, made["key"]) as calling:
        assert (await calling.get("/v1/units")).status_code == 200
        await build.post(f"api-keys/{made['id']}:revoke")
        assert (await calling.get("/v1/units")).status_code == 200
        await asyncio.sleep(1.05)
        assert (await calling.get("/v1/units")).status_code == 401


async def test_a_look_up_before_the_commit_is_not_believed_after_it(
    settings: Settings, tenant: Tenant, make: Make
) -> None:
    """The race by hand: looked up while the revocation is not committed, kept after it is."""
    made = await make("read")
    async with process_that_remembers(settings, 300) as app:
        database, gatekeeper = service(app).database, service(app).gatekeeper
        bearer = f"Bearer {made['key']}"
        remember, committed = gatekeeper._remember, asyncio.Event()
        look_up = gatekeeper._look_up

        async def slow_look_up(token: str) -> object:
            known = await look_up(token)
            await committed.wait()
            return known

        gatekeeper._look_up = slow_look_up  # type: ignore[assignment, method-assign] # slowed, not replaced
        async with database.transaction(tenant.tenant_id) as tx:
            await revoke_api_key(tx, tenant.who, UUID(made["id"]))
            racing = asyncio.create_task(gatekeeper.recognise(bearer, "r"))
            await asyncio.sleep(0.1)
        gatekeeper.forget(made["id"])
        committed.set()
        assert (await racing).credential == made["id"]  # it came before
        assert gatekeeper._remember == remember
        with pytest.raises(InvalidCredential):
            await gatekeeper.recognise(bearer, "r")


async def test_under_load_no_request_gets_through_once_revoking_was_answered(
    settings: Settings, tenant: Tenant
) -> None:
    async with process_that_remembers(settings, 300) as app, client(app, tenant.key) as admin:
        for _ in range(5):
            made = (await admin.post("/v1/api-keys", json={"name": "A", "scopes": ["read"]})).json()
            async with client(app, made["key"]) as calling:
                over = asyncio.Event()
                after = [asyncio.create_task(_knock(calling, over)) for _ in range(6)]
                await asyncio.sleep(0.05)
                await admin.post(f"/v1/api-keys/{made['id']}:revoke")
                over.set()
                late = [status for statuses in await asyncio.gather(*after) for status in statuses]
            assert set(late) == {401}


async def _knock(calling: httpx.AsyncClient, over: asyncio.Event) -> list[int]:
    """Ask again and again; returns what was answered to what was asked once it is over."""
    while not over.is_set():
        await calling.get("/v1/units")
    return [(await calling.get("/v1/units")).status_code for _ in range(3)]


async def test_a_revocation_that_was_refused_takes_nothing(
    app: FastAPI, make: Make, other_rest: httpx.AsyncClient
) -> None:
    made = await make("read")
    async with client(app, made["key"]) as calling:
        assert (await calling.get("/v1/units")).status_code == 200
        assert (await other_rest.post(f"/v1/api-keys/{made['id']}:revoke")).status_code == 404
        assert (await calling.get("/v1/units")).status_code == 200

"""Keys are hashed with a secret of the service, which can be exchanged for another."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import API_KEY_SECRET, Tenant
from tests.credentials.conftest import Make, listening, service

from okr_service.credentials.hashing import ApiKeySecretMissing, KeyedHash
from okr_service.credentials.keys import new_key
from okr_service.credentials.service import revoke_api_key
from okr_service.credentials.uses import Uses
from okr_service.kernel.database import Database
from okr_service.main import create_app
from okr_service.settings import Settings

_NEW = SecretStr("another-secret-for-tests-of-32-characters-or-more")


@asynccontextmanager
async def running(
    settings: Settings, secret: SecretStr, previous: SecretStr | None = None
) -> AsyncIterator[FastAPI]:
    """Run a process that hashes with a secret, from its start to its end."""
    given = {"api_key_secret": secret, "api_key_previous_secret": previous}
    app = create_app(settings.model_copy(update=given))
    async with app.router.lifespan_context(app):
        yield app


async def answers(app: FastAPI, key: str) -> int:
    async with client(app, key) as calling:
        return (await calling.get("/v1/units")).status_code


async def test_the_secret_is_exchanged_as_keys_are_used(settings: Settings, make: Make) -> None:
    used, unused = (await make("read"))["key"], (await make("read"))["key"]
    async with running(settings, _NEW) as app:
        assert await answers(app, used) == 401
    async with running(settings, _NEW, API_KEY_SECRET) as app:
        with listening(app) as statements:
            assert await answers(app, used) == 200
        assert len(statements) == 2  # a look-up by both hashes, and the list
    async with running(settings, _NEW) as app:
        assert (await answers(app, used), await answers(app, unused)) == (200, 401)
    async with running(settings, API_KEY_SECRET) as app:
        assert (await answers(app, used), await answers(app, unused)) == (401, 200)


async def test_processes_of_both_kinds_understand_each_other(
    settings: Settings, tenant: Tenant, make: Make
) -> None:
    """While replicas are replaced: each accepts what the other hashed."""
    made = (await make("read"))["key"]
    for _ in range(2):
        async with (
            running(settings, API_KEY_SECRET, _NEW) as before,
            running(settings, _NEW, API_KEY_SECRET) as after,
        ):
            async with client(after, tenant.key) as admin:
                body = {"name": "A", "scopes": ["read"]}
                fresh = (await admin.post("/v1/api-keys", json=body)).json()["key"]
            assert await answers(before, fresh) == await answers(after, fresh) == 200
            assert await answers(before, made) == await answers(after, made) == 200


async def test_who_writes_to_the_database_plants_no_key(
    app: FastAPI, make: Make, database: Database, tenant: Tenant
) -> None:
    made, forged = await make("read"), new_key(tenant.tenant_id)
    async with database.transaction() as tx:
        plant = "UPDATE api_keys SET key_hash = :hash, scopes = '{admin}' WHERE id = :id"
        plain = hashlib.sha256(forged.encode()).digest()
        await tx.execute(text(plant), {"hash": plain, "id": made["id"]})
    assert await answers(app, forged) == 401


async def test_hashing_anew_waits_for_no_revocation(
    app: FastAPI, build: Build, tenant: Tenant, make: Make
) -> None:
    made, database = await make("read"), service(app).database
    uses = Uses(database, every=3600)
    async with asyncio.timeout(3), database.transaction(tenant.tenant_id) as tx:
        await revoke_api_key(tx, tenant.who, UUID(made["id"]))
        uses.note(tenant.tenant_id, UUID(made["id"]), KeyedHash(_NEW)(made["key"]))
        await uses.write()
    await uses.close()
    assert (await build.get(f"api-keys/{made['id']}"))["revoked_at"] is not None
    assert await answers(app, made["key"]) == 401


def test_without_a_secret_the_service_is_not_assembled() -> None:
    with pytest.raises(ApiKeySecretMissing, match="OKR_API_KEY_SECRET"):
        create_app(Settings(database_url="postgresql://x/y"))


@pytest.mark.parametrize("name", ["api_key_secret", "api_key_previous_secret"])
@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_weak_secret_is_refused(name: str, secret: str) -> None:
    with pytest.raises(ValueError, match="32 characters") as refused:
        Settings(database_url="postgresql://x/y", **{name: secret})  # type: ignore[arg-type] # by name
    assert "xxxx" not in str(refused.value)
    assert "short" not in str(refused.value)


def test_secrets_are_not_told_with_the_settings() -> None:
    given = Settings(
        database_url="postgresql://x/y", api_key_secret=_NEW, api_key_previous_secret=API_KEY_SECRET
    )
    for secret in (_NEW, API_KEY_SECRET):
        assert secret.get_secret_value() not in repr(given) + given.model_dump_json()


@pytest.mark.parametrize("seconds", [-1, 301])
def test_a_revoked_key_is_believed_for_five_minutes_at_most(seconds: int) -> None:
    with pytest.raises(ValueError, match="credential_cache_seconds"):
        Settings(database_url="postgresql://x/y", credential_cache_seconds=seconds)

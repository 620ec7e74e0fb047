"""Making keys, signing people in, and listening to what is asked of the database."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant, stop

from okr_service.access.credential import Credential
from okr_service.access.policy import Role
from okr_service.main import create_app
from okr_service.serving import Service
from okr_service.settings import Settings

Make = Callable[..., Any]
SignIn = Callable[..., httpx.AsyncClient]
_SIGNED_IN = "signed-in:"


class _SignIn:
    """Recognises people as an identity provider would, without asking one."""

    async def recognise(self, token: str) -> Credential | None:
        if not token.startswith(_SIGNED_IN):
            return None
        tenant_id, person_id, role = token.removeprefix(_SIGNED_IN).split("/")
        name, vouched = f"person:{person_id}", Role(role) if role else None
        return Credential(UUID(tenant_id), name, None, UUID(person_id), vouched)

    async def still(self, credential: Credential) -> Credential | None:
        return credential if credential.name.startswith("person:") else None


def service(app: FastAPI) -> Service:
    found: Service = app.state.service
    return found


@pytest.fixture(scope="session")
async def process(settings: Settings) -> AsyncIterator[FastAPI]:
    """Assemble another process of the service, at which people can sign in."""
    other = create_app(settings)
    gatekeeper = service(other).gatekeeper
    gatekeeper.recognisers = (_SignIn(), *gatekeeper.recognisers)
    yield other
    await stop(other)


@pytest.fixture
def signed_in(process: FastAPI, tenant: Tenant) -> SignIn:
    """Return a function that calls the service as a person who signed in, in a role if given."""

    def sign_in(person: Json, role: str = "") -> httpx.AsyncClient:
        return client(process, f"{_SIGNED_IN}{tenant.tenant_id}/{person['id']}/{role}")

    return sign_in


@pytest.fixture
def make(build: Build) -> Make:
    """Return a function that makes a key as the tenant's admin."""

    async def made(*scopes: str, **given: object) -> Json:
        return await build.post("api-keys", **{"name": "A key", "scopes": scopes, **given})

    return made


@contextmanager
def listening(app: FastAPI) -> Iterator[list[str]]:
    """Give the list of statements that a process runs meanwhile, but for counting requests."""
    database = service(app).database
    heard: list[str] = []

    def hear(*of: object) -> None:
        if "request_counts" not in str(of[2]):
            heard.append(str(of[2]))

    engines = [database._writer.sync_engine, database._reader.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    yield heard
    for engine in engines:
        event.remove(engine, "before_cursor_execute", hear)


@pytest.fixture
def heard(app: FastAPI) -> AbstractContextManager[list[str]]:
    """Give what the service runs meanwhile."""
    return listening(app)

"""A real PostgreSQL for the run, a database for each worker, a tenant for each test."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.engine import URL

from okr_service.access.policy import Principal, Scope, granted
from okr_service.credentials.hashing import KeyedHash
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database
from okr_service.kernel.embedded import EmbeddedPostgres
from okr_service.kernel.migrations import migrate
from okr_service.kernel.servers import database_url
from okr_service.main import create_app
from okr_service.settings import Settings
from tests.build import Build
from tests.calling import client
from tests.group import Group, founded, recognising_people

_SERVER = "OKR_TEST_SERVER"
_TEMPLATE = "okr_test_template"
BOOTSTRAP_KEY = "a-bootstrap-key-for-tests-of-32-characters-or-more"
API_KEY_SECRET = SecretStr("a-secret-for-tests-of-32-characters-or-more")
ISSUING = Issuing(KeyedHash(API_KEY_SECRET))
_QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",  # two workers, each with several services
}
_stack = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start the server and migrate the template, once a run."""
    if hasattr(config, "workerinput"):
        return
    given = os.environ.get("OKR_TEST_DATABASE_URL")
    if given is None:
        folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(prefix="okr-test-")))
        server = _stack.enter_context(EmbeddedPostgres.run(folder, options=_QUICK))
        given = server.url("postgres")
    os.environ[_SERVER] = given
    _recreate(_TEMPLATE)
    migrate(_url(_TEMPLATE))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server."""
    if not hasattr(config, "workerinput"):
        _stack.close()


def _url(database: str) -> str:
    url = database_url(os.environ[_SERVER]).set(database=database)
    return url.render_as_string(hide_password=False)


def _recreate(name: str, template: str = "template1") -> None:
    async def run() -> None:
        url: URL = database_url(os.environ[_SERVER]).set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()

    asyncio.run(run())


@pytest.fixture
def empty_database_url(worker_id: str) -> str:
    """Return the URL of a database without tables, for tests of migrations."""
    name = f"okr_test_empty_{worker_id}"
    _recreate(name)
    return _url(name)


@pytest.fixture(scope="module")
def own_database_url(worker_id: str) -> str:
    """Return the URL of a database of the module's own, for what others would notice."""
    name = f"okr_test_own_{worker_id}"
    _recreate(name, _TEMPLATE)
    return _url(name)


@pytest.fixture
async def own_database(own_database_url: str) -> AsyncIterator[Database]:
    """Return that database as its owner sees it."""
    database = Database.as_owner(Settings(database_url=own_database_url, pool_size=12))
    yield database
    await database.close()


@pytest.fixture(scope="session")
def settings(worker_id: str) -> Settings:
    """Return the settings of the service under test."""
    name = f"okr_test_{worker_id}"
    _recreate(name, _TEMPLATE)
    return Settings(
        database_url=_url(name),
        bootstrap_api_key=BOOTSTRAP_KEY,
        api_key_secret=API_KEY_SECRET,
        pool_size=12,
        credential_cache_seconds=0.2,
        allow_private_issuers=True,
        allow_private_webhooks=True,
        login_failures_per_minute=0,  # all tests come from one address
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """Assemble the service."""
    app = create_app(settings)
    yield app
    await stop(app)


async def stop(app: FastAPI) -> None:
    """End what a service that was never started keeps going, and close its connections."""
    async with app.router.lifespan_context(app):
        pass


Start = Callable[..., FastAPI]


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Start]:
    """Assemble further instances of the service on the same database, with other settings."""
    async with AsyncExitStack() as stack:

        def assemble(**changes: object) -> FastAPI:
            app = create_app(settings.model_copy(update=changes))
            stack.push_async_callback(stop, app)
            return app

        yield assemble


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Return the service's database as its owner sees it: all tenants at once."""
    database = Database.as_owner(settings)
    yield database
    await database.close()


@dataclass(frozen=True)
class Tenant:
    """A tenant of one test's own, with an admin's key."""

    tenant_id: UUID
    key: str

    @property
    def who(self) -> Principal:
        return Principal(self.tenant_id, "test", granted([Scope.ADMIN]), "test")


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    """Found a tenant."""
    return await new_tenant(database)


@pytest.fixture
async def other_tenant(database: Database) -> Tenant:
    """Found another tenant."""
    return await new_tenant(database)


async def new_tenant(database: Database) -> Tenant:
    """Found a tenant in a database, as its owner."""
    async with database.transaction() as tx:
        tenant, key = await found_with_key(tx, "Test", ISSUING)
    return Tenant(tenant.tenant_id, key)


@pytest.fixture
async def rest(app: FastAPI, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """Call the service as the tenant's admin."""
    async with client(app, tenant.key) as calling:
        yield calling


@pytest.fixture
async def other_rest(app: FastAPI, other_tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """Call the service as another tenant's admin."""
    async with client(app, other_tenant.key) as calling:
        yield calling


@pytest.fixture
async def operator(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Call the service with the bootstrap key."""
    async with client(app, BOOTSTRAP_KEY) as calling:
        yield calling


@pytest.fixture(scope="session")
async def app_for_people(settings: Settings) -> AsyncIterator[FastAPI]:
    """Assemble a service that takes `PersonTokens` too, and looks people up at each request."""
    app = create_app(settings)
    recognising_people(app)
    yield app
    await stop(app)


@pytest.fixture
async def group(app_for_people: FastAPI, tenant: Tenant, build: Build) -> Group:
    """Set up a small group with something private in it."""
    return await founded(app_for_people, tenant.tenant_id, build)


@pytest.fixture
def build(rest: httpx.AsyncClient) -> Build:
    """Return a builder of things in the tenant."""
    return Build(rest)

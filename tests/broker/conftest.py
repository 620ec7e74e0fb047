"""A NATS server, and the service that publishes to it, on a database of the module's own."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from tests.broker import server as nats_server
from tests.broker.server import Server
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant, new_tenant

from okr_service.broker import patience, stream
from okr_service.kernel.database import Database

Serving = Callable[..., Server]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up waiting for an answer sooner, and try again sooner."""
    monkeypatch.setattr(stream, "_ANSWERS_WITHIN", 1.0)
    monkeypatch.setattr(patience, "_FIRST", 0.1)
    monkeypatch.setattr(patience, "_LONGEST", 0.5)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Start NATS servers."""
    if nats_server.program() is None and not nats_server.is_required():
        pytest.skip("there is no nats-server")
    with ExitStack() as stack:

        def start(more: str = "") -> Server:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="okr-nats-"))
            server = Server(Path(folder), more)
            stack.callback(server.kill)
            server.start()
            return server

        yield start


@pytest.fixture
def broker(serving: Serving) -> Server:
    """Start a NATS server."""
    return serving()


@pytest.fixture
def publishing(start: Start, own_database_url: str, broker: Server) -> FastAPI:
    """Assemble the service as it publishes to the broker."""
    return start(
        database_url=SecretStr(own_database_url),
        broker_url=(broker.address,),
        broker_duplicate_window_seconds=0.1,  # so that it saves nobody
    )


@pytest.fixture
async def owner(publishing: FastAPI) -> AsyncIterator[Database]:
    """Return the database as its owner sees it."""
    database = Database.as_owner(publishing.state.service.settings)
    yield database
    await database.close()


class Founded(NamedTuple):
    """A tenant of its own, and how to make things in it."""

    tenant: Tenant
    rest: httpx.AsyncClient
    build: Build


@pytest.fixture
async def founded(publishing: FastAPI, owner: Database) -> AsyncIterator[Founded]:
    """Found a tenant in the module's database."""
    tenant = await new_tenant(owner)
    async with client(publishing, tenant.key) as rest:
        yield Founded(tenant, rest, Build(rest))


@pytest.fixture
async def other(publishing: FastAPI, owner: Database) -> AsyncIterator[Founded]:
    """Found another."""
    tenant = await new_tenant(owner)
    async with client(publishing, tenant.key) as rest:
        yield Founded(tenant, rest, Build(rest))

"""What a benchmark stands on: a PostgreSQL of its own, tenants with planted trees, a process."""

import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text

from okr_service.access.policy import Principal, Scope, granted
from okr_service.checkins.shapes import NewCheckIn
from okr_service.credentials.hashing import KeyedHash
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.tenants import found_with_key
from okr_service.demo.large import fan_out_for, plant_large
from okr_service.kernel.database import Database
from okr_service.kernel.embedded import EmbeddedPostgres
from okr_service.kernel.fields import Ref
from okr_service.kernel.migrations import migrate
from okr_service.settings import Settings

API_KEY_SECRET = SecretStr("a-secret-for-benchmarks-of-32-characters-or-more")
ISSUING = Issuing(KeyedHash(API_KEY_SECRET))
_T = TypeVar("_T")
# Counted, as it will be, but never refused.
_UNREACHED = {
    "OKR_RATE_LIMIT_PER_CREDENTIAL": "1000000000",
    "OKR_RATE_LIMIT_PER_TENANT": "1000000000",
}


@dataclass(frozen=True)
class Tree:
    """A tenant whose only tree has so many objectives."""

    objectives: int
    tenant_id: UUID
    key: str

    @property
    def admin(self) -> Principal:
        """Whoever may do everything in the tenant."""
        return Principal(self.tenant_id, "benchmark", granted([Scope.ADMIN]), "benchmark")

    def check_in(self, chance: random.Random) -> NewCheckIn:
        """Make up a report on any of its key results."""
        number, place = chance.randrange(self.objectives), chance.randrange(3) + 1
        ref = Ref(f"external:L-{number}/KR{place}")
        return NewCheckIn(key_result_id=ref, value=chance.randrange(101))


@contextlib.contextmanager
def ground(**options: str) -> Iterator[str]:
    """Give the URL of a fresh, migrated database."""
    with (
        tempfile.TemporaryDirectory(prefix="okr-benchmark-") as folder,
        EmbeddedPostgres.run(Path(folder), options=options) as server,
    ):
        server.ensure_database("okr")
        migrate(server.url())
        yield server.url()


async def plant(database: Database, objectives: int, levels: int) -> Tree:
    """Plant a tree of a size, at most so many levels deep, in a tenant of its own."""
    async with database.transaction() as tx:
        tenant, key = await found_with_key(tx, f"{objectives} objectives", ISSUING)
    fan_out = fan_out_for(objectives, levels)
    await plant_large(database, tenant.tenant_id, objectives, fan_out=fan_out)
    return Tree(objectives, tenant.tenant_id, key)


async def settle(database: Database) -> None:
    """Do at once what PostgreSQL would do in the background while something is measured."""
    async with database.reading() as connection:
        for statement in ("SET statement_timeout = 0", "VACUUM (ANALYZE)", "RESET ALL"):
            await connection.execute(text(statement))


def plant_one(url: str, objectives: int, levels: int = 7) -> Tree:
    """Plant one tree, from outside an event loop."""
    return plant_all(url, [objectives], levels)[0]


def plant_all(url: str, sizes: Sequence[int], levels: int = 7) -> list[Tree]:
    """Plant a tree of each size and let PostgreSQL settle, from outside an event loop."""

    async def run() -> list[Tree]:
        database = Database.as_owner(Settings(database_url=url))
        try:
            trees = [await plant(database, size, levels) for size in sizes]
            await settle(database)
        finally:
            await database.close()
        return trees

    return asyncio.run(run())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(app: str, **environment: str) -> Iterator[str]:
    """Serve an ASGI application, made by `module:factory`, in one process; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning", "--no-access-log"],
        env={**_UNREACHED, **os.environ, **environment},
        cwd=Path(__file__).parents[1],
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def most_memory() -> float:
    """Return the most MiB that any process that `serving` started has taken so far."""
    most = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told = status.read_text()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if b"benchmarks.list_page" in command:
            most = max(most, int(told.partition("VmHWM:")[2].split()[0]))
    return most / 1024


def _wait_for(address: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz"):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers at {address}")


def turns(rounds: int, names: Sequence[_T]) -> Iterator[_T]:
    """Name what is to be measured next, each once a round, in one order and then in the other."""
    for turn in range(rounds):
        yield from names if turn % 2 else reversed(names)


def spread(values: list[float]) -> str:
    """Show a median with the least and the most."""
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"

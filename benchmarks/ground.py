"""What a benchmark stands on: a PostgreSQL of its own, tenants with planted trees, a process."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from okr_service.access.service import found_tenant
from okr_service.demo.large import fan_out_for, plant_large
from okr_service.kernel.database import Database
from okr_service.kernel.embedded import EmbeddedPostgres
from okr_service.kernel.migrations import migrate
from okr_service.settings import Settings


@dataclass(frozen=True)
class Tree:
    """A tenant whose only tree has so many objectives."""

    objectives: int
    tenant_id: UUID
    key: str


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
        tenant, key = await found_tenant(tx, f"{objectives} objectives")
    fan_out = fan_out_for(objectives, levels)
    await plant_large(database, tenant.tenant_id, objectives, fan_out=fan_out)
    return Tree(objectives, tenant.tenant_id, key)


def plant_one(url: str, objectives: int, levels: int = 7) -> Tree:
    """Plant one tree, from outside an event loop."""

    async def run() -> Tree:
        database = Database(Settings(database_url=url))
        try:
            return await plant(database, objectives, levels)
        finally:
            await database.close()

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
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[1],
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz"):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers at {address}")


def requests_per_second(url: str, key: str, seconds: int = 6, connections: int = 8) -> float:
    """Return how many requests a second `wrk` gets answered."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing: apt-get install wrk")
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-H",
        f"Authorization: Bearer {key}",
    ]
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or (found := re.search(r"Requests/sec:\s+([\d.]+)", said)) is None:
        raise RuntimeError(said)
    return float(found[1])


def spread(values: list[float]) -> str:
    """Show a median with the least and the most."""
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"

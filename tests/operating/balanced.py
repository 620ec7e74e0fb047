"""Replicas of the service behind HAProxy, as processes that can be killed and replaced."""

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from tests.processes import OKR, found, free_port

_LEAVES_FOR = 2.0  # seconds: HAProxy asks ten times meanwhile
_PATIENCE = 60.0
_CONFIGURATION = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    retries 0  # or the balancer would make good what the service does wrong
frontend okr
    bind 127.0.0.1:{port}
    http-response set-header Served-By %s
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /readyz
    timeout check 2s
    default-server inter 200ms fall 2 rise 1
{servers}
"""


def program() -> str | None:
    """Return where HAProxy is, or None where there is none."""
    return found("haproxy")


def is_required() -> bool:
    """Say whether its absence is a failure."""
    return os.environ.get("CI") == "true"


class Replica:
    """One process that serves, always at the same place."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self._environment = environment
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self._process = await create_subprocess_exec(
            *(OKR, "serve", "--port", str(self.port)),
            env=os.environ | self._environment,
            stdout=PIPE,
            stderr=DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            while b"is ready" not in (line := await self._process.stdout.readline()):
                assert line, "it ended"

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns its exit status."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        async with asyncio.timeout(_PATIENCE):
            return await self._process.wait()


@asynccontextmanager
async def balanced(
    replicas: list[Replica],
) -> AsyncIterator[httpx.AsyncClient]:
    """Run HAProxy before replicas; gives a client of it."""
    haproxy, port = program(), free_port()
    assert haproxy is not None, "apt-get install haproxy"
    servers = "\n".join(
        f"    server r{nth} 127.0.0.1:{replica.port} check" for nth, replica in enumerate(replicas)
    )
    with tempfile.TemporaryDirectory(prefix="okr-balanced-") as folder:
        configuration = Path(folder) / "haproxy.cfg"
        configuration.write_text(_CONFIGURATION.format(port=port, servers=servers))
        proxy = await create_subprocess_exec(haproxy, "-q", "-f", configuration)
        limits = httpx.Limits(max_connections=200)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE, limits=limits
            ) as client:
                await _answering(client)
                yield client
        finally:
            proxy.kill()
            await proxy.wait()


@asynccontextmanager
async def serving(environment: Mapping[str, str], many: int = 2) -> AsyncIterator[list[Replica]]:
    """Run replicas over one database; they are ended with the block, whatever is left of them."""
    given = {"OKR_LEAVE_SECONDS": str(_LEAVES_FOR), **environment}
    replicas = [Replica(given) for _ in range(many)]
    try:
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield replicas
    finally:
        await asyncio.gather(*(replica.stop(signal.SIGKILL) for replica in replicas))


async def _answering(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)

"""A real NATS server that keeps what it stored through kills, and a line to it that can be cut."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from tests.processes import found, free_port

_CONFIGURATION = """
listen: 127.0.0.1:{port}
jetstream {{ store_dir: "{folder}/stored" }}
"""
STREAM, PREFIX = "okr", "okr"


def program() -> str | None:
    """Return where nats-server is, or None where there is none."""
    return found("nats-server")


def is_required() -> bool:
    """Say whether its absence is a failure."""
    return os.environ.get("CI") == "true" or "OKR_TEST_REQUIRE_NATS" in os.environ


@dataclass(frozen=True)
class Published:
    """A message in the stream."""

    subject: str
    headers: dict[str, str]
    event: dict[str, Any]  # what orjson gives
    body: bytes


class Server:
    """A nats-server in a folder, on one port through all its lives."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self._folder = folder
        self._port = free_port()
        self._configuration = folder / "nats.conf"
        said = _CONFIGURATION.format(port=self._port, folder=folder)
        self._configuration.write_text(said + more)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def address(self) -> str:
        """What the service is told."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        found = program()
        assert found is not None, "apt-get install nats-server"
        with (self._folder / "said").open("ab") as said:
            command = [found, "--config", str(self._configuration)]
            self._process = subprocess.Popen(command, stderr=said, stdout=said)
        for _ in range(200):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert self._process.poll() is None, (self._folder / "said").read_text()
            time.sleep(0.05)
        raise AssertionError((self._folder / "said").read_text())

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect to it."""
        client = await nats.connect(self.address)
        try:
            yield client
        finally:
            await client.close()

    async def published(self, tenant_id: object, prefix: str = PREFIX) -> list[Published]:
        """Return what the stream has of a tenant, in its order."""
        async with self.client() as client:
            found = await _all(client.jetstream(timeout=5), STREAM)
        mine = f"{prefix}.{tenant_id}."
        return [one for one in found if one.subject.startswith(mine)]


async def _all(context: JetStreamContext, stream: str) -> list[Published]:
    try:
        state = (await context.stream_info(stream)).state
    except nats.js.errors.NotFoundError:
        return []
    found = []
    for sequence in range(max(1, state.first_seq), state.last_seq + 1):
        with suppress(nats.js.errors.NotFoundError):
            raw = await context.get_msg(stream, sequence)
            body = raw.data or b""
            found.append(
                Published(str(raw.subject), dict(raw.headers or {}), orjson.loads(body), body)
            )
    return found


class Between:
    """A line to a server that somebody can cut: what the server says gets lost."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.deaf = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: asyncio.Server | None = None

    async def start(self) -> str:
        """Begin to lead on; returns the address that does."""
        self._serving = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        return f"nats://127.0.0.1:{self._serving.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Lead nowhere any more."""
        assert self._serving is not None
        self._serving.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        ends = {writer, to_server}
        self._writers |= ends
        await asyncio.gather(
            self._pass(reader, to_server, of_server=False),
            self._pass(from_server, writer, of_server=True),
        )
        self._writers -= ends

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, of_server: bool
    ) -> None:
        with suppress(OSError):
            while said := await reader.read(65_536):
                if not (of_server and self.deaf):
                    writer.write(said)
                    await writer.drain()
        writer.close()

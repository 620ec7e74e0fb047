"""A primary with a replica that streams from it, both of the binaries that come along."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from okr_service.kernel import embedded
from okr_service.kernel.embedded import EmbeddedPostgres
from okr_service.kernel.servers import database_url

_STREAMING = {
    "wal_level": "replica",
    "max_wal_senders": "5",
    "hot_standby": "on",
    "full_page_writes": "off",
    "fsync": "off",
    "max_connections": "100",
    # What is replayed goes before what is read: a conflict ends a statement at once.
    "max_standby_streaming_delay": "0",
}


@dataclass
class Pair:
    """Two servers, of which one follows the other."""

    primary: EmbeddedPostgres
    replica: EmbeddedPostgres

    async def ask(self, server: EmbeddedPostgres, statement: str) -> object:
        """Ask one of them something, as its superuser."""
        url = database_url(server.url()).set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def caught_up(self) -> None:
        """Wait until the replica has replayed all that there is."""
        here = await self.ask(self.primary, "SELECT pg_current_wal_flush_lsn()::text")
        await self.until(self.replica, f"SELECT pg_last_wal_replay_lsn() >= '{here}'::pg_lsn")

    async def until(self, server: EmbeddedPostgres, statement: str) -> None:
        """Wait until a server says that something is so."""
        async with asyncio.timeout(60):
            while not await self.ask(server, statement):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.02)

    def kill(self, server: EmbeddedPostgres) -> None:
        """End a server as a power cut would."""
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def start(self, server: EmbeddedPostgres) -> None:
        """Start a server that was killed."""
        server._start(embedded._DEFAULTS)


@contextmanager
def pair(**options: str) -> Iterator[Pair]:
    """Run a primary, with options, and a replica of it; both have a database `okr`."""
    with ExitStack() as stack:
        folders = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"okr-{name}-")))
            for name in ("primary", "replica")
        ]
        settings = _STREAMING | options
        primary = stack.enter_context(EmbeddedPostgres.run(folders[0], options=settings))
        primary.ensure_database()
        _copy(primary, folders[1])
        replica = stack.enter_context(EmbeddedPostgres.run(folders[1], options=settings))
        yield Pair(primary, replica)


def _copy(primary: EmbeddedPostgres, folder: Path) -> None:
    account = primary._account
    if account is not None:
        os.chown(folder, *account)
        embedded._let_in(folder, account)
    done = embedded._run(
        "pg_basebackup",
        *("-h", str(primary.socket_folder), "-p", "5432", "-U", "postgres"),
        *("-D", "postgres", "-R", "-X", "stream", "-c", "fast"),
        cwd=folder,
        account=account,
    )
    assert done.returncode == 0, done.stdout
    (folder / "postgres" / ".s.PGSQL.5432.lock").unlink()  # of the primary's own socket

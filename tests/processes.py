"""Programs that tests run beside themselves: where they are, and workers of the service."""

import os
import shutil
import socket
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from pathlib import Path

from tests.conftest import API_KEY_SECRET

OKR = Path(sys.executable).with_name("okr")
# Debian puts servers where only root looks.
_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def found(program: str) -> str | None:
    """Return where a program is, or None where there is none."""
    return shutil.which(program, path=_PLACES)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def worker(database_url: str, **settings: str) -> Process:
    """Start `okr work` over a database; `begun` waits until it does jobs."""
    given = {
        "OKR_DATABASE_URL": database_url,
        "OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value(),
        "PATH": os.environ["PATH"],
        **{f"OKR_{name}".upper(): value for name, value in settings.items()},
    }
    return await create_subprocess_exec(OKR, "work", env=given, stdout=PIPE)


async def begun(worker: Process) -> Process:
    """Wait until a worker does jobs."""
    assert worker.stdout is not None
    assert b"does jobs" in await worker.stdout.readline()
    return worker

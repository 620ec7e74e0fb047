"""The real program over a folder of its own: starting it, finding its processes, killing them."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import httpx
from tests.processes import OKR, free_port

_PATIENCE = 90  # seconds; machines that run tests are busy ones
ANSWERED_WITHIN = 20  # seconds: whatever takes longer counts as hung


class Program:
    """`okr serve` with its embedded PostgreSQL, as an operator starts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "okr.log"
        self._port = 0
        self._service: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._spawn()
        await self.ready()

    async def ready(self) -> None:
        """Wait until it is ready."""
        async with httpx.AsyncClient(base_url=self._address, timeout=ANSWERED_WITHIN) as anyone:
            await until(lambda: self._is_ready(anyone), "ready")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Call it as its admin."""
        async with httpx.AsyncClient(
            base_url=self._address,
            headers={"Authorization": f"Bearer {self._key()}"},
            timeout=ANSWERED_WITHIN,
        ) as rest:
            yield rest

    async def verify(self, what: str) -> subprocess.CompletedProcess[str]:
        """Run `okr rollup verify` or `okr audit verify` over its folder."""
        return await asyncio.to_thread(self._verify, what)

    def kill_service(self) -> None:
        """Kill the service; its PostgreSQL lives on."""
        assert self._service is not None
        self._service.kill()
        self._service.wait()

    def ask_to_stop(self) -> None:
        """Ask the service to end in order."""
        assert self._service is not None
        self._service.terminate()
        self._service.wait(_PATIENCE)

    def kill_postmaster(self) -> None:
        """Kill PostgreSQL's first process; those that it made notice and end by themselves."""
        _kill([self._postmaster()])

    def kill_server(self, dice: Random) -> None:
        """Kill every process of PostgreSQL, in any order."""
        postmaster = self._postmaster()
        processes = [postmaster, *_children(postmaster)]
        dice.shuffle(processes)
        _kill(processes)

    def kill_backend(self, dice: Random) -> None:
        """Kill a process that serves a connection; PostgreSQL drops all and recovers."""
        serving = [p for p in _children(self._postmaster()) if b"postgres okr" in _command(p)]
        _kill([dice.choice(serving)])

    async def database_gone(self) -> None:
        """Wait until the last process of PostgreSQL has ended."""

        async def gone() -> bool:
            return not self._of_database()

        await until(gone, "rid of PostgreSQL")

    def clean_up(self) -> None:
        """End whatever of it is left."""
        if self._service is not None and self._service.poll() is None:
            self.kill_service()
        _kill(self._of_database())

    def said(self) -> str:
        """Return the end of what the service and PostgreSQL said."""
        logs = [self._data / "postgres.log", self._log]
        return "\n".join(
            f"--- {log}\n{log.read_text(errors='replace')[-8_000:]}" for log in logs if log.exists()
        )

    def _spawn(self) -> None:
        self._port = free_port()
        with self._log.open("ab") as log:
            self._service = subprocess.Popen(
                [OKR, "serve", "--port", str(self._port), "--data", self._data],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=_environment(),
            )

    def _verify(self, what: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OKR, what, "verify", "--data", self._data],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
        )

    async def _is_ready(self, anyone: httpx.AsyncClient) -> bool:
        assert self._service is not None
        assert self._service.poll() is None, f"okr serve ended: {self._service.returncode}"
        with suppress(httpx.ConnectError):
            return (await anyone.get("/readyz")).status_code == 200
        return False

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _key(self) -> str:
        return (self._data / "admin-api-key").read_text().strip()

    def _postmaster(self) -> int:
        pid = int((self._data / "postgres" / "postmaster.pid").read_text().split()[0])
        assert pid in self._of_database(), f"{pid} is not our PostgreSQL"
        return pid

    def _of_database(self) -> list[int]:
        # Every process of PostgreSQL works in the folder of its data.
        ours = str((self._data / "postgres").resolve())
        return [pid for pid in _processes() if _working_folder(pid) == ours]


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not await condition():  # noqa: ASYNC110 - another process will not tell
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not {what} after {_PATIENCE} seconds") from None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OKR_")}


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _children(parent: int) -> list[int]:
    return [pid for pid in _processes() if _parent(pid) == parent]


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _working_folder(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:  # gone, a zombie, or somebody else's
        return ""


def _kill(processes: Iterable[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

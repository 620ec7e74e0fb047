"""The newest migration, applied while the code of before it serves: nobody is refused."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests.build import Build
from tests.conftest import API_KEY_SECRET, ISSUING

from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database
from okr_service.kernel.migrations import migrate, newest, revisions
from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

_ROOT = Path(__file__).parents[2]
_WRITERS = 4
_RUN = "import sys; from okr_service.cli import app; sys.exit(app())"


def _git(*words: str) -> bytes | None:
    done = subprocess.run(["git", *words], cwd=_ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Return a folder with the code of the commit before the one that brought the migration."""
    [file] = (_ROOT / "migrations" / "versions").glob(f"{newest()}_*.py")
    path = str(file.relative_to(_ROOT))
    words = ("log", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "-1", "--", path)
    commit = (_git(*words) or b"").decode().strip()
    archive = _git("archive", f"{commit}^", "src", "migrations") if commit else None
    if archive is None:
        pytest.skip("there is no history, or the migration is not committed yet")
    subprocess.run(["tar", "x"], cwd=tmp_path, input=archive, check=True)
    return tmp_path


@asynccontextmanager
async def _serving(folder: Path, url: str, port: int) -> AsyncIterator[httpx.AsyncClient]:
    environment = os.environ | {
        "PYTHONPATH": str(folder / "src"),
        "OKR_DATABASE_URL": url,
        "OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value(),
        "OKR_SERVE_WORKS": "false",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RUN, "serve", "--port", str(port)),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        while b"is ready" not in (line := await process.stdout.readline()):
            assert line, "it ended"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as rest:
            yield rest
    finally:
        process.kill()
        await process.wait()


async def test_the_newest_migration_refuses_nobody_whom_the_code_before_it_serves(
    empty_database_url: str, before: Path, unused_tcp_port: int
) -> None:
    await asyncio.to_thread(migrate, empty_database_url, revisions()[-2])
    database = Database.as_owner(Settings(database_url=empty_database_url))
    async with database.transaction() as tx:
        _, key = await found_with_key(tx, "Test", ISSUING)
    await database.close()
    lasted: list[float] = []
    over = asyncio.Event()
    async with _serving(before, empty_database_url, unused_tcp_port) as rest:
        rest.headers["Authorization"] = f"Bearer {key}"
        build = Build(rest)

        async def write() -> None:
            key_result = await build.key_result(await build.objective())
            plan = await build.action_plan(key_result)
            for nth in itertools.count():
                if over.is_set():
                    return
                began = time.monotonic()
                await build.check_in(key_result, nth)
                await build.action(plan, owner_id=(await build.person())["id"])
                await build.get("objectives?include=key_results")
                lasted.append(time.monotonic() - began)

        writing = asyncio.gather(*(write() for _ in range(_WRITERS)))

        async def more() -> None:
            rounds = len(lasted) + 2 * _WRITERS
            while len(lasted) < rounds and not writing.done():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

        await more()
        await asyncio.to_thread(migrate, empty_database_url)
        await more()
        over.set()
        await writing
    sys.stdout.write(f"longest round of four requests: {max(lasted):.2f} s\n")


async def test_a_migration_lets_those_who_wait_behind_it_go_first(empty_database_url: str) -> None:
    """A long transaction holds a table that is to be changed: others go on writing to it."""
    revision = "0002"  # adds columns to tables that everybody writes to
    await asyncio.to_thread(migrate, empty_database_url, "0001")
    plain = database_url(empty_database_url).set(drivername="postgresql")
    url = plain.render_as_string(hide_password=False)
    reader, writer = await asyncpg.connect(url), await asyncpg.connect(url)
    async with reader.transaction():
        await reader.fetch("SELECT FROM objectives")
        migrating = asyncio.create_task(asyncio.to_thread(migrate, empty_database_url, revision))
        await writer.execute("SET statement_timeout = '5s'")
        for _ in range(20):
            await writer.execute("UPDATE objectives SET title = title")
            await asyncio.sleep(0.1)
        assert not migrating.done()
    await migrating
    assert await writer.fetchval("SELECT version_num FROM alembic_version") == revision
    await reader.close()
    await writer.close()

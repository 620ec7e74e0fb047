"""`okr import`, `okr export` and `okr template`, run as a script or cron runs them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.test_import import YEAR
from tests.imports.working import submitted, working
from tests.rest.listening import listening

_OKR = Path(sys.executable).parent / "okr"
Done = subprocess.CompletedProcess[bytes]
Okr = Callable[..., Coroutine[None, None, Done]]


def calling(port: int, tenant: Tenant) -> Okr:
    """Return how to run the command against the service at a port."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
    called = {"OKR_URL": f"http://127.0.0.1:{port}", "OKR_API_KEY": tenant.key}

    def run(*arguments: str, given: bytes = b"", **more: str) -> Done:
        return subprocess.run(
            [str(_OKR), *arguments],
            input=given,
            capture_output=True,
            env=kept | called | more,
            check=False,
        )

    async def okr(*arguments: str, given: bytes = b"", **more: str) -> Done:
        return await asyncio.to_thread(run, *arguments, given=given, **more)

    return okr


@pytest.fixture
async def okr(app: FastAPI, tenant: Tenant) -> AsyncIterator[Okr]:
    """Run the command against the service, in the test's tenant."""
    async with listening(app) as port:
        yield calling(port, tenant)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_year_goes_in_and_out_and_in_again(okr: Okr, tmp_path: Path) -> None:
    shown = await okr("import", "-", "--dry-run", given=YEAR.encode())
    assert (shown.returncode, b"would be" in shown.stdout, shown.stderr) == (0, True, b"")
    loaded = await okr("import", "-", "--json", given=YEAR.encode())
    assert (loaded.returncode, json.loads(loaded.stdout)["counts"]["created"]) == (0, 5)
    for name in ("plan.csv", "plan.xlsx", "plan.ndjson"):
        file = tmp_path / name
        done = await okr("export", "--to", str(file), "--cycle", "2026")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done.stderr
        again = await okr("import", str(file), "--json")
        counts = json.loads(again.stdout)["counts"]
        assert (again.returncode, counts) == (
            0,
            {"created": 0, "updated": 0, "unchanged": 4, "failed": 0},
        )
    assert names_in(tmp_path) == ["plan.csv", "plan.ndjson", "plan.xlsx"]
    piped = await okr("export", "key-results", "--format", "ndjson")
    assert len([json.loads(line) for line in piped.stdout.splitlines()]) == 3


async def test_rows_that_fail_are_named_and_counted(okr: Okr, tmp_path: Path) -> None:
    file = tmp_path / "year.csv"
    file.write_text(YEAR.replace("increase,viên,0,300", "tăng lên,viên,0,300"))
    refused = await okr("import", str(file))
    assert (refused.returncode, b"L2 (metric)" in refused.stderr) == (1, True), refused.stderr
    skipped = await okr("import", str(file), "--on-error", "skip", "--json")
    report = json.loads(skipped.stdout)
    assert (skipped.returncode, report["counts"]["failed"]) == (1, 2), (
        report
    )  # and what depends on it


async def test_what_could_not_be_done_is_another_status(okr: Okr, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("kept")
    for arguments, told in (
        (("import", str(tmp_path / "none.csv")), b"cannot be read"),
        (("import", "-", "--prune"), b"scope"),
        (("import", "-", "--format", "parquet"), b"Parquet"),
        (("import", "-", "--format", "xlsx"), b""),
        (("export", "--to", str(there), "--unit", "external:NONE"), b"NONE"),
        (("export", "--to", str(there), "--since", "now"), b""),
        (("export", "--to", str(tmp_path / "no" / "where.csv")), b"cannot be written"),
        (("export", "scorecards", "--to", str(there)), b"cycle_id"),
    ):
        done = await okr(*arguments, given=YEAR.encode())
        assert done.returncode == 2, (arguments, done)
        assert told in done.stderr, (arguments, done.stderr)
        assert b"Traceback" not in done.stderr
    gone = await okr("export", "--to", str(there), OKR_URL="http://127.0.0.1:9")
    assert (gone.returncode, b"no answer" in gone.stderr) == (2, True)
    assert there.read_text() == "kept"
    assert names_in(tmp_path) == ["there.csv"]


async def test_a_large_file_is_waited_for(start: Start, tenant: Tenant) -> None:
    app = start(import_job_from_bytes=0)
    async with listening(app) as port, working(app):
        okr = calling(port, tenant)
        loaded = await okr("import", "-", "--json", given=YEAR.encode())
        report = json.loads(loaded.stdout)
        assert (loaded.returncode, report["counts"]["created"]) == (0, 5), loaded.stderr
        job = loaded.stderr.decode().split()[-1]
        again = await okr("import", "--job", job, "--json")
        assert (again.returncode, json.loads(again.stdout)) == (0, report)
        wrong = YEAR.replace("increase,viên,0,300", "tăng lên,viên,0,300").encode()
        refused = await okr("import", "-", given=wrong)
        assert (refused.returncode, b"L2 (metric)" in refused.stderr) == (1, True), refused.stderr


async def test_a_job_is_waited_for_while_the_service_is_away(start: Start, tenant: Tenant) -> None:
    app = start()
    async with listening(app) as port:
        async with client(app, tenant.key) as rest:
            job = await submitted(rest, YEAR)
        waiting = asyncio.create_task(calling(port, tenant)("import", "--job", job["id"], "--json"))
        await asyncio.sleep(2)
    await asyncio.sleep(2)  # nobody is there
    assert not waiting.done()
    async with listening(app, port=port), working(app):
        done = await waiting
    assert (done.returncode, json.loads(done.stdout)["counts"]["created"]) == (0, 5), done.stderr


async def test_a_job_that_ends_without_a_report_says_so(start: Start, tenant: Tenant) -> None:
    app = start()
    async with listening(app) as port, client(app, tenant.key) as rest:
        okr = calling(port, tenant)
        job = await submitted(rest, YEAR)
        await rest.post(f"/v1/imports/{job['id']}:cancel")
        for arguments, told in (
            (("--job", job["id"]), b"cancelled"),
            (("--job", str(uuid4())), b""),
            (("--job", job["id"], "-"), b"either"),
            ((), b"either"),
        ):
            done = await okr("import", *arguments)
            assert (done.returncode, told in done.stderr) == (2, True), (arguments, done.stderr)
            assert b"Traceback" not in done.stderr


async def test_a_template_is_written_to_a_file_or_a_pipe(okr: Okr, tmp_path: Path) -> None:
    file = tmp_path / "year.xlsx"
    done = await okr("template", "--to", str(file), "--lang", "en")
    piped = await okr("template")
    assert (done.returncode, piped.returncode) == (0, 0), done.stderr + piped.stderr
    assert file.read_bytes()[:2] == piped.stdout[:2] == b"PK"

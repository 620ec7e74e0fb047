"""Measure how much memory the service takes at most for a large import beside a small one.

The file of `benchmarks.imports`, of 10,000 rows and of 1,000,000, each imported by a service
process of its own, as a job, into a tenant of its own; the process does the job too.

    .venv/bin/python -m benchmarks.import_memory [rows]
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.ground import ISSUING, ground, most_memory, serving
from benchmarks.imports import PATIENT, awaited, lines
from okr_service.credentials.tenants import found_with_key
from okr_service.imports.formats import Format
from okr_service.kernel.database import Database
from okr_service.settings import Settings

_SMALL = 10_000


async def _found(url: str, name: str) -> str:
    database = Database.as_owner(Settings(database_url=url))
    try:
        async with database.transaction() as tx:
            _, key = await found_with_key(tx, name, ISSUING)
    finally:
        await database.close()
    return key


def _imported(address: str, key: str, file: Path, rows: int) -> float:
    """Import a file by a job; returns the seconds that took."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": Format.CSV.value,
        "Prefer": "respond-async",
    }
    start = time.perf_counter()
    with (
        file.open("rb") as body,
        httpx.Client(base_url=address, headers=headers, timeout=3_600) as service,
    ):
        answer = service.post("/v1/imports?mode=commit", content=body).raise_for_status()
        told = awaited(service, answer.headers["location"])
    if not told["counts"] or told["counts"]["created"] != rows:
        raise RuntimeError(f"of {rows} rows were {told['counts']}")
    return time.perf_counter() - start


def _taken(url: str, rows: int) -> float:
    """Return the most MiB that a process took that imported a file."""
    key = asyncio.run(_found(url, f"{rows} rows"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "year.csv"
        with file.open("w") as written:
            written.writelines(f"{line}\n" for line in lines(rows))
        size = file.stat().st_size
        more = {**PATIENT, "DATABASE": url, "OKR_IMPORT_BODY_LIMIT_BYTES": str(2 * size)}
        with serving("benchmarks.list_page:service", **more) as address:
            rest = most_memory()
            seconds = _imported(address, key, file, rows)
            taken = most_memory()
    print(
        f"{rows:>9,} rows, {size / 1e6:,.0f} MB: {seconds:,.1f} s, {rows / seconds:,.0f} rows/s; "
        f"{taken:,.0f} MiB (at rest {rest:,.0f})",
        flush=True,
    )
    return taken


def main() -> None:
    """Import both, and print the ratio."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ground(shared_buffers="1GB", max_wal_size="8GB") as url:
        small, large = _taken(url, _SMALL), _taken(url, rows)
    print(f"memory against that of {_SMALL:,} rows: {large / small:.2f}  (goal at most 1.5)")


if __name__ == "__main__":
    main()

"""Measure what an import costs beside the bare writing of the same rows.

A CSV file of new objectives, key results with a figure and twelve monthly values each, and
some actions, sent to `POST /v1/imports?mode=commit` of one process, until the answer is
there: committed and rolled up; large files are imported by a job, which is waited for. Then the
same file again, of which all is unchanged, and once more as a workbook, in another tenant. Then
what the import wrote into the six tables of objectives, key results, planned values,
check-ins, action plans and actions is written by one `COPY` a table, by the tables' owner,
into a database that was empty before, with all its constraints and indexes. Each file
goes into a tenant of its own; rows a second are rows of the file.

    .venv/bin/python -m benchmarks.imports [rows [rounds]]
"""

import asyncio
import csv
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import xlsxwriter

from benchmarks.ground import ISSUING, ground, serving, settle, spread
from okr_service.credentials.tenants import found_with_key
from okr_service.imports.formats import Format
from okr_service.kernel.database import Database
from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

_FAN_OUT, _KEY_RESULTS, _ACTION_EVERY = 8, 3, 10
_HEADER = (
    "unit,cycle,objective,objective_title,parent_objective,objective_weight,key_result,"
    "key_result_title,metric,unit_of_measure,start,target,current,key_result_weight,action,"
    "action_due," + ",".join(f"T{month}" for month in range(1, 13))
)
_TABLES = ("objectives", "key_results", "planned_values", "check_ins", "action_plans", "actions")
_FRAME = ("tenants", "units", "cycles")
_FIRST, _AGAIN, _BOOK, _COPY = "first", "again", "book", "copy"
PATIENT = {"OKR_REQUEST_TIMEOUT_SECONDS": "3600", "OKR_STATEMENT_TIMEOUT_MS": "600000"}


def lines(rows: int) -> Iterator[str]:
    """Make up the lines of a file: a tree of objectives, some key results each."""
    yield _HEADER
    months = ",".join(str(100 * month) for month in range(1, 13))
    for row in range(rows):
        objective, place = divmod(row, _KEY_RESULTS)
        parent = f"MT-{(objective - 1) // _FAN_OUT}" if objective else ""
        action = f"Việc {row},2026-09-{row % 28 + 1:02}" if row % _ACTION_EVERY == 0 else ","
        yield (
            f"DV-{objective % 40},2026,MT-{objective},Nâng cao hiệu quả khối {objective},{parent},"
            f"{objective % 4 + 1},KR{place + 1},Sản lượng dây chuyền {row},increase,tấn,0,1200,"
            f"{row % 1200},{place + 1},{action},{months}"
        )


@dataclass(frozen=True)
class File:
    """A file to import."""

    body: bytes
    kind: Format
    rows: int


def _send(address: str, key: str, file: File, effect: str) -> float:
    """Import a file, and wait for it where that is a job; returns the seconds that took."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": file.kind.value}
    with httpx.Client(base_url=address, headers=headers, timeout=3_600) as service:
        start = time.perf_counter()
        answer = service.post("/v1/imports?mode=commit", content=file.body)
        if answer.status_code == httpx.codes.ACCEPTED:
            told = awaited(service, answer.headers["location"])
        else:
            told = answer.raise_for_status().json()
        seconds = time.perf_counter() - start
    if not told["counts"] or told["counts"][effect] != file.rows:
        raise RuntimeError(f"of {file.rows} rows were {told['counts']}")
    return seconds


def awaited(service: httpx.Client, location: str) -> dict[str, Any]:
    """Wait for an import that runs as a job; returns what came of it."""
    while True:
        job: dict[str, Any] = service.get(location).raise_for_status().json()
        if job["finished_at"]:
            return job
        time.sleep(0.1)


def _as_workbook(file: File) -> File:
    """Return the same rows as the one sheet of a workbook."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, line in enumerate(csv.reader(io.StringIO(file.body.decode()))):
            sheet.write_row(number, 0, line)
    return File(made.getvalue(), Format.XLSX, file.rows)


async def _found(database: Database, name: str) -> tuple[UUID, str]:
    async with database.transaction() as tx:
        tenant, key = await found_with_key(tx, name, ISSUING)
    return tenant.tenant_id, key


async def _copied(source: str, target: str, tenant_id: UUID) -> float:
    """Write a tenant's rows into another database; returns the seconds that took."""
    dsn = [database_url(url).set(drivername="postgresql") for url in (source, target)]
    there, here = [await asyncpg.connect(url.render_as_string(hide_password=False)) for url in dsn]
    try:
        seconds = 0.0
        for table in (*_FRAME, *_TABLES):
            taken = await _copy(there, here, table, tenant_id)
            seconds += taken if table in _TABLES else 0
        return seconds
    finally:
        await there.close()
        await here.close()


async def _copy(
    there: asyncpg.Connection, here: asyncpg.Connection, table: str, tenant_id: UUID
) -> float:
    """Copy a tenant's rows of a table; returns the seconds that writing them took."""
    columns = [
        row["attname"]
        for row in await there.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = CAST($1 AS regclass)"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            table,
        )
    ]
    names = ", ".join(columns)
    with tempfile.TemporaryFile() as data:
        asked = f"SELECT {names} FROM {table} WHERE tenant_id = $1"
        await there.copy_from_query(asked, tenant_id, output=data, format="binary")
        data.seek(0)
        start = time.perf_counter()
        await here.copy_to_table(table, source=data, columns=columns, format="binary")
        return time.perf_counter() - start


async def _round(
    address: str, urls: tuple[str, str], files: tuple[File, File], name: str
) -> dict[str, float]:
    """Import a file twice, and as a workbook, then copy what it wrote; the seconds of each."""
    file, book = files
    database = Database.as_owner(Settings(database_url=urls[0]))
    try:
        tenant_id, key = await _found(database, name)
        first = await asyncio.to_thread(_send, address, key, file, "created")
        again = await asyncio.to_thread(_send, address, key, file, "unchanged")
        await settle(database)
        _, other = await _found(database, f"{name}, of a workbook")
        booked = await asyncio.to_thread(_send, address, other, book, "created")
        await settle(database)
    finally:
        await database.close()
    copied = await _copied(*urls, tenant_id)
    return {_FIRST: first, _AGAIN: again, _BOOK: booked, _COPY: copied}


def main() -> None:
    """Import, import again and copy in each round; print the ratios."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    file = File("\n".join(lines(rows)).encode(), Format.CSV, rows)
    files = file, _as_workbook(file)
    figures: dict[str, list[float]] = {_FIRST: [], _AGAIN: [], _BOOK: [], _COPY: []}
    options = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
    with ground(**options) as url, ground(**options) as other:
        environment = {"DATABASE": url, **PATIENT}
        with serving("benchmarks.list_page:service", **environment) as address:
            for number in range(rounds):
                name = f"round {number}"
                measured = asyncio.run(_round(address, (url, other), files, name))
                for kind, seconds in measured.items():
                    figures[kind].append(seconds)
                print(name, {kind: round(seconds, 2) for kind, seconds in measured.items()})
    for kind, values in figures.items():
        print(f"{kind:<6}  {spread([rows / seconds for seconds in values])} rows/s")
    first, again, book, copy = (statistics.median(values) for values in figures.values())
    print(f"import against COPY     {copy / first:.2f}  (goal at least 0.15)")
    print(f"again against the first {again / first:.2f}  (goal at most 0.5)")
    print(f"workbook against CSV    {book / first:.2f}  (goal at most 2)")


if __name__ == "__main__":
    main()

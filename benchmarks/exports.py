"""Measure what an export of check-ins costs beside the bare reading of the same rows.

`GET /v1/exports/check-ins.csv` of one process, read to its end and thrown away, against
`COPY (SELECT the same columns) TO STDOUT` as CSV and into nothing, on one connection
of the tables' owner. Turns go A B B A. Then the other forms, once each; and how much memory
the process took at most.

    .venv/bin/python -m benchmarks.exports [check-ins [rounds]]
"""

import asyncio
import statistics
import sys
import time
import urllib.request

import asyncpg
from sqlalchemy import text

from benchmarks.ground import Tree, ground, most_memory, plant_one, serving, settle, spread, turns
from okr_service.exports.tables import TABLES
from okr_service.kernel.database import Database
from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

_EXPORT, _COPY = "export", "copy"
_A_KEY_RESULT = 10
# Reports as people write them, spread over the key results; the ids are in order of making.
_REPORT = """
    INSERT INTO check_ins (tenant_id, id, key_result_id, value, observed_at, recorded_at,
                           confidence, comment, obstacles, next_steps, source)
    SELECT :tenant_id,
           CAST(lpad(to_hex(1790000000000 + row_number() OVER ()), 12, '0') || '70008'
                || substr(md5(k.id::text || n), 1, 15) AS uuid),
           k.id, n * 1.25, now() - n * interval '1 day', now() - n * interval '1 day',
           'on_track', 'Sản lượng tuần ' || n || ' đạt kế hoạch', '', 'Giữ nhịp sản xuất', 'person'
      FROM key_results AS k
     CROSS JOIN generate_series(1, :each) AS n
     WHERE k.tenant_id = :tenant_id
"""


def _plant(url: str, check_ins: int) -> Tree:
    tree = plant_one(url, max(check_ins // _A_KEY_RESULT // 3, 1))

    async def report() -> None:
        database = Database.as_owner(Settings(database_url=url, statement_timeout_ms=3_600_000))
        try:
            async with database.transaction() as tx:
                given = {"tenant_id": tree.tenant_id, "each": _A_KEY_RESULT - 1}
                await tx.execute(text(_REPORT), given)
            await settle(database)
        finally:
            await database.close()

    asyncio.run(report())
    return tree


def _export(address: str, key: str, name: str) -> tuple[float, int, int]:
    """Return how long an export took, its bytes, and its lines."""
    asked = urllib.request.Request(
        f"{address}/v1/exports/{name}", headers={"Authorization": f"Bearer {key}"}
    )
    size = ends = 0
    start = time.perf_counter()
    with urllib.request.urlopen(asked) as answer:
        while piece := answer.read(1 << 18):
            size += len(piece)
            ends += piece.count(b"\n")
    return time.perf_counter() - start, size, ends


def _copy(url: str, tree: Tree) -> float:
    async def run() -> float:
        plain = database_url(url).set(drivername="postgresql")
        connection = await asyncpg.connect(plain.render_as_string(hide_password=False))

        async def forget(_: bytes) -> None:
            pass

        columns = ", ".join(TABLES["check-ins"].columns)
        asked = f"SELECT {columns} FROM check_ins WHERE tenant_id = '{tree.tenant_id}'"
        start = time.perf_counter()
        await connection.copy_from_query(asked, output=forget, format="csv")
        seconds = time.perf_counter() - start
        await connection.close()
        return seconds

    return asyncio.run(run())


def main() -> None:
    """Export and copy in turns; print the ratio."""
    check_ins = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    figures: dict[str, list[float]] = {_EXPORT: [], _COPY: []}
    with ground(shared_buffers="1GB", max_wal_size="8GB") as url:
        tree = _plant(url, check_ins)
        with serving("benchmarks.list_page:service", DATABASE=url) as address:
            print(f"at rest: {most_memory():,.0f} MiB")
            _, size, rows = _export(address, tree.key, "check-ins.csv")
            _copy(url, tree)
            print(f"{rows - 1:,} check-ins, {size / 1e6:,.1f} MB of CSV")
            for kind in turns(rounds, (_EXPORT, _COPY)):
                if kind == _EXPORT:
                    figures[kind].append(_export(address, tree.key, "check-ins.csv")[0])
                else:
                    figures[kind].append(_copy(url, tree))
            for kind, values in figures.items():
                print(f"{kind:<6}  {spread([rows / seconds for seconds in values])} rows/s")
            ratio = statistics.median(figures[_COPY]) / statistics.median(figures[_EXPORT])
            print(f"export against COPY {ratio:.2f}  (goal at least 0.3)")
            print(f"after CSV: {most_memory():,.0f} MiB")
            for name in ("check-ins.ndjson", "check-ins.parquet", "plan.csv"):
                seconds, size, _ = _export(address, tree.key, name)
                print(f"{name:<18} {seconds:.2f} s, {size / 1e6:,.1f} MB; {most_memory():,.0f} MiB")


if __name__ == "__main__":
    main()

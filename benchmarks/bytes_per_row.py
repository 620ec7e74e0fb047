"""Measure what a row costs on disk, with its share of the indexes, and how fast rows come.

Plants a tree, of three key results to an objective and a check-in to each, then reports
through the service for some seconds by one connection and by eight, each check-in in a
transaction of its own; the same statements by pgbench, a batch of 10,000, and then with a
webhook that is told of each. docs/capacity.md works with what it prints.

    .venv/bin/python -m benchmarks.bytes_per_row [objectives]
"""

import asyncio
import random
import sys
import time

import httpx
from sqlalchemy import text

from benchmarks.batch import batch_per_second
from benchmarks.ground import ground, plant_one, serving, settle
from benchmarks.load import check_ins, statements
from okr_service.kernel.database import Database
from okr_service.settings import Settings

_SECONDS = 20
_TABLES = (
    "objectives",
    "key_results",
    "check_ins",
    "progress_history",
    "audit_events",
    "events",
    "webhook_deliveries",
)
_WRITTEN = """
    SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), (SELECT count(*) FROM check_ins)"""
_SIZE = """
    SELECT (SELECT count(*) FROM {table}), pg_total_relation_size('{table}'),
           pg_indexes_size('{table}')"""


async def _sizes(url: str) -> dict[str, tuple[int, int, int]]:
    """Return of each table how many rows it has, its bytes, and those of its indexes."""
    database = Database.as_owner(Settings(database_url=url))
    await settle(database)
    found = {}
    async with database.reading() as connection:
        for table in _TABLES:
            row = (await connection.execute(text(_SIZE.format(table=table)))).one()
            found[table] = (int(row[0]), int(row[1]), int(row[2]))
    await database.close()
    return found


async def _written(url: str) -> tuple[int, int]:
    """Return how many bytes of log there were ever, and how many check-ins there are."""
    database = Database.as_owner(Settings(database_url=url))
    async with database.reading() as connection:
        row = (await connection.execute(text(_WRITTEN))).one()
    await database.close()
    return int(row[0]), int(row[1])


def _show(title: str, sizes: dict[str, tuple[int, int, int]]) -> None:
    print(title)
    for table, (rows, size, indexes) in sizes.items():
        if rows:
            each, of_them = size / rows, indexes / rows
            print(
                f"    {table:<20} {rows:>10,} rows  {each:>7,.0f} bytes, {of_them:,.0f} of indexes"
            )


def _all_told(address: str, headers: dict[str, str]) -> None:
    """Wait until nothing waits to be told to the webhook."""
    asked = {"state": "waiting", "limit": "1"}
    while True:
        answer = httpx.get(f"{address}/v1/webhook-deliveries", params=asked, headers=headers)
        if not answer.raise_for_status().json()["data"]:
            return
        time.sleep(0.5)


def main() -> None:
    """Plant, report, and print rows, bytes and rates."""
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    allowed = {"OKR_ALLOW_PRIVATE_WEBHOOKS": "true"}
    with ground(shared_buffers="1GB", max_wal_size="4GB") as url:
        tree = plant_one(url, objectives)
        _show("planted", asyncio.run(_sizes(url)))
        with (
            serving("benchmarks.webhooks:receiver") as target,
            serving("benchmarks.list_page:service", DATABASE=url, **allowed) as address,
        ):
            headers = {"Authorization": f"Bearer {tree.key}"}
            for connections in (1, 8):
                log, rows = asyncio.run(_written(url))
                rate = check_ins(address, [tree] * connections, _SECONDS)
                more_log, more_rows = asyncio.run(_written(url))
                each = (more_log - log) / (more_rows - rows)
                took = f"{rate.per_second:,.0f} check-ins/s, p99 {rate.p99:.0f} ms"
                print(f"{connections} connections: {took}, {each:,.0f} bytes of log each")
            print(f"the statements alone, by 8: {statements(url, [tree] * 8):,.0f} check-ins/s")
            batch = batch_per_second(address, tree, random.Random(2026))
            print(f"a batch of 10,000: {batch:,.0f} check-ins/s")
            webhook = {"name": "A", "url": target, "types": ["okr.check_in.recorded"]}
            httpx.post(f"{address}/v1/webhooks", json=webhook, headers=headers).raise_for_status()
            check_ins(address, [tree], _SECONDS)
            _all_told(address, headers)
        _show("reported", asyncio.run(_sizes(url)))


if __name__ == "__main__":
    main()

"""Measure what it costs that every write appends its events, and how fast the feed is read.

Check-ins of random key results, all in one tree, over HTTP, by one connection and by eight;
as it is, and on a copy of the database in which `okr_publish` does nothing and the triggers
are disabled.
Then pages of the feed, over HTTP and by the function, against a SELECT of the same rows by
the same function's connection. Turn about.

    .venv/bin/python -m benchmarks.outbox [objectives]
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta

import asyncpg
from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.engine import URL

from benchmarks.ground import Tree, ground, plant_one, serving, settle, spread, turns
from benchmarks.load import check_ins, requests_per_second
from okr_service.events.feed import Feed
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.database import Database
from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

_ROUNDS, _SECONDS = 15, 3
_PAGE, _PAGES = 500, 40
_ON, _OFF = "with", "without"
_COPY = "CREATE DATABASE okr_without TEMPLATE okr"
_DISABLED = [
    f"ALTER TABLE {table} DISABLE TRIGGER progress_published"
    for table in ("objectives", "key_results")
]
_SELECT = text(
    "SELECT place, id, type, subject_id, objective_id, occurred_at, before, after FROM events"
    " WHERE tenant_id = :tenant_id AND place > :after ORDER BY place LIMIT :limit"
).bindparams(bindparam("tenant_id", type_=Uuid), bindparam("after", type_=BigInteger))
_NOTHING = """
CREATE OR REPLACE FUNCTION okr_publish(tenant uuid, changes jsonb) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN END $$
"""


def _without_outbox(url: str) -> str:
    """Copy a database and let nothing be appended there; returns the copy's URL."""
    copy = database_url(url).set(database="okr_without")
    asyncio.run(_run(database_url(url).set(database="postgres"), _COPY))
    asyncio.run(_run(copy, _NOTHING, *_DISABLED))
    return copy.render_as_string(hide_password=False)


async def _run(url: URL, *statements: str) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def _compare_writes(addresses: Mapping[str, str], tree: Tree) -> None:
    for connections in (1, 8):
        crowd = [tree] * connections
        figures: dict[str, list[float]] = {how: [] for how in addresses}
        for address in addresses.values():
            check_ins(address, crowd, _SECONDS)
        for how in turns(_ROUNDS, list(figures)):
            figures[how].append(check_ins(addresses[how], crowd, _SECONDS).per_second)
        for how, values in figures.items():
            print(f"{connections} {how:<8}  {spread(values)} check-ins/s")
        ratio = statistics.median(figures[_ON]) / statistics.median(figures[_OFF])
        print(f"ratio of {connections}  {ratio:.3f}  (goal at least 0.85)", flush=True)


def _compare_reads(url: str, address: str, tree: Tree) -> None:
    figures = asyncio.run(_read(url, tree))
    path = f"{address}/v1/events?limit={_PAGE}"
    figures["over HTTP"] = [
        requests_per_second(path, tree.key, _SECONDS, connections=1) * _PAGE for _ in range(_ROUNDS)
    ]
    for how, values in figures.items():
        print(f"{how:<10}  {spread(values)} events/s")
    for how in ("function", "over HTTP"):
        ratio = statistics.median(figures[how]) / statistics.median(figures["SELECT"])
        print(f"ratio of {how:<9}  {ratio:.3f}  (goal at least 0.5)")


async def _read(url: str, tree: Tree) -> dict[str, list[float]]:
    """Return how many events a second are read, all that there are, a page at a time."""
    database = Database(Settings(database_url=url))
    feed = Feed(database, timedelta(days=1))
    while (part := await feed.read(tree.admin, EventsWanted(limit=1, after="latest"))).has_more:
        print(f"placed {part.until.place:,}", flush=True)
    pages = min(_PAGES, part.until.place // _PAGE)
    await settle(Database.as_owner(Settings(database_url=url)))

    async def by_feed() -> None:
        cursor = None
        for _ in range(pages):
            found = await feed.read(tree.admin, EventsWanted(after=cursor, limit=_PAGE))
            assert found.data.count(b'"specversion"') == _PAGE
            cursor = str(found.until)

    async def by_select() -> None:
        for page in range(pages):
            async with database.reading(tree.tenant_id) as connection:
                of = {"tenant_id": tree.tenant_id, "after": page * _PAGE, "limit": _PAGE}
                assert len((await connection.execute(_SELECT, of)).all()) == _PAGE

    ways = {"function": by_feed, "SELECT": by_select}
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for name in turns(_ROUNDS, list(ways)):
        start = time.perf_counter()
        await ways[name]()
        figures[name].append(pages * _PAGE / (time.perf_counter() - start))
    await database.close()
    return figures


def main() -> None:
    """Plant a tree, write, read, print the ratios."""
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with ground(shared_buffers="1GB", max_wal_size="8GB") as url:
        tree = plant_one(url, objectives)
        with _served(url) as address, _served(_without_outbox(url)) as other:
            _compare_writes({_ON: address, _OFF: other}, tree)
            _compare_reads(url, address, tree)


def _served(url: str) -> AbstractContextManager[str]:
    return serving("benchmarks.list_page:service", DATABASE=url, OKR_POOL_SIZE="8")


if __name__ == "__main__":
    main()

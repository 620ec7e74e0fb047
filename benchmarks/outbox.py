"""Measure what it costs that every write appends its events, and how fast the feed is read.

Check-ins of random key results, all in one tree, over HTTP, by one connection and by eight;
as it is, and with nothing appended: `okr_publish` does nothing, the triggers are disabled.
Then pages of the feed, over HTTP and by the function, against a SELECT of the same rows by
the same function's connection. Turn about.

    .venv/bin/python -m benchmarks.outbox [objectives]
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
from sqlalchemy import BigInteger, Uuid, bindparam, text

from benchmarks.ground import Tree, ground, plant_one, serving, settle, spread, turns
from benchmarks.load import check_ins, requests_per_second
from okr_service.events.feed import Feed
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.database import Database, database_url
from okr_service.settings import Settings

_ROUNDS, _SECONDS = 7, 5
_PAGE, _PAGES = 500, 40
_ON, _OFF = "with", "without"
_TRIGGERS = ("objectives", "key_results")
_SELECT = text(
    "SELECT place, id, type, subject_id, objective_id, occurred_at, before, after FROM events"
    " WHERE tenant_id = :tenant_id AND place > :after ORDER BY place LIMIT :limit"
).bindparams(bindparam("tenant_id", type_=Uuid), bindparam("after", type_=BigInteger))
_NOTHING = """
CREATE OR REPLACE FUNCTION okr_publish(tenant uuid, changes jsonb) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN END $$
"""


async def _run(url: str, *statements: str) -> str:
    """Run statements; returns what the last one shows, if it shows anything."""
    plain = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    for statement in statements[:-1]:
        await connection.execute(statement)
    shown = await connection.fetchval(statements[-1])
    await connection.close()
    return str(shown)


class _Outbox:
    """The outbox of a database, to be switched off and on."""

    def __init__(self, url: str) -> None:
        self._url = url
        named = "SELECT pg_get_functiondef('okr_publish'::regproc)"
        self._as_it_is = asyncio.run(_run(url, named))

    @contextmanager
    def switched(self, how: str) -> Iterator[None]:
        """Have it on or off for a while."""
        if how == _OFF:
            self._switch(_NOTHING, "DISABLE")
        yield
        if how == _OFF:
            self._switch(self._as_it_is, "ENABLE")

    def _switch(self, publish: str, triggers: str) -> None:
        each = [f"ALTER TABLE {table} {triggers} TRIGGER progress_published" for table in _TRIGGERS]
        asyncio.run(_run(self._url, publish, *each, "SELECT 1"))


def _compare_writes(url: str, address: str, tree: Tree) -> None:
    outbox = _Outbox(url)
    for connections in (1, 8):
        crowd = [tree] * connections
        figures: dict[str, list[float]] = {_ON: [], _OFF: []}
        for how in (_ON, _OFF):
            with outbox.switched(how):
                check_ins(address, crowd, 2)
        for how in turns(_ROUNDS, list(figures)):
            with outbox.switched(how):
                check_ins(address, crowd, 1)
                figures[how].append(check_ins(address, crowd, _SECONDS).per_second)
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
        with serving("benchmarks.list_page:service", DATABASE=url, OKR_POOL_SIZE="8") as address:
            _compare_writes(url, address, tree)
            _compare_reads(url, address, tree)


if __name__ == "__main__":
    main()

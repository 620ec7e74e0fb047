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
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from benchmarks.ground import Tree, ground, plant_one, serving, spread, turns
from benchmarks.load import check_ins
from okr_service.kernel.database import database_url

_ROUNDS, _SECONDS = 7, 5
_ON, _OFF = "with", "without"
_TRIGGERS = ("objectives", "key_results")
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


def main() -> None:
    """Plant a tree, write, read, print the ratios."""
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with ground(shared_buffers="1GB", max_wal_size="8GB") as url:
        tree = plant_one(url, objectives)
        with serving("benchmarks.list_page:service", DATABASE=url, OKR_POOL_SIZE="8") as address:
            _compare_writes(url, address, tree)


if __name__ == "__main__":
    main()

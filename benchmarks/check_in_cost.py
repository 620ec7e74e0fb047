"""Measure whether a check-in costs more in a larger tree.

Single check-ins of random key results through the service's function, each in its
own durable transaction, turn about on trees of 1,000, 100,000 and 1,000,000
objectives of the same depth.

    .venv/bin/python -m benchmarks.check_in_cost [largest]
"""

import asyncio
import random
import statistics
import sys
import time

from benchmarks.ground import Tree, ground, plant, spread, turns
from okr_service.checkins.service import record_check_in
from okr_service.kernel.database import Database
from okr_service.settings import Settings

_LEVELS = 7
_ROUNDS, _EACH = 15, 200


async def _time(database: Database, tree: Tree, chance: random.Random) -> float:
    """Return the median time of one check-in, in milliseconds."""
    times = []
    for _ in range(_EACH):
        new = tree.check_in(chance)
        start = time.perf_counter()
        async with database.transaction() as tx:
            await record_check_in(tx, tree.admin, new)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


async def _measure(url: str, largest: int) -> None:
    chance = random.Random(2026)
    database = Database(Settings(database_url=url))
    trees = []
    for size in (1_000, 100_000, largest):
        trees.append(await plant(database, size, _LEVELS))
        print(f"planted {size:,}", flush=True)
    for tree in trees:
        await _time(database, tree, chance)
    figures: dict[int, list[float]] = {tree.objectives: [] for tree in trees}
    for tree in turns(_ROUNDS, trees):
        figures[tree.objectives].append(await _time(database, tree, chance))
    await database.close()
    for size, times in figures.items():
        print(f"{size:>9,} objectives  {spread(times)} ms a check-in")
    ratio = statistics.median(figures[largest]) / statistics.median(figures[1_000])
    print(f"ratio of the largest to the smallest  {ratio:.3f}  (goal at most 1.5)")


def main() -> None:
    """Plant the trees, measure, print the ratio."""
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        asyncio.run(_measure(url, largest))


if __name__ == "__main__":
    main()

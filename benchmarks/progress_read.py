"""Measure whether reading a progress costs more in a larger tree.

The progress of random objectives, and that of the root, by the statement that answers
`GET /v1/objectives/{id}?fields=progress`, turn about on trees of 1,000 and 1,000,000
objectives of the same depth.

    .venv/bin/python -m benchmarks.progress_read [largest]
"""

import asyncio
import random
import statistics
import sys
import time

from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.ground import Tree, ground, plant, settle, spread, turns
from okr_service.kernel.database import Database
from okr_service.kernel.documents import PageRequest
from okr_service.kernel.fields import Ref
from okr_service.kernel.reach import EVERYTHING
from okr_service.kernel.references import identifies
from okr_service.objectives.model import Objective
from okr_service.objectives.reads import OBJECTIVES
from okr_service.settings import Settings

_LEVELS = 7
_ROUNDS, _EACH = 15, 400
_SMALLEST = 1_000
_ANY, _ROOT = "random objectives", "the root"
_PROGRESS = PageRequest(fields=("progress",))


async def _time(reading: AsyncConnection, tree: Tree, what: str, chance: random.Random) -> float:
    """Return the median time of one read, in microseconds."""
    times = []
    for _ in range(_EACH):
        number = 0 if what == _ROOT else chance.randrange(tree.objectives)
        start = time.perf_counter()
        named = identifies(Objective, tree.tenant_id, Ref(f"external:L-{number}"))
        shown = await OBJECTIVES.one(reading, tree.tenant_id, EVERYTHING, named, _PROGRESS)
        times.append((time.perf_counter() - start) * 1_000_000)
        if shown is None:
            raise RuntimeError(f"there is no L-{number}")
    return statistics.median(times)


async def _measure(url: str, largest: int) -> None:
    chance = random.Random(2026)
    database = Database.as_owner(Settings(database_url=url))
    trees = [await plant(database, size, _LEVELS) for size in (_SMALLEST, largest)]
    await settle(database)
    cases = [(tree, what) for what in (_ANY, _ROOT) for tree in trees]
    figures: dict[tuple[Tree, str], list[float]] = {case: [] for case in cases}
    async with database.reading() as reading:
        for case in cases:
            await _time(reading, *case, chance)
        for case in turns(_ROUNDS, cases):
            figures[case].append(await _time(reading, *case, chance))
    await database.close()
    for (tree, what), times in figures.items():
        print(f"{what:<17}  {tree.objectives:>9,} objectives  {spread(times)} µs a read")
    for what in (_ANY, _ROOT):
        small, large = (statistics.median(figures[tree, what]) for tree in trees)
        print(f"ratio for {what:<17}  {large / small:.3f}  (goal at most 1.3)")


def main() -> None:
    """Plant the trees, read, print the ratios."""
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        asyncio.run(_measure(url, largest))


if __name__ == "__main__":
    main()

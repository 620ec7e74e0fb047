"""Measure what a batch of check-ins saves.

10,000 check-ins in one `POST /v1/check-ins:batch` against single `POST /v1/check-ins`,
one after the other over one connection, both of random key results of one tree of
100,000 objectives, through one process; each transaction is durable. Turn about.

    .venv/bin/python -m benchmarks.batch [objectives]
"""

import json
import random
import statistics
import sys
import time
import urllib.request

from benchmarks.ground import Tree, ground, plant_one, serving, spread, turns
from benchmarks.load import check_ins

_ROUNDS, _ITEMS = 7, 10_000
_BATCH, _SINGLE = "batch", "single"


def batch_per_second(address: str, tree: Tree, chance: random.Random) -> float:
    """Return how many check-ins a second one batch records."""
    items = [
        tree.check_in(chance).model_dump(mode="json", exclude_unset=True) for _ in range(_ITEMS)
    ]
    request = urllib.request.Request(
        f"{address}/v1/check-ins:batch",
        json.dumps({"check_ins": items}).encode(),
        {"Authorization": f"Bearer {tree.key}", "Content-Type": "application/json"},
    )
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        recorded = json.load(answer)["recorded"]
    if recorded != _ITEMS:
        raise RuntimeError(f"{recorded} of {_ITEMS} were recorded")
    return _ITEMS / (time.perf_counter() - start)


def main() -> None:
    """Plant the tree, report in both ways, print the ratio."""
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    chance = random.Random(2026)
    figures: dict[str, list[float]] = {_BATCH: [], _SINGLE: []}
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        tree = plant_one(url, objectives)
        with serving("benchmarks.list_page:service", DATABASE=url) as address:
            measures = {
                _BATCH: lambda: batch_per_second(address, tree, chance),
                _SINGLE: lambda: check_ins(address, [tree]).per_second,
            }
            for name in turns(_ROUNDS + 1, list(measures)):
                figures[name].append(measures[name]())
    counted = {name: values[1:] for name, values in figures.items()}  # the first warms up
    for name, values in counted.items():
        print(f"{name:<6}  {spread(values)} check-ins/s")
    ratio = statistics.median(counted[_BATCH]) / statistics.median(counted[_SINGLE])
    print(f"ratio   {ratio:.1f}  (goal at least 20)")


if __name__ == "__main__":
    main()

"""Measure what it costs that figures come by other systems' names.

10,000 readings in one `POST /v1/feeds/{id}/readings`, of metrics mapped to as many random key
results of one tree, against 10,000 check-ins of the same key results in one
`POST /v1/check-ins:batch`, through one process; each transaction is durable. Half of the
mappings of `mixed` take the latest reading, half the sum of the cycle. Turn about.

    .venv/bin/python -m benchmarks.feed_readings [objectives] [rounds]
"""

import asyncio
import json
import random
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

from sqlalchemy import select

from benchmarks.ground import Tree, ground, plant_one, serving, settle, spread, turns
from okr_service.feeds.model import FeedMapping
from okr_service.feeds.service import create_feed, series_of
from okr_service.feeds.shapes import NewMetricFeed
from okr_service.kernel.database import Database
from okr_service.kernel.model import new_id
from okr_service.kernel.writes import add_all
from okr_service.objectives.model import KeyResult
from okr_service.settings import Settings

_ITEMS = 10_000
_LATEST, _MIXED, _BATCH = "latest", "mixed", "batch"
_moments = (datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=n) for n in count())


def _mapped(url: str, tree: Tree, chance: random.Random, aggregations: list[str]) -> UUID:
    """Map a metric to so many key results that no other feed has; returns the feed's id."""

    async def run() -> UUID:
        database = Database.as_owner(Settings(database_url=url))
        async with database.transaction(tree.tenant_id) as tx:
            feed = await create_feed(tx, tree.admin, NewMetricFeed(name="ERP", source="erp"))
            taken = select(FeedMapping.key_result_id).where(FeedMapping.tenant_id == tree.tenant_id)
            of = (KeyResult.tenant_id == tree.tenant_id, KeyResult.id.not_in(taken))
            ids = list(await tx.scalars(select(KeyResult.id).where(*of)))
            rows = [
                {
                    "tenant_id": tree.tenant_id,
                    "id": new_id(),
                    "feed_id": feed.id,
                    "metric": "revenue",
                    "dimensions": {"company": str(n)},
                    "series": series_of(feed.id, "revenue", {"company": str(n)}),
                    "key_result_id": key_result_id,
                    "aggregation": aggregations[n % len(aggregations)],
                    "factor": Decimal(1),
                    "offset": Decimal(0),
                    "negated": False,
                    "version": 1,
                }
                for n, key_result_id in enumerate(chance.sample(ids, _ITEMS))
            ]
            await add_all(tx, FeedMapping, rows)
        await settle(database)
        await database.close()
        return feed.id

    return asyncio.run(run())


def _posted(address: str, tree: Tree, path: str, body: object) -> tuple[float, int]:
    """Send a request; returns how many items a second it took, and how many are recorded."""
    request = urllib.request.Request(
        f"{address}/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {tree.key}", "Content-Type": "application/json"},
    )
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        recorded = json.load(answer)["recorded"]
    return _ITEMS / (time.perf_counter() - start), recorded


def _readings(address: str, tree: Tree, feed_id: UUID, chance: random.Random) -> float:
    moment = next(_moments).isoformat()
    readings = [
        {
            "metric": "revenue",
            "dimensions": {"company": str(n)},
            "observed_at": moment,
            "value": str(chance.randrange(101)),
            "reading_id": f"FI-{n}",
        }
        for n in range(_ITEMS)
    ]
    rate, recorded = _posted(address, tree, f"feeds/{feed_id}/readings", {"readings": readings})
    return _required(rate, recorded)


def _batch(address: str, tree: Tree, chance: random.Random) -> float:
    items = [
        tree.check_in(chance).model_dump(mode="json", exclude_unset=True) for _ in range(_ITEMS)
    ]
    return _required(*_posted(address, tree, "check-ins:batch", {"check_ins": items}))


def _required(rate: float, recorded: int) -> float:
    if recorded != _ITEMS:
        raise RuntimeError(f"{recorded} of {_ITEMS} were recorded")
    return rate


def main() -> None:
    """Plant the tree, report in each way, print the ratios."""
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    chance = random.Random(2026)
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        tree = plant_one(url, objectives)
        latest = _mapped(url, tree, chance, ["latest"])
        mixed = _mapped(url, tree, chance, ["latest", "sum"])
        with serving("benchmarks.list_page:service", DATABASE=url) as address:
            measures: dict[str, Callable[[], float]] = {
                _LATEST: lambda: _readings(address, tree, latest, chance),
                _MIXED: lambda: _readings(address, tree, mixed, chance),
                _BATCH: lambda: _batch(address, tree, chance),
            }
            figures: dict[str, list[float]] = {name: [] for name in measures}
            for name in turns(rounds + 1, list(measures)):
                figures[name].append(measures[name]())
    counted = {name: values[1:] for name, values in figures.items()}  # the first warms up
    for name, values in counted.items():
        print(f"{name:<6}  {spread(values)} a second")
    for name in (_LATEST, _MIXED):
        ratio = statistics.median(counted[name]) / statistics.median(counted[_BATCH])
        print(f"ratio of {name}  {ratio:.2f}  (goal at least 0.8)")


if __name__ == "__main__":
    main()

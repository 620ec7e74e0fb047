"""Measure what it costs that all check-ins of one tree move the same root.

8 connections report on random key results, all in one tree of 100,000 objectives,
against 8 that do so each in a tree of its own, of the same depth and with an eighth
as many objectives, and against 1 alone. Each of the 8 trees has a tenant of its own:
so they share no row at all, not even the cycle that check-ins of one tenant hold
together, and it is the whole cost of sharing that shows. Turn about, three times over:

    over HTTP     through one process, with as many database connections
    functions     the service's function, called by two processes with 4 connections each
    statements    the same statements by pgbench, which leaves the machine to PostgreSQL

Where Python keeps the machine busy, as in the first two on a small one, nobody waits
for a row for long: the third shows what sharing a root costs. A walk up ends where a
progress rounds to what it was; how many reach the root is printed too.

    .venv/bin/python -m benchmarks.contention [objectives]
    .venv/bin/python -m benchmarks.contention [objectives] --simulate

With `--simulate` it is the same 8 connections in one tree over HTTP, alone and while
one client more asks again and again what two changes in that tree would come to.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import uvloop
from sqlalchemy import select

from benchmarks.ground import Tree, ground, plant_all, serving, spread, turns
from benchmarks.load import Load, check_ins, posts, statements
from okr_service.checkins.service import record_check_in
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import identifies
from okr_service.objectives.model import Objective
from okr_service.settings import Settings

_CONNECTIONS, _PROCESSES = 8, 2
_ROUNDS, _SECONDS = 7, 6
_SAMPLED = 300
_ONE, _OWN, _ALONE = "8 in one tree", "8 in 8 trees", "1 alone"
_QUIET, _DISTURBED = "alone", "beside simulations"
_CHANGES = {
    "changes": [
        {"edit_objective": {"id": "external:L-5", "changes": {"weight": 2}}},
        {"check_in": {"key_result_id": "external:L-7/KR1", "value": "50"}},
    ]
}


def _compare(url: str, one: Tree, own: Sequence[Tree]) -> None:
    crowds = {_ONE: [one] * _CONNECTIONS, _OWN: own, _ALONE: [one]}
    with (
        serving("benchmarks.list_page:service", DATABASE=url, OKR_POOL_SIZE="8") as address,
        ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as processes,
    ):
        for tree in (one, own[0]):
            share = asyncio.run(_reaching_root(url, tree))
            print(f"{share:.0%} of check-ins reach the root of {tree.objectives:,}", flush=True)
        ways: dict[str, Callable[[Sequence[Tree]], float]] = {
            "over HTTP": lambda trees: check_ins(address, trees, _SECONDS).per_second,
            "functions": lambda trees: _called(processes, url, trees),
            "statements": lambda trees: statements(url, trees, _SECONDS),
        }
        for way, per_second in ways.items():
            figures: dict[str, list[float]] = {name: [] for name in crowds}
            for trees in crowds.values():
                per_second(trees)
            for name in turns(_ROUNDS, list(crowds)):
                figures[name].append(per_second(crowds[name]))
            _show(way, figures)


def _show(way: str, figures: Mapping[str, list[float]]) -> None:
    print(way)
    for name, values in figures.items():
        print(f"    {name:<13}  {spread(values)} check-ins/s")
    medians = {name: statistics.median(values) for name, values in figures.items()}
    print(f"    ratio of one tree to 8  {medians[_ONE] / medians[_OWN]:.3f}  (goal at least 0.35)")
    print(f"    ratio of 8 in one to 1  {medians[_ONE] / medians[_ALONE]:.3f}", flush=True)


def _called(processes: Executor, url: str, trees: Sequence[Tree]) -> float:
    """Return how many check-ins a second calls get recorded, one connection to each tree named."""
    shares = [list(trees[n::_PROCESSES]) for n in range(_PROCESSES)]
    done = processes.map(_call_for_a_while, [url] * len(shares), shares)
    return sum(done) / _SECONDS


def _call_for_a_while(url: str, trees: Sequence[Tree]) -> int:
    """Return how many check-ins were recorded, after a second to warm up."""

    async def run() -> int:
        database = Database(Settings(database_url=url, pool_size=_CONNECTIONS))
        start = time.perf_counter() + 1
        counts = await asyncio.gather(*(_keep_reporting(database, tree, start) for tree in trees))
        await database.close()
        return sum(counts)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the service has
        return runner.run(run())


async def _keep_reporting(database: Database, tree: Tree, start: float) -> int:
    chance = random.Random()
    count = 0
    while (now := time.perf_counter()) < start + _SECONDS:
        async with database.transaction() as tx:
            await record_check_in(tx, tree.admin, tree.check_in(chance))
        count += now >= start
    return count


async def _reaching_root(url: str, tree: Tree) -> float:
    """Return the share of check-ins that change something on the root."""
    database, chance = Database(Settings(database_url=url)), random.Random(2026)
    named = identifies(Objective, tree.tenant_id, Ref("external:L-0"))
    seen = []
    for _ in range(_SAMPLED + 1):
        async with database.transaction() as tx:
            seen.append(await tx.scalar(select(Objective.progress_sum).where(named)))
            await record_check_in(tx, tree.admin, tree.check_in(chance))
    await database.close()
    return sum(before != after for before, after in pairwise(seen)) / _SAMPLED


def _disturb(url: str, tree: Tree) -> None:
    crowd, changes = [tree] * _CONNECTIONS, json.dumps(_CHANGES)
    loads: dict[str, list[Load]] = {_QUIET: [], _DISTURBED: []}
    simulations = []
    with (
        serving("benchmarks.list_page:service", DATABASE=url, OKR_POOL_SIZE="9") as address,
        ThreadPoolExecutor() as threads,
    ):
        to_simulate = (f"{address}/v1/rollup:simulate", tree.key, changes, _SECONDS)
        check_ins(address, crowd, _SECONDS)
        posts(*to_simulate)
        for name in turns(_ROUNDS, list(loads)):
            asked = threads.submit(posts, *to_simulate) if name == _DISTURBED else None
            loads[name].append(check_ins(address, crowd, _SECONDS))
            if asked is not None:
                simulations.append(asked.result().per_second)
    rates = {name: [load.per_second for load in found] for name, found in loads.items()}
    latest = {name: [load.p99 for load in found] for name, found in loads.items()}
    for name in loads:
        print(f"{name:<18}  {spread(rates[name])} check-ins/s, p99 {spread(latest[name])} ms")
    print(f"simulations         {spread(simulations)} a second")
    for name, of in (("check-ins/s", rates), ("p99", latest)):
        ratio = statistics.median(of[_DISTURBED]) / statistics.median(of[_QUIET])
        print(f"ratio of {name:<11}  {ratio:.3f}")


def main() -> None:
    """Plant the trees, report from many connections, print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objectives", type=int, nargs="?", default=100_000)
    parser.add_argument("--simulate", action="store_true", help="beside simulations instead")
    given = parser.parse_args()
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        own = [] if given.simulate else [given.objectives // _CONNECTIONS] * _CONNECTIONS
        one, *trees = plant_all(url, [given.objectives, *own])
        if given.simulate:
            _disturb(url, one)
        else:
            _compare(url, one, trees)


if __name__ == "__main__":
    main()

"""Measure what questions about a large tree cost, beside plain reads of the same rows.

On one tree of 100,000 objectives with 3 key results each and 12 weekly check-ins on
each of those, turn about, over connections of the kind that the service reads by:

    explain     the root, 3 levels deep, against one indexed read of as many rows
    tree        the root, 3 levels deep, against one indexed read of the same objects
    as of       the root two months ago, against one pass over the same check-ins
    recompute   the whole forest, against one pass over the same rows

    .venv/bin/python -m benchmarks.questions [objectives] [--plan]

With `--plan` it ends with how PostgreSQL answers the one that is furthest from its goal.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, event, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks import plain_reads
from benchmarks.ground import Tree, ground, plant, settle, spread, turns
from okr_service.access.policy import Principal, Scope, granted
from okr_service.analysis import reads
from okr_service.analysis.reads import Moment, TreeRequest
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import identifies
from okr_service.kernel.sql import load_sql
from okr_service.objectives.model import Objective
from okr_service.rollup.service import _RECOMPUTED
from okr_service.settings import Settings

_LEVELS, _DEPTH = 7, 3
_GOAL = 3.0
_WEEKS = 12
_EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF)"

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked, and what it is measured in; its goal is in the first measure."""

    name: str
    ask: Ask
    measures: Mapping[str, Ask]
    rounds: int
    warm_ups: int = 6  # PostgreSQL settles on a plan for a prepared statement after five
    has_goal: bool = True


@dataclass(frozen=True)
class _Asking:
    """What can be asked about a tree, over a usual connection or one that reads end to end."""

    usual: AsyncConnection
    one_pass: AsyncConnection
    tenant_id: UUID
    root: UUID
    rows: Mapping[str, list[UUID]]

    @property
    def who(self) -> Principal:
        """Who asks: somebody who sees everything."""
        return Principal(self.tenant_id, "benchmark", granted([Scope.ADMIN]), "benchmark")

    def questions(self) -> list[Question]:
        objectives, key_results = (len(ids) for ids in self.rows.values())
        by_id = {f"{objectives + key_results:,} rows by id": self._by_id(plain_reads.ROWS_BY_ID)}
        nodes = {f"{objectives:,} objects by id": self._by_id(plain_reads.NODES_BY_ID)}
        check_ins = {
            "check-ins, grouped": self._in_one_pass(plain_reads.CHECK_INS_GROUPED),
            "check-ins, summed": self._in_one_pass(plain_reads.CHECK_INS_SUMMED),
        }
        weights = {"weights, grouped": self._in_one_pass(plain_reads.CONTRIBUTORS_GROUPED)}
        month = {"as of": self.as_of}
        return [
            Question("explain", self.explain, by_id, rounds=40),
            Question("tree", self.tree, nodes, rounds=40),
            Question("as of", self.as_of, check_ins, rounds=5),
            Question("13 weeks", self.weeks, month, rounds=2, warm_ups=0, has_goal=False),
            Question("recompute", self.recompute, weights, rounds=5),
        ]

    async def explain(self) -> None:
        await reads.explain(self.usual, self.who, self.root, _DEPTH, 50)

    async def tree(self) -> None:
        await reads.tree(self.usual, self.who, self.root, TreeRequest(_DEPTH, 50))

    async def as_of(self) -> None:
        now = datetime.now(UTC)
        moment = Moment(now - timedelta(days=61), now)
        await reads.as_of(self.usual, self.who, self.root, [moment], 0)

    async def weeks(self) -> None:
        now = datetime.now(UTC)
        moments = [Moment(now - timedelta(weeks=back), now) for back in range(13)]
        await reads.as_of(self.usual, self.who, self.root, moments, 0)

    async def recompute(self) -> None:
        right = _RECOMPUTED.subquery("right")
        sums = func.sum(right.c.weight_sum), func.sum(right.c.progress_sum)
        of = {"tenant": self.tenant_id, "objective_ids": [], "everything": True}
        await self.usual.execute(select(func.count(right.c.id), *sums), of)

    def _by_id(self, statement: TextClause) -> Ask:
        return lambda: self.usual.execute(statement, {"tenant_id": self.tenant_id, **self.rows})

    def _in_one_pass(self, statement: TextClause) -> Ask:
        return lambda: self.one_pass.execute(statement, {"tenant_id": self.tenant_id})


async def _compare(question: Question) -> float:
    """Print what a question and its measures take; returns the ratio to the first of these."""
    asks = {question.name: question.ask, **question.measures}
    figures: dict[str, list[float]] = {name: [] for name in asks}
    for name in turns(question.warm_ups + question.rounds, list(asks)):
        start = time.perf_counter()
        await asks[name]()
        figures[name].append((time.perf_counter() - start) * 1000)
    counted = {name: times[question.warm_ups :] for name, times in figures.items()}
    ours = statistics.median(counted[question.name])
    for name, times in counted.items():
        ratio = "" if name == question.name else f"  ratio {ours / statistics.median(times):.2f}"
        print(f"{name:<20}  {spread(times)} ms{ratio}", flush=True)
    return ours / statistics.median(counted[next(iter(question.measures))])


async def _plan(asking: _Asking, question: Question) -> str:
    """Return how PostgreSQL answers the one statement that a question asks."""
    asked: list[Any] = []

    def note(*of: Any) -> None:
        asked.append(of[2:4])

    event.listen(asking.usual.sync_connection, "before_cursor_execute", note)
    await question.ask()
    event.remove(asking.usual.sync_connection, "before_cursor_execute", note)
    (statement, values), *_ = asked
    plan = await asking.usual.exec_driver_sql(f"{_EXPLAIN} {statement}", values)
    return "\n".join(plan.scalars())


async def _plant(database: Database, objectives: int) -> Tree:
    tree = await plant(database, objectives, _LEVELS)
    async with database.transaction() as tx:
        await tx.execute(load_sql(__package__, "past_check_ins"), {"weeks": _WEEKS - 1})
    await settle(database)
    print(f"planted {objectives:,} objectives", flush=True)
    return tree


async def _measure(url: str, objectives: int, *, with_plan: bool) -> None:
    database = Database.as_owner(Settings(database_url=url, statement_timeout_ms=3_600_000))
    tenant_id = (await _plant(database, objectives)).tenant_id
    async with database.reading() as usual, plain_reads.one_pass(database) as one_pass:
        root_is = identifies(Objective, tenant_id, Ref("external:L-0"))
        root = (await usual.execute(select(Objective.id).where(root_is))).scalar_one()
        rows = await plain_reads.looked_at(usual, tenant_id, root, _DEPTH)
        asking = _Asking(usual, one_pass, tenant_id, root, rows)
        ratios = {question: await _compare(question) for question in asking.questions()}
        goals = {question: ratio for question, ratio in ratios.items() if question.has_goal}
        for question, ratio in goals.items():
            print(f"ratio of {question.name:<10} {ratio:6.2f}  (goal at most {_GOAL:g})")
        if with_plan:
            furthest = max(goals, key=lambda question: goals[question])
            print(f"\n{furthest.name}\n{await _plan(asking, furthest)}")
    await database.close()


def main() -> None:
    """Plant the tree, ask, print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objectives", type=int, nargs="?", default=100_000)
    parser.add_argument(
        "--plan", action="store_true", help="explain what is furthest from its goal"
    )
    given = parser.parse_args()
    with ground(shared_buffers="2GB", max_wal_size="8GB") as url:
        asyncio.run(_measure(url, given.objectives, with_plan=given.plan))


if __name__ == "__main__":
    main()

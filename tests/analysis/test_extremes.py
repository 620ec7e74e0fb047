"""Questions about the deepest tree there can be, and about a very wide one."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from tests.build import Build
from tests.conftest import Tenant
from tests.rollup import exact

from okr_service.analysis import reads
from okr_service.analysis.reads import Moment, TreeRequest
from okr_service.demo.large import plant_large
from okr_service.kernel.database import Database
from okr_service.kernel.forest import DEEPEST
from okr_service.objectives.model import Objective

_SIBLINGS = 10_000


async def test_the_deepest_tree(build: Build, database: Database, tenant: Tenant) -> None:
    line = [await build.objective()]
    for level in range(1, DEEPEST):
        line.append(await build.objective(parent_id=line[-1]["id"], weight=level % 3 + 1))
    for number, objective in enumerate(line):
        measured = await build.key_result(objective, target_value="7", weight=number % 4)
        await build.check_in(measured, number % 8)
    progress: Fraction | None = None
    for level, objective in reversed(list(enumerate(line))):
        parts = [(level % 4, exact.rounded(min(Fraction(level % 8, 7), Fraction(1))))]
        if progress is not None:
            parts.append(((level + 1) % 3 + 1, progress))
        weight = sum(w for w, _ in parts)
        total = sum((w * p for w, p in parts), Fraction(0))
        progress = exact.rounded(total / weight) if weight else None
        shown = await build.get(f"objectives/{objective['id']}")
        assert _exact(shown["progress"]) == progress
    root = UUID(line[0]["id"])
    now = datetime.now(UTC) + timedelta(days=1)

    async with database.reading() as tx:
        tree = await reads.tree(tx, tenant.who, root, TreeRequest(DEEPEST, 1))
        explained = orjson.loads(await reads.explain(tx, tenant.who, root, DEEPEST, 100))
        then = await reads.as_of(tx, tenant.who, root, [Moment(now, now)], DEEPEST)

    assert tree.objectives.count('"children"') == DEEPEST
    parts = sum(_exact(one["contribution"]) for one in explained["contributors"])
    assert abs(parts - progress) < Fraction(DEEPEST, 10**6)
    assert max(len(one["path"]) for one in explained["contributors"]) == DEEPEST - 1
    assert [_exact(orjson.loads(then)["objectives"][0]["progress"][0])] == [progress]


async def test_ten_thousand_siblings(database: Database, tenant: Tenant) -> None:
    await plant_large(database, tenant.tenant_id, _SIBLINGS + 1, fan_out=_SIBLINGS)
    o = Objective.__table__.c
    async with database.reading() as tx:
        of = select(o.id, o.parent_id, o.weight, o.progress).where(o.tenant_id == tenant.tenant_id)
        rows = (await tx.execute(of)).all()
        [root] = [row for row in rows if row.parent_id is None]
        explained = orjson.loads(await reads.explain(tx, tenant.who, root.id, 1, 1000))
        now = datetime.now(UTC) + timedelta(days=1)
        then = await reads.as_of(tx, tenant.who, root.id, [Moment(now, now)], 1)
        shown: list[str] = []
        cursor: UUID | None = None
        while not shown or cursor is not None:
            request = TreeRequest(1, 200, cursor)
            found = await reads.tree(tx, tenant.who, root.id, request)
            [tree] = orjson.loads(found.objectives)
            shown += [child["id"] for child in tree["children"]]
            cursor = UUID(tree["next_children"]) if tree["next_children"] else None

    siblings = {str(row.id): row for row in rows if row.parent_id is not None}
    assert len(shown) == _SIBLINGS
    assert set(shown) == set(siblings)
    named, others = explained["contributors"], explained["others"]
    assert others["count"] == _SIBLINGS + 3 - 1000
    parts = sum(_exact(one["contribution"]) for one in [*named, others])
    assert abs(parts - Fraction(root.progress)) < Fraction(1, 10**6)
    progress = {one["id"]: _exact(one["progress"][0]) for one in orjson.loads(then)["objectives"]}
    assert progress == {str(row.id): Fraction(row.progress) for row in rows}


def _exact(shown: float | None) -> Any:  # a Fraction, or None
    return None if shown is None else Fraction(str(shown))

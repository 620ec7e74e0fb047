"""Questions asked while everything is edited: each answer is right for some moment."""

from fractions import Fraction
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import func, select, text
from tests.build import Build
from tests.conftest import Tenant
from tests.rollup import exact, stored
from tests.rollup.racing import EDITS, Tree, planted
from tests.rollup.test_concurrency import edited_at_once

from okr_service.analysis import reads
from okr_service.analysis.reads import Moment, TreeRequest
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.forest import DEEPEST

_ALL = TreeRequest(DEEPEST, 200, key_results=True)
_COUNTED = ("active", "closed")
Json = dict[str, Any]  # what PostgreSQL built


@pytest.mark.parametrize("seed", range(20, 22))
async def test_answers_are_right_while_all_is_edited(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    tree = await planted(database, tenant, build, seed)
    await edited_at_once(database, tree, 30, EDITS, partial(_ask, database, tree))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 204))
async def test_answers_are_right_while_much_is_edited(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    tree = await planted(database, tenant, build, seed)
    await edited_at_once(database, tree, 200, EDITS, partial(_ask, database, tree))


async def _ask(database: Database, tree: Tree) -> None:
    """Ask everything of one moment, and hold the answers against each other."""
    who = tree.who
    async with database.transaction() as tx:
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        stored_then = await stored.figures(tx, who.tenant_id)
        forest = await reads.forest(tx, who, tree.cycle, _ALL)
        roots = orjson.loads(forest.objectives)
        now = Moment(*(2 * [(await _now(tx))]))
        for root in roots:
            row_id = UUID(root["id"])
            _agrees(root, stored_then)
            found = orjson.loads(await reads.as_of(tx, who, row_id, [now], DEEPEST))
            for one in found["objectives"]:
                assert _exact(one["progress"][0]) == stored_then[UUID(one["id"])].progress
            explained = orjson.loads(await reads.explain(tx, who, row_id, DEEPEST, 1000))
            parts = sum(_exact(one["contribution"]) for one in explained["contributors"])
            assert abs(parts - (_exact(root["progress"]) or 0)) < Fraction(DEEPEST, 10**6)


async def _now(tx: Transaction) -> Any:
    """Return a moment after all that the transaction can see; reports may be hours ahead."""
    return await tx.scalar(select(func.clock_timestamp() + text("interval '2 days'")))


def _agrees(node: Json, stored_then: exact.Figures) -> None:
    """Fail unless a node's progress is what its children in the same answer make it."""
    parts = [(_exact(k["weight"]), _exact(k["progress"])) for k in node["key_results"]]
    parts += [
        (_exact(child["weight"]), _exact(child["progress"]))
        for child in node["children"]
        if child["state"] in _COUNTED and child["progress"] is not None
    ]
    weight = sum((w for w, _ in parts), Fraction(0))
    total = sum((w * p for w, p in parts), Fraction(0))
    progress = exact.rounded(total / weight) if weight else None
    assert _exact(node["progress"]) == progress
    assert stored_then[UUID(node["id"])].progress == progress
    for child in node["children"]:
        _agrees(child, stored_then)


def _exact(shown: float | None) -> Any:  # a Fraction, or None
    return None if shown is None else Fraction(str(shown))

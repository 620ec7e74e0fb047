"""Every question, after any history of edits, is answered as fractions have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import new_tenant
from tests.rollup import exact, stored
from tests.rollup.edits import Edited

from okr_service.access.policy import Principal, Scope, granted
from okr_service.analysis import reads
from okr_service.analysis.reads import Moment, TreeRequest
from okr_service.kernel.database import Database, Reading
from okr_service.kernel.forest import DEEPEST

_histories = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
_ALL = TreeRequest(DEEPEST, 200, key_results=True, count_children=True)
_ROUNDED = Fraction(1, 10**12)


@dataclass
class _Asked:
    """A tenant after a history, and the model of it."""

    tx: Reading
    tenant_id: UUID
    cycle_id: UUID
    model: exact.Forest

    @property
    def figures(self) -> exact.Figures:
        return self.model.figures()

    @property
    def who(self) -> Principal:
        return Principal(self.tenant_id, "test", granted([Scope.ADMIN]), "test")

    def objectives(self) -> list[UUID]:
        return [row_id for row_id, o in self.model.objectives.items() if not o.deleted]


async def _ask(database: Database, data: st.DataObject, edits: int) -> None:
    tenant = await new_tenant(database)
    who = tenant.who
    edited = Edited(database, who, data)
    await edited.begin()
    for _ in range(edits):
        await edited.edit()
    async with database.reading() as tx:
        model = await stored.forest(tx, tenant.tenant_id)
        asked = _Asked(tx, tenant.tenant_id, edited.cycle_id, model)
        await _trees_are_right(asked)
        await _explanations_add_up(asked, data)
        await _feeds_add_up(asked)
        await _past_moments_are_right(asked, data)


@settings(_histories, max_examples=25)
@given(data=st.data())
async def test_any_question_after_any_history(database: Database, data: st.DataObject) -> None:
    await _ask(database, data, 25)


@pytest.mark.slow
@settings(_histories, max_examples=150)
@given(data=st.data())
async def test_any_question_after_any_long_history(database: Database, data: st.DataObject) -> None:
    await _ask(database, data, 80)


# trees


async def _trees_are_right(asked: _Asked) -> None:
    found = await reads.forest(asked.tx, asked.who, asked.cycle_id, _ALL)
    nodes = [node for tree in orjson.loads(found.objectives) for node in _nodes(tree)]
    assert len(nodes) == len(asked.objectives())
    for row_id in asked.objectives():
        tree = await reads.tree(asked.tx, asked.who, row_id, _ALL)
        [root] = orjson.loads(tree.objectives)
        _matches(root, row_id, asked)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from _nodes(child)


def _matches(node: dict[str, Any], row_id: UUID, asked: _Asked) -> None:
    figures = asked.figures[row_id]
    children = asked.model.children(row_id)
    assert (UUID(node["id"]), _exact(node["progress"])) == (row_id, figures.progress)
    assert {UUID(child["id"]) for child in node["children"]} == set(children)
    assert (node["children_count"], node["has_more_children"]) == (len(children), False)
    assert {UUID(leaf["id"]): _exact(leaf["progress"]) for leaf in node["key_results"]} == {
        key_result_id: asked.figures[key_result_id].progress
        for key_result_id, key_result in asked.model.key_results.items()
        if key_result.objective_id == row_id and not key_result.deleted
    }
    for child in node["children"]:
        _matches(child, UUID(child["id"]), asked)


# explanations


async def _explanations_add_up(asked: _Asked, data: st.DataObject) -> None:
    for row_id in asked.objectives():
        depth = data.draw(st.integers(1, 4) | st.just(DEEPEST))
        limit = data.draw(st.integers(1, 3) | st.just(1000))
        found = orjson.loads(await reads.explain(asked.tx, asked.who, row_id, depth, limit))
        _adds_up(found, asked.model, row_id, depth, limit)


def _adds_up(
    found: dict[str, Any], model: exact.Forest, row_id: UUID, depth: int, limit: int
) -> None:
    wanted = model.shares(row_id, depth)
    figures = model.figures()[row_id]
    contributors, others = found["contributors"], found["others"]
    assert _exact(found["objective"]["progress"]) == figures.progress
    assert (len(contributors), others["count"]) == (
        min(limit, len(wanted)),
        max(len(wanted) - limit, 0),
    )
    for one in contributors:
        share, progress = wanted[UUID(one["id"])]
        assert abs(_exact(one["share"]) - share) <= _ROUNDED
        assert _exact(one["progress"]) == progress
        assert abs(_exact(one["contribution"]) - share * progress) <= _ROUNDED
        assert abs(_exact(one["withheld"]) - share * (1 - progress)) <= _ROUNDED
    withheld = [one["withheld"] for one in contributors]
    assert withheld == sorted(withheld, reverse=True)
    if wanted:
        total = sum(_exact(one["contribution"]) for one in [*contributors, others])
        assert abs(total - figures.progress) < depth * Fraction(1, 10**6)
        assert abs(sum(_exact(one["share"]) for one in [*contributors, others]) - 1) < 10**-9


# feeds


async def _feeds_add_up(asked: _Asked) -> None:
    for row_id, key_result in asked.model.key_results.items():
        if key_result.deleted or key_result.aggregate is None:
            continue
        found = orjson.loads(await reads.feeds(asked.tx, asked.who, row_id, 1, 1000))
        assert _exact(found["value"]) == asked.model.current(row_id)
        feeding = {UUID(one["id"]): _exact(one["value"]) for one in found["data"]}
        counted = dict(asked.model.feeding(row_id))
        assert {k: v for k, v in feeding.items() if v is not None} == counted
        parts = sum(_exact(one["contribution"]) or 0 for one in found["data"])
        if counted:
            current = asked.model.current(row_id)
            assert current is not None
            assert abs(parts - current) <= len(counted) * Fraction(1, 10**10)


# past moments


async def _past_moments_are_right(asked: _Asked, data: st.DataObject) -> None:
    check_ins = [c for k in asked.model.key_results.values() for c in k.check_ins.values()]
    recorded = {at for c in check_ins for at in (c.recorded_at, c.voided_at) if at is not None}
    seen = {c.observed_at for c in check_ins}
    edges = sorted({*recorded, *seen, datetime.now(UTC)})
    moment = st.sampled_from(edges) | st.sampled_from(edges).map(_just_before)
    moments = [
        Moment(data.draw(moment), data.draw(moment)) for _ in range(data.draw(st.integers(1, 3)))
    ]
    models = [asked.model.as_of(m.as_of, m.known_at) for m in moments]
    for row_id in asked.objectives():
        answer = await reads.as_of(asked.tx, asked.who, row_id, moments, DEEPEST)
        found = {UUID(one["id"]): one for one in orjson.loads(answer)["objectives"]}
        assert set(found) == set(_beneath(asked.model, row_id))
        for beneath_id, one in found.items():
            wanted = [model.figures()[beneath_id].progress for model in models]
            assert [_exact(progress) for progress in one["progress"]] == wanted
    row_id = asked.objectives()[0]
    explained = await reads.explain(asked.tx, asked.who, row_id, DEEPEST, 1000, moments[0])
    _adds_up(orjson.loads(explained), models[0], row_id, DEEPEST, 1000)


def _just_before(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=1)


def _beneath(model: exact.Forest, row_id: UUID) -> Iterator[UUID]:
    yield row_id
    for child_id in model.children(row_id):
        yield from _beneath(model, child_id)


def _exact(shown: float | str | None) -> Any:  # a Fraction, or None
    return None if shown is None else Fraction(str(shown))

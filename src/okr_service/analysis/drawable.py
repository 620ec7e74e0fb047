"""What pictures are drawn from, read by the same questions that answer in JSON."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from okr_service.access.policy import Principal
from okr_service.analysis.errors import TooManyPoints, TreeTooLarge
from okr_service.analysis.reads import TreeRequest, history, tree
from okr_service.analysis.shapes import Step
from okr_service.kernel.database import Reading
from okr_service.objectives.model import Objective
from okr_service.pictures.shapes import HistoryPoint, TreeNode

_DRAWN_LEVELS, _DRAWN_CHILDREN = 5, 30  # no more than a picture can show


async def drawable_tree(tx: Reading, who: Principal, objective_id: UUID) -> TreeNode:
    """Return as much of a tree as a picture can hold."""
    request = TreeRequest(_DRAWN_LEVELS, _DRAWN_CHILDREN, count_children=True)
    while True:
        try:
            found = await tree(tx, who, objective_id, request)
        except TreeTooLarge:  # so wide that fewer levels fill the picture
            request = replace(request, depth=request.depth - 1)
        else:
            return _drawable(orjson.loads(found.objectives)[0])


def _drawable(node: dict[str, Any]) -> TreeNode:
    children = tuple(_drawable(child) for child in node["children"])
    return TreeNode(
        title=node["title"],
        unit=node["unit"]["name"],
        owner=node["owner"] and node["owner"]["name"],
        state=node["state"],
        progress=_decimal(node["progress"]),
        expected_progress=Decimal(str(node["expected_progress"])),
        health=node["health"],
        weight=Decimal(str(node["weight"])),
        confidence=node["confidence"],
        children=children,
        children_left=node["children_count"] - len(children),
    )


async def _series(tx: Reading, who: Principal, objective_id: UUID) -> list[dict[str, Any]]:
    """Return the points of a cycle, as far apart as it takes for all to fit."""
    for step in (Step.DAY, Step.WEEK):
        with suppress(TooManyPoints):
            found = await history(tx, who, objective_id, None, None, step)
            return list(orjson.loads(found)["data"])
    found = await history(tx, who, objective_id, None, None, Step.MONTH)
    return list(orjson.loads(found)["data"])


async def drawable_history(
    tx: Reading, who: Principal, objective_id: UUID
) -> tuple[str, list[HistoryPoint]]:
    """Return an objective's title and the points of its picture, over its cycle."""
    named = select(Objective.title).where(
        Objective.tenant_id == who.tenant_id, Objective.id == objective_id
    )
    title = str(await tx.scalar(named))
    points = [
        HistoryPoint(
            date.fromisoformat(point["date"]),
            _decimal(point["progress"]),
            Decimal(str(point["expected_progress"])),
        )
        for point in await _series(tx, who, objective_id)
    ]
    return title, points


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))

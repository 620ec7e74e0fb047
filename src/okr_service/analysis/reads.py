"""What the rollup can be asked, each in one statement; answers are JSON as PostgreSQL built it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Date,
    Integer,
    Text,
    Uuid,
    bindparam,
)

from okr_service.access.policy import Principal
from okr_service.analysis.errors import EndsBeforeStart, TooManyPoints, TreeTooLarge
from okr_service.analysis.shapes import Step
from okr_service.analysis.statements import EXPLANATION, EXPLANATION_THEN, SERIES
from okr_service.kernel.database import Reading
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.sql import load_sql

MOST_NODES = 5_000
MOST_POINTS = 1_000
_TENANT, _OBJECTIVE = bindparam("tenant_id", type_=Uuid), bindparam("objective_id", type_=Uuid)
_DEPTH = bindparam("depth", type_=Integer)
_TREE = load_sql(__package__, "tree").bindparams(
    _TENANT,
    _OBJECTIVE,
    _DEPTH,
    bindparam("cycle_id", type_=Uuid),
    bindparam("after_id", type_=Uuid),
    bindparam("breadth", type_=Integer),
    bindparam("most", type_=Integer),
    bindparam("key_results", type_=Boolean),
    bindparam("count_children", type_=Boolean),
    *reach_parameters(),
)
_HISTORY = load_sql(__package__, "history").bindparams(
    _TENANT,
    _OBJECTIVE,
    bindparam("first_day", type_=Date),
    bindparam("last_day", type_=Date),
    bindparam("step", type_=Text),
    bindparam("most", type_=Integer),
)
_FEEDS = load_sql(__package__, "feeds").bindparams(
    _TENANT,
    _DEPTH,
    bindparam("key_result_id", type_=Uuid),
    bindparam("most", type_=Integer),
    *reach_parameters(),
)


@dataclass(frozen=True)
class Moment:
    """A past moment: what was seen by `as_of`, of what was known at `known_at`."""

    as_of: datetime
    known_at: datetime

    @classmethod
    def of(cls, as_of: datetime | None, known_at: datetime | None) -> "Moment | None":
        """Return the moment that is meant; either alone means both; neither means now: None."""
        seen, known = as_of or known_at, known_at or as_of
        return None if seen is None or known is None else cls(seen, known)


@dataclass(frozen=True)
class TreeRequest:
    """Which part of a tree is wanted: how deep, how many children of each, after which."""

    depth: int
    breadth: int
    after: UUID | None = None
    key_results: bool = False
    count_children: bool = False


@dataclass(frozen=True)
class Tree:
    """A list of nested objectives as JSON, and the root to go on after, if any."""

    objectives: str
    next_root: UUID | None


async def tree(tx: Reading, who: Principal, objective_id: UUID, request: TreeRequest) -> Tree:
    """Return an objective with those beneath it.

    Raises:
        TreeTooLarge: there are more than 5,000.
    """
    return await _tree(tx, who, request, objective_id, None)


async def forest(tx: Reading, who: Principal, cycle_id: UUID, request: TreeRequest) -> Tree:
    """Return the objectives of a cycle that support none in it, with those beneath them.

    Raises:
        TreeTooLarge: there are more than 5,000.
    """
    return await _tree(tx, who, request, None, cycle_id)


async def _tree(
    tx: Reading,
    who: Principal,
    request: TreeRequest,
    objective_id: UUID | None,
    cycle_id: UUID | None,
) -> Tree:
    of = {
        "tenant_id": who.tenant_id,
        "objective_id": objective_id,
        "cycle_id": cycle_id,
        "depth": request.depth,
        "breadth": request.breadth,
        "after_id": request.after,
        "key_results": request.key_results,
        "count_children": request.count_children,
        "most": MOST_NODES,
        **who.sight.parameters,
    }
    found = (await tx.execute(_TREE, of)).one()
    if found.is_too_large:
        raise TreeTooLarge(MOST_NODES)
    return Tree(found.objectives, found.next_root)


async def explain(
    tx: Reading,
    who: Principal,
    objective_id: UUID,
    depth: int,
    limit: int,
    moment: Moment | None = None,
) -> str:
    """Return what makes up an objective's progress, what withholds most first."""
    of: dict[str, object] = {
        "tenant_id": who.tenant_id,
        "objective_id": objective_id,
        "depth": depth,
        "limit": limit,
        **who.sight.parameters,
    }
    if moment is None:
        return str(await tx.scalar(EXPLANATION, of))
    of |= {"as_of": [moment.as_of], "known_at": [moment.known_at], "key_results": True}
    of |= {"seen_until": moment.as_of, "known_until": moment.known_at}
    return str(await tx.scalar(EXPLANATION_THEN, of))


async def as_of(
    tx: Reading, who: Principal, objective_id: UUID, moments: Sequence[Moment], depth: int
) -> str:
    """Return how far an objective, and those beneath it to a depth, had come at past moments."""
    of = {
        "tenant_id": who.tenant_id,
        "objective_id": objective_id,
        "as_of": [moment.as_of for moment in moments],
        "known_at": [moment.known_at for moment in moments],
        "key_results": False,
        "levels": depth,
        **who.sight.parameters,
    }
    return str(await tx.scalar(SERIES, of))


async def history(
    tx: Reading,
    who: Principal,
    objective_id: UUID,
    first_day: date | None,
    last_day: date | None,
    step: Step,
) -> str:
    """Return an objective's daily progress, filled forward, and where it should have been.

    Raises:
        EndsBeforeStart, TooManyPoints.
    """
    if first_day and last_day and last_day < first_day:
        raise EndsBeforeStart().at("/last_day")
    of = {
        "tenant_id": who.tenant_id,
        "objective_id": objective_id,
        "first_day": first_day,
        "last_day": last_day,
        "step": f"1 {step.value}",
        "most": MOST_POINTS,
    }
    points, data = (await tx.execute(_HISTORY, of)).one()
    if points > MOST_POINTS:
        raise TooManyPoints(MOST_POINTS)
    return f'{{"data":{data}}}'


async def feeds(tx: Reading, who: Principal, key_result_id: UUID, depth: int, limit: int) -> str:
    """Return which key results make up the value of another."""
    of = {
        "tenant_id": who.tenant_id,
        "key_result_id": key_result_id,
        "depth": depth,
        "most": limit,
        **who.sight.parameters,
    }
    return str(await tx.scalar(_FEEDS, of))

"""What the rollup can be asked, each in one statement; answers are JSON as PostgreSQL built it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    TextualSelect,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from okr_service.analysis.errors import EndsBeforeStart, TooManyPoints, TreeTooLarge
from okr_service.analysis.shapes import Step
from okr_service.kernel.database import Reading
from okr_service.kernel.documents import Expression, json_object, ratio
from okr_service.kernel.sql import load_sql
from okr_service.objectives.model import KeyResult, Objective

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
)
_CONTRIBUTORS: TextualSelect = (
    load_sql(__package__, "contributors")
    .bindparams(_TENANT, _OBJECTIVE, _DEPTH)
    .columns(
        column("kind", Text),
        column("id", Uuid),
        column("weight", Numeric),
        column("progress", Numeric),
        column("share", Numeric),
        column("path", ARRAY(Uuid)),
    )
)
_MOMENT = DateTime(timezone=True)
_MOMENTS = ARRAY(_MOMENT)
_AS_OF: TextualSelect = (
    load_sql(__package__, "as_of")
    .bindparams(
        _TENANT,
        _OBJECTIVE,
        bindparam("as_of", type_=_MOMENTS),
        bindparam("known_at", type_=_MOMENTS),
        bindparam("key_results", type_=Boolean),
    )
    .columns(
        column("kind", Text),
        column("id", Uuid),
        column("depth", Integer),
        column("at", Integer),
        column("progress", Numeric),
    )
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
    _TENANT, _DEPTH, bindparam("key_result_id", type_=Uuid), bindparam("most", type_=Integer)
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


async def tree(tx: Reading, tenant_id: UUID, objective_id: UUID, request: TreeRequest) -> Tree:
    """Return an objective with those beneath it.

    Raises:
        TreeTooLarge: there are more than 5,000.
    """
    return await _tree(tx, tenant_id, request, objective_id, None)


async def forest(tx: Reading, tenant_id: UUID, cycle_id: UUID, request: TreeRequest) -> Tree:
    """Return the objectives of a cycle that support none in it, with those beneath them.

    Raises:
        TreeTooLarge: there are more than 5,000.
    """
    return await _tree(tx, tenant_id, request, None, cycle_id)


async def _tree(
    tx: Reading,
    tenant_id: UUID,
    request: TreeRequest,
    objective_id: UUID | None,
    cycle_id: UUID | None,
) -> Tree:
    of = {
        "tenant_id": tenant_id,
        "objective_id": objective_id,
        "cycle_id": cycle_id,
        "depth": request.depth,
        "breadth": request.breadth,
        "after_id": request.after,
        "key_results": request.key_results,
        "count_children": request.count_children,
        "most": MOST_NODES,
    }
    found = (await tx.execute(_TREE, of)).one()
    if found.is_too_large:
        raise TreeTooLarge(MOST_NODES)
    return Tree(found.objectives, found.next_root)


async def explain(
    tx: Reading,
    tenant_id: UUID,
    objective_id: UUID,
    depth: int,
    limit: int,
    moment: Moment | None = None,
) -> str:
    """Return what makes up an objective's progress, what withholds most first."""
    of: dict[str, object] = {
        "tenant_id": tenant_id,
        "objective_id": objective_id,
        "depth": depth,
        "limit": limit,
    }
    if moment is None:
        return str(await tx.scalar(_EXPLANATION, of))
    of |= {"as_of": [moment.as_of], "known_at": [moment.known_at], "key_results": True}
    of |= {"seen_until": moment.as_of, "known_until": moment.known_at}
    return str(await tx.scalar(_EXPLANATION_THEN, of))


async def as_of(
    tx: Reading, tenant_id: UUID, objective_id: UUID, moments: Sequence[Moment], depth: int
) -> str:
    """Return how far an objective, and those beneath it to a depth, had come at past moments."""
    of = {
        "tenant_id": tenant_id,
        "objective_id": objective_id,
        "as_of": [moment.as_of for moment in moments],
        "known_at": [moment.known_at for moment in moments],
        "key_results": False,
        "levels": depth,
    }
    return str(await tx.scalar(_SERIES, of))


async def history(
    tx: Reading,
    tenant_id: UUID,
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
        "tenant_id": tenant_id,
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


async def feeds(tx: Reading, tenant_id: UUID, key_result_id: UUID, depth: int, limit: int) -> str:
    """Return which key results make up the value of another."""
    of = {
        "tenant_id": tenant_id,
        "key_result_id": key_result_id,
        "depth": depth,
        "most": limit,
    }
    return str(await tx.scalar(_FEEDS, of))


def _explanation(then: CTE | None) -> Select[str]:
    given = _CONTRIBUTORS.subquery("given")
    progress = given.c.progress if then is None else then.c.progress
    withheld = given.c.share * (1 - progress)
    weighed_of = select(
        given.c.kind,
        given.c.id,
        given.c.weight,
        given.c.share,
        given.c.path,
        progress.label("progress"),
        (given.c.share * progress).label("contribution"),
        withheld.label("withheld"),
        func.row_number().over(order_by=[withheld.desc(), given.c.id]).label("place"),
    )
    if then is not None:
        weighed_of = weighed_of.join(
            then, (then.c.kind == given.c.kind) & (then.c.id == given.c.id)
        )
    weighed = weighed_of.cte("weighed")
    limit = bindparam("limit", type_=Integer)
    empty = func.json_build_array()
    listed = func.json_agg(aggregate_order_by(_contributor(weighed), weighed.c.place))
    named = select(func.coalesce(listed, empty)).where(weighed.c.place <= limit)
    others = select(
        json_object(
            {
                "count": func.count(),
                **{name: _long_ratio(_total(weighed.c[name])) for name in _PARTS},
            }
        )
    ).where(weighed.c.place > limit)
    of = {
        "objective": _explained(then),
        "as_of": null() if then is None else bindparam("seen_until", type_=_MOMENT),
        "known_at": null() if then is None else bindparam("known_until", type_=_MOMENT),
        "contributors": named.scalar_subquery(),
        "others": others.select_from(weighed).scalar_subquery(),
    }
    return select(cast(json_object(of), Text))


_PARTS = ("share", "contribution", "withheld")


def _contributor(weighed: CTE) -> Expression:
    steps = func.unnest(weighed.c.path).table_valued("id", with_ordinality="step")
    on_the_way = steps.render_derived("on_the_way")
    above = aliased(Objective)
    path = (
        select(
            func.coalesce(
                func.json_agg(
                    aggregate_order_by(
                        json_object({"id": above.id, "title": above.title}), on_the_way.c.step
                    )
                ),
                func.json_build_array(),
            )
        )
        .select_from(on_the_way)
        .join(above, (above.tenant_id == _TENANT) & (above.id == on_the_way.c.id))
        .correlate(weighed)
        .scalar_subquery()
    )
    return json_object(
        {
            "kind": weighed.c.kind,
            "id": weighed.c.id,
            "external_id": _of_contributor(weighed, "external_id"),
            "title": _of_contributor(weighed, "title"),
            "path": path,
            "weight": ratio(weighed.c.weight),
            "share": _long_ratio(weighed.c.share),
            "progress": ratio(weighed.c.progress),
            "contribution": _long_ratio(weighed.c.contribution),
            "withheld": _long_ratio(weighed.c.withheld),
        }
    )


def _of_contributor(weighed: CTE, name: str) -> Expression:
    of_key_result = (
        select(getattr(KeyResult, name))
        .where(KeyResult.tenant_id == _TENANT, KeyResult.id == weighed.c.id)
        .scalar_subquery()
    )
    of_objective = (
        select(getattr(Objective, name))
        .where(Objective.tenant_id == _TENANT, Objective.id == weighed.c.id)
        .scalar_subquery()
    )
    return case((weighed.c.kind == literal("key_result"), of_key_result), else_=of_objective)


def _explained(then: CTE | None) -> Expression:
    progress: Expression = Objective.progress
    if then is not None:
        progress = (
            select(then.c.progress)
            .where(then.c.kind == literal("objective"), then.c.id == _OBJECTIVE)
            .scalar_subquery()
        )
    return (
        select(
            json_object(
                {
                    "id": Objective.id,
                    "external_id": Objective.external_id,
                    "title": Objective.title,
                    "progress": func.trim_scale(progress),
                }
            )
        )
        .where(Objective.tenant_id == _TENANT, Objective.id == _OBJECTIVE)
        .scalar_subquery()
    )


def _total(column: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    return func.coalesce(func.sum(column), 0)


def _long_ratio(column: ColumnElement[Decimal]) -> Expression:
    return func.trim_scale(func.round(column, 12))


def _series() -> Select[str]:
    found = _AS_OF.subquery("found")
    levels = bindparam("levels", type_=Integer)
    progress = func.json_agg(aggregate_order_by(func.trim_scale(found.c.progress), found.c.at))
    listed = (
        select(found.c.id, func.min(found.c.depth).label("depth"), progress.label("progress"))
        .where(found.c.depth <= levels)
        .group_by(found.c.id)
        .subquery("listed")
    )
    shown = json_object(
        {
            "id": Objective.id,
            "external_id": Objective.external_id,
            "title": Objective.title,
            "parent_id": Objective.parent_id,
            "depth": listed.c.depth,
            "progress": listed.c.progress,
        }
    )
    order = (listed.c.depth, Objective.position, Objective.id)
    objectives = (
        select(func.json_agg(aggregate_order_by(shown, *order)))
        .select_from(listed)
        .join(Objective, (Objective.tenant_id == _TENANT) & (Objective.id == listed.c.id))
        .scalar_subquery()
    )
    at, known = (cast(bindparam(n, type_=_MOMENTS), _MOMENTS) for n in ("as_of", "known_at"))
    return select(
        cast(
            json_object(
                {
                    "at": func.to_json(at),
                    "known_at": func.to_json(known),
                    "objectives": objectives,
                }
            ),
            Text,
        )
    )


_EXPLANATION = _explanation(None)
_EXPLANATION_THEN = _explanation(_AS_OF.cte("then"))
_SERIES = _series()

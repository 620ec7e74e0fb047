"""How explanations and past moments are put together out of what their `.sql` files find.

Both can be asked of the present and of a past moment, so each is a statement over the
rows of one file, or of two.
"""

from decimal import Decimal

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    TextualSelect,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from okr_service.kernel.documents import Expression, json_object, ratio
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.sql import load_sql
from okr_service.objectives.model import KeyResult, Objective

_TENANT, _OBJECTIVE = bindparam("tenant_id", type_=Uuid), bindparam("objective_id", type_=Uuid)
_DEPTH = bindparam("depth", type_=Integer)
_CONTRIBUTORS: TextualSelect = (
    load_sql(__package__, "contributors")
    .bindparams(_TENANT, _OBJECTIVE, _DEPTH, *reach_parameters())
    .columns(
        column("kind", Text),
        column("id", Uuid),
        column("weight", Numeric),
        column("progress", Numeric),
        column("share", Numeric),
        column("path", ARRAY(Uuid)),
        column("seen", Boolean),
    )
)
_MOMENT = DateTime(timezone=True)
_MOMENTS = ARRAY(_MOMENT)
AS_OF: TextualSelect = (
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
        given.c.seen,
        progress.label("progress"),
        (given.c.share * progress).label("contribution"),
        withheld.label("withheld"),
        func.row_number()
        .over(order_by=[given.c.seen.desc(), withheld.desc(), given.c.id])
        .label("place"),
    )
    if then is not None:
        weighed_of = weighed_of.join(
            then, (then.c.kind == given.c.kind) & (then.c.id == given.c.id)
        )
    weighed = weighed_of.cte("weighed")
    limit = bindparam("limit", type_=Integer)
    empty = func.json_build_array()
    listed = func.json_agg(aggregate_order_by(_contributor(weighed), weighed.c.place))
    is_named = and_(weighed.c.seen, weighed.c.place <= limit)
    named = select(func.coalesce(listed, empty)).where(is_named)
    others = select(
        json_object(
            {
                "count": func.count().filter(weighed.c.seen),
                **{name: _long_ratio(_total(weighed.c[name])) for name in _PARTS},
            }
        )
    ).where(not_(is_named))
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


def _seen(objective: type[Objective]) -> ColumnElement[bool]:
    within = func.okr_within(objective.unit_id, objective.owner_id, *reach_parameters())
    return or_(not_(objective.private), within)


def _parent_seen() -> Expression:
    parent = aliased(Objective)
    named = select(parent.id).where(
        parent.tenant_id == _TENANT, parent.id == Objective.parent_id, _seen(parent)
    )
    return named.scalar_subquery()


def _series() -> Select[str]:
    found = AS_OF.subquery("found")
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
            "parent_id": _parent_seen(),
            "depth": listed.c.depth,
            "progress": listed.c.progress,
        }
    )
    order = (listed.c.depth, Objective.position, Objective.id)
    objectives = (
        select(func.json_agg(aggregate_order_by(shown, *order)))
        .select_from(listed)
        .join(Objective, (Objective.tenant_id == _TENANT) & (Objective.id == listed.c.id))
        .where(_seen(Objective))
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


EXPLANATION = _explanation(None)
EXPLANATION_THEN = _explanation(AS_OF.cte("then"))
SERIES = _series()

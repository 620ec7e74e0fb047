"""How objectives and key results are shown and found."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, not_, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.cycles.model import Cycle
from okr_service.kernel.documents import (
    Collection,
    Document,
    Expression,
    figure,
    json_list,
    ratio,
    within_reach,
)
from okr_service.kernel.references import refers
from okr_service.kernel.search import matches
from okr_service.objectives.access import (
    key_result_seen,
    objective_seen,
    of_key_result_seen,
    seen_link,
)
from okr_service.objectives.expectations import (
    CHECK_IN_DUE_DATE,
    CHECK_IN_STATUS,
    EXPECTED_PROGRESS,
    EXPECTED_VALUE,
    HEALTH,
    KEY_RESULTS_EXPECTED,
    OBJECTIVE_EXPECTED_PROGRESS,
    OBJECTIVE_HEALTH,
    OBJECTIVES_IN_CYCLES,
)
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import KeyResultListing, ObjectiveListing
from okr_service.organisation.model import Person, Unit

_PLAN = json_list(
    {"date": PlannedValue.on_date, "value": figure(PlannedValue.value)},
    (PlannedValue.tenant_id == KeyResult.tenant_id) & (PlannedValue.key_result_id == KeyResult.id),
    PlannedValue.on_date,
)

_fed, _of_fed = aliased(KeyResult), aliased(Objective)
_FEEDS_IF_SHOWN = (
    select(_fed.id)
    .join(_of_fed, and_(_of_fed.tenant_id == _fed.tenant_id, _of_fed.id == _fed.objective_id))
    .where(
        _fed.tenant_id == KeyResult.tenant_id,
        _fed.id == KeyResult.feeds_id,
        or_(not_(_of_fed.private), within_reach(_of_fed.unit_id, _of_fed.owner_id)),
    )
    .correlate(KeyResult)
    .scalar_subquery()
)

KEY_RESULTS = Collection(
    KeyResult,
    {
        "id": KeyResult.id,
        "external_id": KeyResult.external_id,
        "version": KeyResult.version,
        "created_at": KeyResult.created_at,
        "updated_at": KeyResult.updated_at,
        "objective_id": KeyResult.objective_id,
        "title": KeyResult.title,
        "description": KeyResult.description,
        "metric": KeyResult.metric,
        "unit_of_measure": KeyResult.unit_of_measure,
        "format": KeyResult.format,
        "currency": KeyResult.currency,
        "start_value": figure(KeyResult.start_value),
        "target_value": figure(KeyResult.target_value),
        "target_max": figure(KeyResult.target_max),
        "current_value": figure(func.coalesce(KeyResult.current_value, KeyResult.start_value)),
        "observed_at": KeyResult.observed_at,
        "confidence": KeyResult.confidence,
        "weight": ratio(KeyResult.weight),
        "progress": ratio(KeyResult.progress),
        "raw_progress": ratio(KeyResult.raw_progress),
        "owner_id": KeyResult.owner_id,
        "start_date": KeyResult.start_date,
        "due_date": KeyResult.due_date,
        "cadence": KeyResult.cadence,
        "source": KeyResult.source,
        "aggregate": KeyResult.aggregate,
        "feeds_id": KeyResult.feeds_id,
        "expected_value": figure(EXPECTED_VALUE),
        "expected_progress": ratio(EXPECTED_PROGRESS),
        "health": HEALTH,
        "check_in_due_date": CHECK_IN_DUE_DATE,
        "check_in_status": CHECK_IN_STATUS,
        "position": KeyResult.position,
        "plan": _PLAN,
        "tags": KeyResult.tags,
        "links": KeyResult.links,
    },
    sorts={
        "title": KeyResult.title,
        "due_date": KeyResult.due_date,
        "progress": KeyResult.progress,
        "created_at": KeyResult.created_at,
        "updated_at": KeyResult.updated_at,
        "check_in_due_date": CHECK_IN_DUE_DATE,
        "position": KeyResult.position,
    },
    seen=key_result_seen,
    masks={"feeds_id": _FEEDS_IF_SHOWN},
    source=KEY_RESULTS_EXPECTED,
)

_other = aliased(Objective)
_SHOWN = or_(not_(_other.private), within_reach(_other.unit_id, _other.owner_id))


def _children(*conditions: ColumnElement[bool]) -> Expression:
    in_order = aggregate_order_by(_other.id, _other.position, _other.id)
    listed = func.coalesce(func.json_agg(in_order), func.json_build_array())
    return (
        select(listed)
        .where(
            _other.tenant_id == Objective.tenant_id,
            _other.parent_id == Objective.id,
            _other.deleted_at.is_(None),
            *conditions,
        )
        .scalar_subquery()
    )


def _if_shown(link: SQLColumnExpression[UUID | None]) -> Expression:
    """Show a link to another objective only to those who see that."""
    return (
        select(_other.id)
        .where(_other.tenant_id == Objective.tenant_id, _other.id == link, _SHOWN)
        .scalar_subquery()
    )


def _key_results(document: Document) -> Expression:
    of_it = and_(
        KeyResult.tenant_id == Objective.tenant_id,
        KeyResult.objective_id == Objective.id,
        KeyResult.deleted_at.is_(None),
    )
    return json_list(document, of_it, KeyResult.position, KeyResult.id)


OBJECTIVES = Collection(
    Objective,
    {
        "id": Objective.id,
        "external_id": Objective.external_id,
        "version": Objective.version,
        "created_at": Objective.created_at,
        "updated_at": Objective.updated_at,
        "title": Objective.title,
        "description": Objective.description,
        "unit_id": Objective.unit_id,
        "owner_id": Objective.owner_id,
        "cycle_id": Objective.cycle_id,
        "parent_id": Objective.parent_id,
        "weight": ratio(Objective.weight),
        "state": Objective.state,
        "ambition": Objective.ambition,
        "private": Objective.private,
        "position": Objective.position,
        "progress": ratio(Objective.progress),
        "expected_progress": ratio(OBJECTIVE_EXPECTED_PROGRESS),
        "health": OBJECTIVE_HEALTH,
        "closed_at": Objective.closed_at,
        "final_score": ratio(Objective.final_score),
        "retrospective": Objective.retrospective,
        "carried_over_from_id": Objective.carried_over_from_id,
        "tags": Objective.tags,
        "links": Objective.links,
    },
    sorts={
        "title": Objective.title,
        "weight": Objective.weight,
        "progress": Objective.progress,
        "created_at": Objective.created_at,
        "updated_at": Objective.updated_at,
        "position": Objective.position,
    },
    seen=objective_seen,
    includes={
        "key_results": _key_results(KEY_RESULTS.document),
        "children": _children(),
    },
    masks={
        "parent_id": _if_shown(Objective.parent_id),
        "carried_over_from_id": _if_shown(Objective.carried_over_from_id),
        "children": _children(_SHOWN),
        "key_results": _key_results({**KEY_RESULTS.document, **KEY_RESULTS.masks}),
    },
    source=OBJECTIVES_IN_CYCLES,
)


def objectives_wanted(who: Principal, wanted: ObjectiveListing) -> list[ColumnElement[bool]]:
    """Return the conditions that objectives must meet."""
    tenant_id, other = who.tenant_id, aliased(Objective)
    conditions = [
        refers(Objective.unit_id, Unit, tenant_id, wanted.unit_id) if wanted.unit_id else None,
        refers(Objective.owner_id, Person, tenant_id, wanted.owner_id) if wanted.owner_id else None,
        refers(Objective.cycle_id, Cycle, tenant_id, wanted.cycle_id) if wanted.cycle_id else None,
        refers(seen_link(who, Objective.parent_id), other, tenant_id, wanted.parent_id)
        if wanted.parent_id
        else None,
        None
        if wanted.root is None
        else seen_link(who, Objective.parent_id).is_(None) == wanted.root,
        Objective.state.in_(wanted.state) if wanted.state else None,
        Objective.ambition.in_(wanted.ambition) if wanted.ambition else None,
        Objective.tags.contains(wanted.tag) if wanted.tag else None,
        None if wanted.measured is None else Objective.progress.is_not(None) == wanted.measured,
        Objective.updated_at >= wanted.updated_since if wanted.updated_since else None,
        matches(Objective, tenant_id, wanted.q) if wanted.q else None,
        OBJECTIVE_HEALTH.in_(wanted.health) if wanted.health else None,
        refers(
            seen_link(who, Objective.carried_over_from_id),
            other,
            tenant_id,
            wanted.carried_over_from_id,
        )
        if wanted.carried_over_from_id
        else None,
    ]
    given = [condition for condition in conditions if condition is not None]
    return given + _progress_between(Objective.progress, wanted)


def key_results_wanted(who: Principal, wanted: KeyResultListing) -> list[ColumnElement[bool]]:
    """Return the conditions that key results must meet."""
    tenant_id = who.tenant_id
    conditions = [
        refers(KeyResult.objective_id, Objective, tenant_id, wanted.objective_id)
        if wanted.objective_id
        else None,
        refers(KeyResult.owner_id, Person, tenant_id, wanted.owner_id) if wanted.owner_id else None,
        KeyResult.metric.in_(wanted.metric) if wanted.metric else None,
        KeyResult.confidence.in_(wanted.confidence) if wanted.confidence else None,
        KeyResult.due_date < wanted.due_before if wanted.due_before else None,
        HEALTH.in_(wanted.health) if wanted.health else None,
        CHECK_IN_STATUS.in_(wanted.check_in_status) if wanted.check_in_status else None,
        KeyResult.source.in_(wanted.source) if wanted.source else None,
        _feeds(who, wanted) if wanted.feeds_id else None,
        KeyResult.updated_at >= wanted.updated_since if wanted.updated_since else None,
        matches(KeyResult, tenant_id, wanted.q) if wanted.q else None,
    ]
    given = [condition for condition in conditions if condition is not None]
    return given + _progress_between(KeyResult.progress, wanted)


def _feeds(who: Principal, wanted: KeyResultListing) -> ColumnElement[bool]:
    feeds = refers(KeyResult.feeds_id, aliased(KeyResult), who.tenant_id, wanted.feeds_id)
    return and_(feeds, *of_key_result_seen(who.sight, KeyResult.tenant_id, KeyResult.feeds_id))


def _progress_between(
    progress: SQLColumnExpression[Decimal | None], wanted: ObjectiveListing | KeyResultListing
) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.progress_gte is not None:
        conditions.append(progress >= wanted.progress_gte)
    if wanted.progress_lte is not None:
        conditions.append(progress <= wanted.progress_lte)
    return conditions

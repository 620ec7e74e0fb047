"""How objectives and key results are shown and found."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from okr_service.cycles.model import Cycle
from okr_service.kernel.documents import Collection, figure, json_list, ratio
from okr_service.kernel.references import refers
from okr_service.kernel.search import matches
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import KeyResultListing, ObjectiveListing
from okr_service.organisation.model import Person, Unit

_PLAN = json_list(
    {"date": PlannedValue.on_date, "value": figure(PlannedValue.value)},
    (PlannedValue.tenant_id == KeyResult.tenant_id) & (PlannedValue.key_result_id == KeyResult.id),
    PlannedValue.on_date,
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
    },
)

_child = aliased(Objective)
_CHILDREN = (
    select(
        func.coalesce(
            func.json_agg(aggregate_order_by(_child.id, _child.id)), func.json_build_array()
        )
    )
    .where(
        _child.tenant_id == Objective.tenant_id,
        _child.parent_id == Objective.id,
        _child.deleted_at.is_(None),
    )
    .scalar_subquery()
)

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
        "progress": ratio(Objective.progress),
        "tags": Objective.tags,
        "links": Objective.links,
    },
    sorts={
        "title": Objective.title,
        "weight": Objective.weight,
        "progress": Objective.progress,
        "created_at": Objective.created_at,
        "updated_at": Objective.updated_at,
    },
    includes={
        "key_results": json_list(
            KEY_RESULTS.document,
            (KeyResult.tenant_id == Objective.tenant_id)
            & (KeyResult.objective_id == Objective.id)
            & KeyResult.deleted_at.is_(None),
            KeyResult.position,
            KeyResult.id,
        ),
        "children": _CHILDREN,
    },
)


def objectives_wanted(tenant_id: UUID, wanted: ObjectiveListing) -> list[ColumnElement[bool]]:
    """Return the conditions that objectives must meet."""
    parent = aliased(Objective)
    conditions = [
        refers(Objective.unit_id, Unit, tenant_id, wanted.unit_id) if wanted.unit_id else None,
        refers(Objective.owner_id, Person, tenant_id, wanted.owner_id) if wanted.owner_id else None,
        refers(Objective.cycle_id, Cycle, tenant_id, wanted.cycle_id) if wanted.cycle_id else None,
        refers(Objective.parent_id, parent, tenant_id, wanted.parent_id)
        if wanted.parent_id
        else None,
        None if wanted.root is None else Objective.parent_id.is_(None) == wanted.root,
        Objective.state.in_(wanted.state) if wanted.state else None,
        Objective.ambition.in_(wanted.ambition) if wanted.ambition else None,
        Objective.tags.contains(wanted.tag) if wanted.tag else None,
        None if wanted.measured is None else Objective.progress.is_not(None) == wanted.measured,
        Objective.updated_at >= wanted.updated_since if wanted.updated_since else None,
        matches(Objective.search, wanted.q) if wanted.q else None,
    ]
    given = [condition for condition in conditions if condition is not None]
    return given + _progress_between(Objective.progress, wanted)


def key_results_wanted(tenant_id: UUID, wanted: KeyResultListing) -> list[ColumnElement[bool]]:
    """Return the conditions that key results must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.objective_id:
        conditions.append(refers(KeyResult.objective_id, Objective, tenant_id, wanted.objective_id))
    if wanted.owner_id:
        conditions.append(refers(KeyResult.owner_id, Person, tenant_id, wanted.owner_id))
    if wanted.metric:
        conditions.append(KeyResult.metric.in_(wanted.metric))
    if wanted.confidence:
        conditions.append(KeyResult.confidence.in_(wanted.confidence))
    if wanted.due_before:
        conditions.append(KeyResult.due_date < wanted.due_before)
    if wanted.updated_since:
        conditions.append(KeyResult.updated_at >= wanted.updated_since)
    if wanted.q:
        conditions.append(matches(KeyResult.search, wanted.q))
    return conditions + _progress_between(KeyResult.progress, wanted)


def _progress_between(
    progress: SQLColumnExpression[Decimal | None], wanted: ObjectiveListing | KeyResultListing
) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.progress_gte is not None:
        conditions.append(progress >= wanted.progress_gte)
    if wanted.progress_lte is not None:
        conditions.append(progress <= wanted.progress_lte)
    return conditions

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
    },
    source=KEY_RESULTS_EXPECTED,
)

_child = aliased(Objective)
_CHILDREN = (
    select(
        func.coalesce(
            func.json_agg(aggregate_order_by(_child.id, _child.position, _child.id)),
            func.json_build_array(),
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
    source=OBJECTIVES_IN_CYCLES,
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
        OBJECTIVE_HEALTH.in_(wanted.health) if wanted.health else None,
        refers(Objective.carried_over_from_id, parent, tenant_id, wanted.carried_over_from_id)
        if wanted.carried_over_from_id
        else None,
    ]
    given = [condition for condition in conditions if condition is not None]
    return given + _progress_between(Objective.progress, wanted)


def key_results_wanted(tenant_id: UUID, wanted: KeyResultListing) -> list[ColumnElement[bool]]:
    """Return the conditions that key results must meet."""
    fed = aliased(KeyResult)
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
        refers(KeyResult.feeds_id, fed, tenant_id, wanted.feeds_id) if wanted.feeds_id else None,
        KeyResult.updated_at >= wanted.updated_since if wanted.updated_since else None,
        matches(KeyResult.search, wanted.q) if wanted.q else None,
    ]
    given = [condition for condition in conditions if condition is not None]
    return given + _progress_between(KeyResult.progress, wanted)


def _progress_between(
    progress: SQLColumnExpression[Decimal | None], wanted: ObjectiveListing | KeyResultListing
) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.progress_gte is not None:
        conditions.append(progress >= wanted.progress_gte)
    if wanted.progress_lte is not None:
        conditions.append(progress <= wanted.progress_lte)
    return conditions

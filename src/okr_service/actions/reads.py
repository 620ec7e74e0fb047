"""How action plans and actions are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, func

from okr_service.actions.access import action_plan_seen, action_seen
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import ActionListing, ActionPlanListing, ActionState
from okr_service.kernel.documents import Collection, json_list, ratio
from okr_service.kernel.paging import days_of
from okr_service.kernel.references import refers
from okr_service.objectives.model import KeyResult
from okr_service.organisation.model import Person

IS_OPEN = Action.state.in_([ActionState.TODO.value, ActionState.DOING.value])
_OVERDUE = func.coalesce(and_(Action.due_date < func.current_date(), IS_OPEN), False)

ACTIONS = Collection(
    Action,
    {
        "id": Action.id,
        "external_id": Action.external_id,
        "version": Action.version,
        "created_at": Action.created_at,
        "updated_at": Action.updated_at,
        "action_plan_id": Action.action_plan_id,
        "title": Action.title,
        "note": Action.note,
        "owner_id": Action.owner_id,
        "due_date": Action.due_date,
        "state": Action.state,
        "weight": ratio(Action.weight),
        "done_at": Action.done_at,
        "overdue": _OVERDUE,
    },
    sorts={
        "due_date": Action.due_date,
        "title": Action.title,
        "created_at": Action.created_at,
        "updated_at": Action.updated_at,
    },
    seen=action_seen,
)

ACTION_PLANS = Collection(
    ActionPlan,
    {
        "id": ActionPlan.id,
        "external_id": ActionPlan.external_id,
        "version": ActionPlan.version,
        "created_at": ActionPlan.created_at,
        "updated_at": ActionPlan.updated_at,
        "key_result_id": ActionPlan.key_result_id,
        "title": ActionPlan.title,
        "expected_result": ActionPlan.expected_result,
        "owner_id": ActionPlan.owner_id,
        "start_date": ActionPlan.start_date,
        "end_date": ActionPlan.end_date,
    },
    sorts={
        "start_date": ActionPlan.start_date,
        "title": ActionPlan.title,
        "created_at": ActionPlan.created_at,
        "updated_at": ActionPlan.updated_at,
    },
    seen=action_plan_seen,
    includes={
        "actions": json_list(
            ACTIONS.document,
            (Action.tenant_id == ActionPlan.tenant_id) & (Action.action_plan_id == ActionPlan.id),
            Action.id,
        )
    },
)


def action_plans_wanted(tenant_id: UUID, wanted: ActionPlanListing) -> list[ColumnElement[bool]]:
    """Return the conditions that action plans must meet."""
    conditions = []
    if wanted.key_result_id:
        conditions.append(
            refers(ActionPlan.key_result_id, KeyResult, tenant_id, wanted.key_result_id)
        )
    if wanted.owner_id:
        conditions.append(refers(ActionPlan.owner_id, Person, tenant_id, wanted.owner_id))
    if wanted.month:
        first, last = days_of(wanted.month)
        conditions += [ActionPlan.start_date <= last, ActionPlan.end_date >= first]
    return conditions


def actions_wanted(tenant_id: UUID, wanted: ActionListing) -> list[ColumnElement[bool]]:
    """Return the conditions that actions must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.action_plan_id:
        plans = refers(Action.action_plan_id, ActionPlan, tenant_id, wanted.action_plan_id)
        conditions.append(plans)
    if wanted.owner_id:
        conditions.append(refers(Action.owner_id, Person, tenant_id, wanted.owner_id))
    if wanted.state:
        conditions.append(Action.state.in_(wanted.state))
    if wanted.overdue is not None:
        conditions.append(_OVERDUE.is_(wanted.overdue))
    if wanted.month:
        conditions.append(Action.due_date.between(*days_of(wanted.month)))
    return conditions

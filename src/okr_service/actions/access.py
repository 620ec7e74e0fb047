"""Which action plans and actions a caller sees: those of key results that they see."""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from okr_service.actions.model import Action, ActionPlan
from okr_service.kernel.reach import Reach
from okr_service.objectives.access import of_key_result_seen


def action_plan_seen(sight: Reach) -> list[ColumnElement[bool]]:
    """Return the conditions that an action plan is seen."""
    return of_key_result_seen(sight, ActionPlan.tenant_id, ActionPlan.key_result_id)


def action_seen(sight: Reach) -> list[ColumnElement[bool]]:
    """Return the conditions that an action is seen."""
    of = aliased(ActionPlan)
    its = of_key_result_seen(sight, of.tenant_id, of.key_result_id)
    plan = (of.tenant_id == Action.tenant_id, of.id == Action.action_plan_id)
    return [select(seen).where(*plan).scalar_subquery() for seen in its]

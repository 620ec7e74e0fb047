"""Action plans and actions in GraphQL."""

from okr_service.access.policy import Permission
from okr_service.actions import plans, service
from okr_service.actions.errors import ActionNotFound, ActionPlanNotFound
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import ACTION_PLANS, ACTIONS, action_plans_wanted, actions_wanted
from okr_service.actions.shapes import (
    ActionListing,
    ActionPlanListing,
    ActionPlanView,
    ActionView,
    NewAction,
    NewActionPlan,
)
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Room
from okr_service.graphql.writes import Kept
from okr_service.objectives.graphql import KEY_RESULT
from okr_service.organisation.graphql import PERSON

ACTION_PLAN = Kind(
    "ActionPlan",
    "actionPlans",
    ACTION_PLANS,
    ActionPlanView,
    Permission.READ,
    ActionPlanListing,
    lambda who, wanted: action_plans_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    ActionPlanNotFound,
    NewActionPlan,
)
ACTION = Kind(
    "Action",
    "actions",
    ACTIONS,
    ActionView,
    Permission.READ,
    ActionListing,
    lambda who, wanted: actions_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    ActionNotFound,
    NewAction,
)
ACTION_PLAN.link(
    "key_result", ActionPlan.key_result_id, KEY_RESULT, "What it is to bring forward.",
    back="action_plans", about_back="What is planned for it.", sort="start_date",
)  # fmt: skip
ACTION_PLAN.link(
    "owner", ActionPlan.owner_id, PERSON, "The person who answers for it.",
    back="action_plans", about_back="The action plans that they answer for.",
)  # fmt: skip
ACTION.link(
    "action_plan", Action.action_plan_id, ACTION_PLAN, "The plan it is a step of.",
    back="actions", about_back="Its steps.",
)  # fmt: skip
ACTION.link(
    "owner", Action.owner_id, PERSON, "The person who does it.",
    back="actions", about_back="What they are to do.",
)  # fmt: skip
_plans = Kept(
    ACTION_PLAN, NewActionPlan, Permission.PLAN,
    plans.create_action_plan, plans.edit_action_plan, plans.delete_action_plan,
)  # fmt: skip
_actions = Kept(
    ACTION, NewAction, Permission.PLAN,
    service.create_action, service.edit_action, service.delete_action,
)  # fmt: skip
ROOM = Room(
    [ACTION_PLAN, ACTION],
    writes=[*_plans.writes("an action plan"), *_actions.writes("an action")],
)

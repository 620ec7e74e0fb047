"""Action plans and actions over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.actions import plans, service
from okr_service.actions.errors import ActionNotFound, ActionPlanNotFound
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import (
    ACTION_PLANS,
    ACTIONS,
    action_plans_wanted,
    actions_wanted,
)
from okr_service.actions.shapes import (
    ActionListing,
    ActionPlanListing,
    ActionPlanView,
    ActionView,
    NewAction,
    NewActionPlan,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies, resolve
from okr_service.objectives.access import key_result_seen
from okr_service.objectives.errors import KeyResultNotFound
from okr_service.objectives.model import KeyResult
from okr_service.rest.answers import no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("action plans")


@router.get("/key-results/{ref:path}/action-plans", response_model=PageOf[ActionPlanView])
@needs(Permission.READ)
async def list_action_plans_of_key_result(
    ref: PathRef, wanted: Annotated[ActionPlanListing, Query()], call: Read
) -> Response:
    """List a key result's action plans."""
    absent, seen = KeyResultNotFound(ref), key_result_seen(call.who.sight)
    of = await resolve(call.tx, KeyResult, call.who.tenant_id, ref, absent, seen)
    under = wanted.model_copy(update={"key_result_id": [Ref(str(of))]})
    conditions = action_plans_wanted(call.who.tenant_id, under)
    return await page(call, ACTION_PLANS, conditions, wanted.page())


@router.post("/key-results/{ref:path}/action-plans", status_code=201, response_model=ActionPlanView)
@needs(Permission.PLAN)
async def create_action_plan_of_key_result(
    ref: PathRef, body: NewActionPlan, call: Write
) -> Response:
    """Plan what will be done for a key result in a period."""
    under = body.model_copy(update={"key_result_id": ref})
    made = await plans.create_action_plan(call.tx, call.who, under)
    return await written(call, ACTION_PLANS, made.id, "/v1/action-plans")


@router.get("/action-plans", response_model=PageOf[ActionPlanView])
@needs(Permission.READ)
async def list_action_plans(wanted: Annotated[ActionPlanListing, Query()], call: Read) -> Response:
    """List action plans."""
    return await page(
        call, ACTION_PLANS, action_plans_wanted(call.who.tenant_id, wanted), wanted.page()
    )


@router.post("/action-plans", status_code=201, response_model=ActionPlanView)
@needs(Permission.PLAN)
async def create_action_plan(body: NewActionPlan, call: Write) -> Response:
    """Plan what will be done for a key result in a period."""
    made = await plans.create_action_plan(call.tx, call.who, body)
    return await written(call, ACTION_PLANS, made.id, "/v1/action-plans")


@router.get("/action-plans/{ref:path}", response_model=ActionPlanView)
@needs(Permission.READ)
async def get_action_plan(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show an action plan."""
    named = identifies(ActionPlan, call.who.tenant_id, ref)
    return await show(call, ACTION_PLANS, named, ActionPlanNotFound(ref), shape.shape())


@router.put(
    "/action-plans/{ref:path}",
    response_model=ActionPlanView,
    responses={201: {"model": ActionPlanView}},
)
@needs(Permission.PLAN)
async def put_action_plan(ref: PathRef, body: NewActionPlan, call: Write) -> Response:
    """Replace an action plan, or create it under the caller's own key."""

    async def create(new: NewActionPlan) -> ActionPlan:
        return await plans.create_action_plan(call.tx, call.who, new)

    async def replace(new: NewActionPlan) -> ActionPlan:
        expected = expected_versions(call)
        return await plans.edit_action_plan(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, ACTION_PLANS, ref, body, ActionPlanNotFound(ref), create, replace)


@router.patch(
    "/action-plans/{ref:path}", response_model=ActionPlanView, openapi_extra=patch_of(NewActionPlan)
)
@needs(Permission.PLAN)
async def patch_action_plan(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of an action plan (JSON Merge Patch)."""
    edit, expected = patched(NewActionPlan, body), expected_versions(call)
    changed = await plans.edit_action_plan(call.tx, call.who, ref, edit, expected)
    return await written(call, ACTION_PLANS, changed.id)


@router.delete("/action-plans/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_action_plan(ref: PathRef, call: Write) -> Response:
    """Delete an action plan that has no actions."""
    await plans.delete_action_plan(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.get("/actions", response_model=PageOf[ActionView])
@needs(Permission.READ)
async def list_actions(wanted: Annotated[ActionListing, Query()], call: Read) -> Response:
    """List actions."""
    return await page(call, ACTIONS, actions_wanted(call.who.tenant_id, wanted), wanted.page())


@router.post("/actions", status_code=201, response_model=ActionView)
@needs(Permission.PLAN)
async def create_action(body: NewAction, call: Write) -> Response:
    """Add a step to an action plan."""
    made = await service.create_action(call.tx, call.who, body)
    return await written(call, ACTIONS, made.id, "/v1/actions")


@router.get("/actions/{ref:path}", response_model=ActionView)
@needs(Permission.READ)
async def get_action(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show an action."""
    named = identifies(Action, call.who.tenant_id, ref)
    return await show(call, ACTIONS, named, ActionNotFound(ref), shape.shape())


@router.put(
    "/actions/{ref:path}", response_model=ActionView, responses={201: {"model": ActionView}}
)
@needs(Permission.PLAN)
async def put_action(ref: PathRef, body: NewAction, call: Write) -> Response:
    """Replace an action, or create it under the caller's own key."""

    async def create(new: NewAction) -> Action:
        return await service.create_action(call.tx, call.who, new)

    async def replace(new: NewAction) -> Action:
        expected = expected_versions(call)
        return await service.edit_action(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, ACTIONS, ref, body, ActionNotFound(ref), create, replace)


@router.patch("/actions/{ref:path}", response_model=ActionView, openapi_extra=patch_of(NewAction))
@needs(Permission.PLAN)
async def patch_action(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of an action (JSON Merge Patch)."""
    edit, expected = patched(NewAction, body), expected_versions(call)
    changed = await service.edit_action(call.tx, call.who, ref, edit, expected)
    return await written(call, ACTIONS, changed.id)


@router.delete("/actions/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_action(ref: PathRef, call: Write) -> Response:
    """Delete an action."""
    await service.delete_action(call.tx, call.who, ref, expected_versions(call))
    return no_content()

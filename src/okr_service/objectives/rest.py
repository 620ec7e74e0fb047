"""Objectives and key results over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies, resolve
from okr_service.objectives import key_results, service
from okr_service.objectives.access import objective_seen
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveNotFound
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.reads import (
    KEY_RESULTS,
    OBJECTIVES,
    key_results_wanted,
    objectives_wanted,
)
from okr_service.objectives.shapes import (
    Alignment,
    KeyResultListing,
    KeyResultView,
    NewKeyResult,
    NewObjective,
    ObjectiveListing,
    ObjectiveState,
    ObjectiveView,
)
from okr_service.rest.answers import no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write, WriteCall, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("objectives")


@router.post("/objectives/{ref:path}:activate", response_model=ObjectiveView)
@needs(Permission.PLAN)
async def activate_objective(ref: PathRef, call: Write) -> Response:
    """Put a draft into force."""
    return await _set_state(call, ref, ObjectiveState.ACTIVE)


@router.post("/objectives/{ref:path}:reopen", response_model=ObjectiveView)
@needs(Permission.PLAN)
async def reopen_objective(ref: PathRef, call: Write) -> Response:
    """Reopen a closed objective."""
    return await _set_state(call, ref, ObjectiveState.ACTIVE)


@router.post("/objectives/{ref:path}:cancel", response_model=ObjectiveView)
@needs(Permission.PLAN)
async def cancel_objective(ref: PathRef, call: Write) -> Response:
    """Give an objective up; it counts no more."""
    return await _set_state(call, ref, ObjectiveState.CANCELLED)


async def _set_state(call: WriteCall, ref: Ref, state: ObjectiveState) -> Response:
    expected = expected_versions(call)
    objective = await service.set_objective_state(call.tx, call.who, ref, state, expected)
    return await written(call, OBJECTIVES, objective.id)


@router.post("/objectives/{ref:path}:align", response_model=ObjectiveView)
@needs(Permission.PLAN)
async def align_objective(ref: PathRef, body: Alignment, call: Write) -> Response:
    """Hang an objective under another, or make it a root."""
    expected = expected_versions(call)
    moved = await service.align_objective(call.tx, call.who, ref, body.parent_id, expected)
    return await written(call, OBJECTIVES, moved.id)


@router.get("/objectives/{ref:path}/key-results", response_model=PageOf[KeyResultView])
@needs(Permission.READ)
async def list_key_results_of_objective(
    ref: PathRef, wanted: Annotated[KeyResultListing, Query()], call: Read
) -> Response:
    """List an objective's key results."""
    absent, seen = ObjectiveNotFound(ref), objective_seen(call.who.sight)
    of = await resolve(call.tx, Objective, call.who.tenant_id, ref, absent, seen)
    under = wanted.model_copy(update={"objective_id": [Ref(str(of))]})
    conditions = key_results_wanted(call.who, under)
    return await page(call, KEY_RESULTS, conditions, wanted.page())


@router.post("/objectives/{ref:path}/key-results", status_code=201, response_model=KeyResultView)
@needs(Permission.PLAN)
async def create_key_result_of_objective(ref: PathRef, body: NewKeyResult, call: Write) -> Response:
    """Say how an objective is measured."""
    under = body.model_copy(update={"objective_id": ref})
    made = await key_results.create_key_result(call.tx, call.who, under)
    return await written(call, KEY_RESULTS, made.id, "/v1/key-results")


@router.get("/objectives", response_model=PageOf[ObjectiveView])
@needs(Permission.READ)
async def list_objectives(wanted: Annotated[ObjectiveListing, Query()], call: Read) -> Response:
    """List objectives."""
    return await page(call, OBJECTIVES, objectives_wanted(call.who, wanted), wanted.page())


@router.post("/objectives", status_code=201, response_model=ObjectiveView)
@needs(Permission.PLAN)
async def create_objective(body: NewObjective, call: Write) -> Response:
    """Set an objective."""
    made = await service.create_objective(call.tx, call.who, body)
    return await written(call, OBJECTIVES, made.id, "/v1/objectives")


@router.get("/objectives/{ref:path}", response_model=ObjectiveView)
@needs(Permission.READ)
async def get_objective(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show an objective."""
    named = identifies(Objective, call.who.tenant_id, ref)
    return await show(call, OBJECTIVES, named, ObjectiveNotFound(ref), shape.shape())


@router.put(
    "/objectives/{ref:path}",
    response_model=ObjectiveView,
    responses={201: {"model": ObjectiveView}},
)
@needs(Permission.PLAN)
async def put_objective(ref: PathRef, body: NewObjective, call: Write) -> Response:
    """Replace an objective, or create it under the caller's own key."""

    async def create(new: NewObjective) -> Objective:
        return await service.create_objective(call.tx, call.who, new)

    async def replace(new: NewObjective) -> Objective:
        expected = expected_versions(call)
        return await service.edit_objective(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, OBJECTIVES, ref, body, ObjectiveNotFound(ref), create, replace)


@router.patch(
    "/objectives/{ref:path}", response_model=ObjectiveView, openapi_extra=patch_of(NewObjective)
)
@needs(Permission.PLAN)
async def patch_objective(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of an objective (JSON Merge Patch)."""
    edit, expected = patched(NewObjective, body), expected_versions(call)
    changed = await service.edit_objective(call.tx, call.who, ref, edit, expected)
    return await written(call, OBJECTIVES, changed.id)


@router.delete("/objectives/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_objective(ref: PathRef, call: Write) -> Response:
    """Take an objective and its key results out of sight and out of every figure."""
    await service.delete_objective(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.get("/key-results", response_model=PageOf[KeyResultView])
@needs(Permission.READ)
async def list_key_results(wanted: Annotated[KeyResultListing, Query()], call: Read) -> Response:
    """List key results."""
    return await page(call, KEY_RESULTS, key_results_wanted(call.who, wanted), wanted.page())


@router.post("/key-results", status_code=201, response_model=KeyResultView)
@needs(Permission.PLAN)
async def create_key_result(body: NewKeyResult, call: Write) -> Response:
    """Say how an objective is measured."""
    made = await key_results.create_key_result(call.tx, call.who, body)
    return await written(call, KEY_RESULTS, made.id, "/v1/key-results")


@router.get("/key-results/{ref:path}", response_model=KeyResultView)
@needs(Permission.READ)
async def get_key_result(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a key result."""
    named = identifies(KeyResult, call.who.tenant_id, ref)
    return await show(call, KEY_RESULTS, named, KeyResultNotFound(ref), shape.shape())


@router.put(
    "/key-results/{ref:path}",
    response_model=KeyResultView,
    responses={201: {"model": KeyResultView}},
)
@needs(Permission.PLAN)
async def put_key_result(ref: PathRef, body: NewKeyResult, call: Write) -> Response:
    """Replace a key result, or create it under the caller's own key."""

    async def create(new: NewKeyResult) -> KeyResult:
        return await key_results.create_key_result(call.tx, call.who, new)

    async def replace(new: NewKeyResult) -> KeyResult:
        expected = expected_versions(call)
        return await key_results.edit_key_result(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, KEY_RESULTS, ref, body, KeyResultNotFound(ref), create, replace)


@router.patch(
    "/key-results/{ref:path}", response_model=KeyResultView, openapi_extra=patch_of(NewKeyResult)
)
@needs(Permission.PLAN)
async def patch_key_result(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a key result (JSON Merge Patch)."""
    edit, expected = patched(NewKeyResult, body), expected_versions(call)
    changed = await key_results.edit_key_result(call.tx, call.who, ref, edit, expected)
    return await written(call, KEY_RESULTS, changed.id)


@router.delete("/key-results/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_key_result(ref: PathRef, call: Write) -> Response:
    """Take a key result out of sight and out of every figure; its check-ins are kept."""
    await key_results.delete_key_result(call.tx, call.who, ref, expected_versions(call))
    return no_content()

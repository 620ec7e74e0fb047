"""Key results over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.kernel.paging import Shape
from okr_service.kernel.references import identifies
from okr_service.objectives import key_results
from okr_service.objectives.errors import KeyResultNotFound
from okr_service.objectives.model import KeyResult
from okr_service.objectives.reads import KEY_RESULTS, key_results_wanted
from okr_service.objectives.shapes import KeyResultListing, KeyResultView, NewKeyResult
from okr_service.rest.answers import no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write
from okr_service.rest.patch import patch_of, patched
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("key results")

@router.get("/key-results", response_model=PageOf[KeyResultView])
async def list_key_results(wanted: Annotated[KeyResultListing, Query()], call: Read) -> Response:
    """List key results."""
    return await page(call, KEY_RESULTS, key_results_wanted(call.who.tenant_id, wanted), wanted.page())


@router.post("/key-results", status_code=201, response_model=KeyResultView)
async def create_key_result(body: NewKeyResult, call: Write) -> Response:
    """Say how an objective is measured."""
    made = await key_results.create_key_result(call.tx, call.who, body)
    return await written(call, KEY_RESULTS, made.id, "/v1/key-results")


@router.get("/key-results/{ref:path}", response_model=KeyResultView)
async def get_key_result(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a key result."""
    named = identifies(KeyResult, call.who.tenant_id, ref)
    return await show(call, KEY_RESULTS, named, KeyResultNotFound(ref), shape.shape())


@router.put("/key-results/{ref:path}", response_model=KeyResultView, responses={201: {"model": KeyResultView}})
async def put_key_result(ref: PathRef, body: NewKeyResult, call: Write) -> Response:
    """Replace a key result, or create it under the caller's own key."""

    async def create(new: NewKeyResult) -> KeyResult:
        return await key_results.create_key_result(call.tx, call.who, new)

    async def replace(new: NewKeyResult) -> KeyResult:
        expected = expected_versions(call)
        return await key_results.edit_key_result(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, KEY_RESULTS, ref, body, KeyResultNotFound(ref), create, replace)


@router.patch("/key-results/{ref:path}", response_model=KeyResultView, openapi_extra=patch_of(NewKeyResult))
async def patch_key_result(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a key result (JSON Merge Patch)."""
    edit, expected = patched(NewKeyResult, body), expected_versions(call)
    changed = await key_results.edit_key_result(call.tx, call.who, ref, edit, expected)
    return await written(call, KEY_RESULTS, changed.id)


@router.delete("/key-results/{ref:path}", status_code=204)
async def delete_key_result(ref: PathRef, call: Write) -> Response:
    """Take a key result out of sight and out of every figure; its check-ins are kept."""
    await key_results.delete_key_result(call.tx, call.who, ref, expected_versions(call))
    return no_content()

"""Cycles over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.cycles import service
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.cycles.reads import CYCLES, cycles_wanted
from okr_service.cycles.shapes import CycleListing, CycleState, CycleView, NewCycle
from okr_service.kernel.paging import Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies
from okr_service.rest.answers import no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("cycles")


@router.post("/cycles/{ref:path}:reopen", response_model=CycleView)
@needs(Permission.PLAN)
async def reopen_cycle(ref: PathRef, call: Write) -> Response:
    """Reopen a closed cycle."""
    expected, state = expected_versions(call), CycleState.OPEN
    cycle = await service.set_cycle_state(call.tx, call.who, ref, state, expected)
    return await written(call, CYCLES, cycle.id)


@router.get("/cycles", response_model=PageOf[CycleView])
@needs(Permission.READ)
async def list_cycles(wanted: Annotated[CycleListing, Query()], call: Read) -> Response:
    """List cycles."""
    return await page(call, CYCLES, cycles_wanted(call.who.tenant_id, wanted), wanted.page())


@router.post("/cycles", status_code=201, response_model=CycleView)
@needs(Permission.PLAN)
async def create_cycle(body: NewCycle, call: Write) -> Response:
    """Plan a period."""
    made = await service.create_cycle(call.tx, call.who, body)
    return await written(call, CYCLES, made.id, "/v1/cycles")


@router.get("/cycles/{ref:path}", response_model=CycleView)
@needs(Permission.READ)
async def get_cycle(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a cycle."""
    named = identifies(Cycle, call.who.tenant_id, ref)
    return await show(call, CYCLES, named, CycleNotFound(ref), shape.shape())


@router.put("/cycles/{ref:path}", response_model=CycleView, responses={201: {"model": CycleView}})
@needs(Permission.PLAN)
async def put_cycle(ref: PathRef, body: NewCycle, call: Write) -> Response:
    """Replace a cycle, or create it under the caller's own key."""

    async def create(new: NewCycle) -> Cycle:
        return await service.create_cycle(call.tx, call.who, new)

    async def replace(new: NewCycle) -> Cycle:
        expected = expected_versions(call)
        return await service.edit_cycle(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, CYCLES, ref, body, CycleNotFound(ref), create, replace)


@router.patch("/cycles/{ref:path}", response_model=CycleView, openapi_extra=patch_of(NewCycle))
@needs(Permission.PLAN)
async def patch_cycle(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a cycle (JSON Merge Patch)."""
    edit, expected = patched(NewCycle, body), expected_versions(call)
    changed = await service.edit_cycle(call.tx, call.who, ref, edit, expected)
    return await written(call, CYCLES, changed.id)


@router.delete("/cycles/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_cycle(ref: PathRef, call: Write) -> Response:
    """Delete a cycle that nothing is in."""
    await service.delete_cycle(call.tx, call.who, ref, expected_versions(call))
    return no_content()

"""Check-ins over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.checkins import service
from okr_service.checkins.errors import CheckInNotFound
from okr_service.checkins.model import CheckIn
from okr_service.checkins.reads import CHECK_INS, check_ins_wanted, shape_for_writer
from okr_service.checkins.shapes import (
    BatchOutcome,
    CheckInBatch,
    CheckInListing,
    CheckInView,
    NewCheckIn,
    VoidedCheckIn,
    Voiding,
)
from okr_service.kernel.paging import Shape
from okr_service.kernel.references import identifies
from okr_service.rest.answers import computed, page, show, written
from okr_service.rest.endpoint import BulkEndpoint, Read, Write, needs
from okr_service.rest.routing import PageOf, PathRef, room

router = room("check-ins")
bulk_router = room("check-ins", BulkEndpoint)


@router.get("/check-ins", response_model=PageOf[CheckInView])
@needs(Permission.READ)
async def list_check_ins(wanted: Annotated[CheckInListing, Query()], call: Read) -> Response:
    """List check-ins."""
    conditions = check_ins_wanted(call.who.tenant_id, wanted)
    return await page(call, CHECK_INS, conditions, wanted.page())


@router.post(
    "/check-ins",
    status_code=201,
    response_model=CheckInView,
    responses={200: {"model": CheckInView}},
)
@needs(Permission.CHECK_IN)
async def record_check_in(body: NewCheckIn, call: Write) -> Response:
    """Report a key result's value; 200 where its external id was recorded before."""
    recorded = await service.record_check_in(call.tx, call.who, body)
    location = "/v1/check-ins" if recorded.is_new else None
    return await written(call, CHECK_INS, recorded.id, location)


@bulk_router.post("/check-ins:batch", response_model=BatchOutcome)
@needs(Permission.CHECK_IN)
async def record_check_ins(body: CheckInBatch, call: Write) -> Response:
    """Report up to 10,000 values, all or none."""
    recorded = await service.record_check_ins(call.tx, call.who, body.check_ins)
    new = sum(one.is_new for one in recorded)
    ids = [one.id for one in recorded]
    return computed({"recorded": new, "unchanged": len(ids) - new, "ids": ids})


@router.post("/check-ins/{ref:path}:void", response_model=CheckInView | VoidedCheckIn)
@needs(Permission.CHECK_IN)
async def void_check_in(ref: PathRef, body: Voiding, call: Write) -> Response:
    """Take a check-in out of account; the one before it counts again."""
    voided = await service.void_check_in(call.tx, call.who, ref, body.reason)
    return await written(call, CHECK_INS, voided, request=shape_for_writer(call.who))


@router.get("/check-ins/{ref:path}", response_model=CheckInView)
@needs(Permission.READ)
async def get_check_in(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a check-in."""
    named = identifies(CheckIn, call.who.tenant_id, ref)
    return await show(call, CHECK_INS, named, CheckInNotFound(ref), shape.shape())

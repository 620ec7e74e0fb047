"""Calendars over REST."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from okr_service.access.policy import Permission, Principal
from okr_service.credentials.hashing import KeyedHash
from okr_service.kernel.documents import Representation
from okr_service.kernel.messages import preferred_language
from okr_service.reminders import calendars
from okr_service.reminders.document import MEDIA_TYPE, calendar
from okr_service.reminders.errors import CalendarNotFound
from okr_service.reminders.shapes import CalendarMade, CalendarWanted
from okr_service.rest.admission import caller_of
from okr_service.rest.answers import no_content, shown_once, unless_known
from okr_service.rest.endpoint import Write, needs
from okr_service.rest.routing import PathRef, room
from okr_service.serving import Service

router = room("calendars")
# What is asked for here has its credential in its address.
open_router = APIRouter(prefix="/v1", tags=["calendars"])
Secret = Annotated[str, Path(description="The secret that the address was made of.")]


@router.post("/people/{ref:path}/calendar", status_code=201, response_model=CalendarMade)
@needs(Permission.OWN_KEYS)
async def create_calendar(ref: PathRef, call: Write) -> Response:
    """Give a person's calendar an address, shown this once; one that it had ends."""
    service: Service = call.request.app.state.service
    hashing = KeyedHash.of(service.settings)
    row, secret = await calendars.create_calendar(call.tx, call.who, ref, hashing)
    return shown_once(calendars.made(row, secret).model_dump(mode="json"))


@router.delete("/people/{ref:path}/calendar", status_code=204)
@needs(Permission.OWN_KEYS)
async def delete_calendar(ref: PathRef, call: Write) -> Response:
    """Take the address of a person's calendar back."""
    await calendars.delete_calendar(call.tx, call.who, ref)
    return no_content()


@open_router.get(
    "/calendars/{secret}.ics",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
async def get_calendar(
    secret: Secret, wanted: Annotated[CalendarWanted, Query()], request: Request
) -> Response:
    """Show what a person owns and is due, as a calendar (RFC 5545); the address lets in."""
    service: Service = request.app.state.service
    hashing = KeyedHash.of(service.settings)

    async def recognise() -> Principal:
        return await calendars.opened(
            service.database, hashing, secret, request.scope["request_id"]
        )

    who = await service.admitted_by(caller_of(request), secret, recognise, CalendarNotFound)
    accepted = request.headers.get("accept-language", "")
    language = wanted.lang or preferred_language(accepted)
    async with service.database.reading(who.tenant_id) as tx:
        found = await calendars.entries(tx, who)
    shown = Representation(calendar(who.tenant_id, found, language), 0)
    answer = unless_known(request, shown, MEDIA_TYPE)
    answer.headers["Content-Language"] = language
    answer.headers["Vary"] = "Accept-Language"
    return answer

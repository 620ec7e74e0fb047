"""The feed of events over REST."""

from typing import Annotated

import orjson
from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission, Principal
from okr_service.events.reads import Part
from okr_service.events.shapes import EventPage, EventsAwaited
from okr_service.rest.endpoint import Unconnected, UnconnectedEndpoint, needs
from okr_service.rest.routing import room
from okr_service.serving import Service

router = room("events", UnconnectedEndpoint)


@router.get("/events", response_model=EventPage)
@needs(Permission.READ)
async def read_events(wanted: Annotated[EventsAwaited, Query()], call: Unconnected) -> Response:
    """Read what happened after a cursor, in the order in which it was committed."""
    service: Service = call.request.app.state.service
    said, request_id = call.request.headers.get("authorization"), call.who.request_id

    async def recognise() -> Principal:
        return await service.gatekeeper.recognise(said, request_id)

    longest = service.settings.request_timeout_seconds / 2
    part = await service.feed.await_events(recognise, wanted, min(wanted.wait, longest))
    return Response(_page(part), media_type="application/json")


def _page(part: Part) -> bytes:
    place = {"next_cursor": str(part.until), "has_more": part.has_more}
    return b"".join((b'{"data":[', part.data, b'],"page":', orjson.dumps(place), b"}"))

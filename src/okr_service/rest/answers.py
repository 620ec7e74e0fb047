"""Answers: one resource, a page of them, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from okr_service.kernel.documents import Collection, Page, PageRequest, Representation
from okr_service.kernel.errors import NotFound
from okr_service.rest.conditional import etag, matches
from okr_service.rest.endpoint import NOT_STORED, WORKBOOK, ReadCall, WriteCall
from okr_service.serving import Service

_JSON = "application/json"


async def show(
    call: ReadCall,
    collection: Collection,
    condition: ColumnElement[bool],
    absent: NotFound,
    request: PageRequest | None = None,
) -> Response:
    """Answer with one resource, or 304 where the caller has it already."""
    shown = await collection.one(call.tx, call.who.tenant_id, call.who.sight, condition, request)
    if shown is None:
        raise absent
    return unless_known(call.request, shown, _JSON)


async def written(
    call: WriteCall,
    collection: Collection,
    row_id: UUID,
    created_at: str | None = None,
    request: PageRequest | None = None,
) -> Response:
    """Answer a write with the row as it is now: 201 and its Location where it is new."""
    named = collection.model.id == row_id
    shown = await collection.one(call.tx, call.who.tenant_id, call.who.sight, named, request)
    assert shown is not None, "what was written can be read"
    return resource(shown, f"{created_at}/{row_id}" if created_at else None)


def document(call: ReadCall, shown: Representation | str) -> Response:
    """Answer with a JSON document, or 304 where the caller has it already."""
    whole = Representation(shown, 0) if isinstance(shown, str) else shown
    return unless_known(call.request, whole, _JSON)


def picture(call: ReadCall, text: str) -> Response:
    """Answer with a picture, or 304 where the caller has it already."""
    return unless_known(call.request, Representation(text, 0), "image/svg+xml")


def unless_known(request: Request, shown: Representation, media_type: str) -> Response:
    """Answer with a representation, or 304 where the caller has it already."""
    tag = etag(shown)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(shown.text, 200, {"ETag": tag}, media_type)


def resource(shown: Representation, location: str | None = None) -> Response:
    """Answer with a representation."""
    headers = {"ETag": etag(shown)} | ({"Location": location} if location else {})
    return Response(shown.text, 201 if location else 200, headers, _JSON)


async def page(
    call: ReadCall,
    collection: Collection,
    conditions: Sequence[ColumnElement[bool]],
    request: PageRequest,
) -> Response:
    """Answer with a page of resources and a link to the next (RFC 8288)."""
    who = call.who
    found = await collection.page(call.tx, who.tenant_id, who.sight, conditions, request)
    return Response(_envelope(found), 200, _links(call, found), _JSON)


def _envelope(found: Page) -> bytes:
    cursor = f'"{found.next_cursor}"' if found.next_cursor else "null"
    more = "true" if found.next_cursor else "false"
    total = "" if found.total is None else f',"total":{found.total}'
    place = f'"next_cursor":{cursor},"has_more":{more}{total}'
    return b"".join((b'{"data":', found.data, b',"page":{', place.encode(), b"}}"))


def _links(call: ReadCall, found: Page) -> Mapping[str, str]:
    if not found.next_cursor:
        return {}
    asked = call.request.query_params.multi_items()
    kept = [(name, value) for name, value in asked if name != "cursor"]
    query = urlencode([*kept, ("cursor", found.next_cursor)])
    return {"Link": f'<{quote(call.request.scope["path"])}?{query}>; rel="next"'}


async def streamed(
    parts: AsyncIterator[bytes], filename: str, media_type: str = "application/x-ndjson"
) -> Response:
    """Answer with a file as it is read; what fails at once is answered as usual.

    What fails later breaks the connection, so that nobody takes a part for the whole.
    """
    first = await anext(parts, b"")

    async def all_parts() -> AsyncIterator[bytes]:
        yield first
        async for part in parts:
            yield part

    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return _Stream(all_parts(), 200, headers, media_type)


class _Stream(StreamingResponse):
    """A file that whoever asked for it must go on taking."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what is not taken in time breaks it off."""
        service: Service = scope["app"].state.service
        patience = service.settings.request_timeout_seconds

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(patience):
                await send(message)

        await super().__call__(scope, receive, send_in_time)


def computed(
    value: dict[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a value that was worked out, not read."""
    return Response(orjson.dumps(value, default=str), status, headers, _JSON)


def workbook(data: bytes, filename: str) -> Response:
    """Answer with a workbook to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(data, 200, headers, WORKBOOK)


def shown_once(value: dict[str, object], location: str | None = None) -> Response:
    """Answer with what was made, by its `id`, and its secret, which nobody is to store."""
    return computed(value, 201, NOT_STORED | ({"Location": location} if location else {}))


def no_content() -> Response:
    """Answer that it is done and there is nothing to show."""
    return Response(status_code=204)

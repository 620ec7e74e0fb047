"""Subscriptions as streams of events, one a request: "distinct connections mode".

The event's id is the cursor; who comes again with `Last-Event-ID` goes on after it. So that
nothing is missed before the first event, the cursor is told at once, and now and then while
nothing happens, which keeps the connection alive too.

Source: github.com/enisdenjo/graphql-sse, PROTOCOL.md; html.spec.whatwg.org, 9.2.
"""

import asyncio
import logging
from contextlib import ExitStack, suppress

import orjson
from starlette.types import Receive, Send

from okr_service.graphql.asked import Asked
from okr_service.graphql.faults import all_shown, of_request
from okr_service.graphql.operations import DocumentErrors
from okr_service.graphql.subscriptions.following import Following
from okr_service.graphql.subscriptions.seats import Seats
from okr_service.kernel.errors import InternalError, OkrError
from okr_service.kernel.traces import traceback_of

EVENTS = "text/event-stream"
_PATIENCE = 30.0  # seconds for which whoever reads may leave what is sent to them
_HEADERS = [
    (b"content-type", f"{EVENTS}; charset=utf-8".encode()),
    (b"vary", b"Accept, Accept-Language, Authorization"),
    (b"x-accel-buffering", b"no"),
]
_log = logging.getLogger(__name__)


def event(name: str, data: bytes = b"", cursor: str = "") -> bytes:
    """Return an event as it is sent; JSON of ours has no line breaks."""
    place = f"id: {cursor}\n" if cursor else ""
    return f"event: {name}\n{place}data: ".encode() + data + b"\n\n"


class EventStream:
    """The stream that answers one subscription."""

    def __init__(self, following: Following, asked: Asked, seats: Seats) -> None:
        self._following = following
        self._asked = asked
        self._seats = seats
        self._taken = ExitStack()

    async def begin(self, after: str | None) -> None:
        """Begin to follow.

        Raises:
            TooManyConnections, and what `Following.begin` raises.
        """
        with ExitStack() as taken:
            taken.enter_context(self._seats.one())
            taken.enter_context(self._seats.of(self._asked.who))
            await self._following.begin(after)
            self._taken = taken.pop_all()

    async def tell(self, receive: Receive, send: Send) -> None:
        """Tell what happens until somebody has enough."""
        with self._taken:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            telling = asyncio.create_task(self._tell(send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (telling, leaving):
                    task.cancel()
                    with suppress(asyncio.CancelledError, TimeoutError):
                        await task

    async def _tell(self, send: Send) -> None:
        """Send one event after the other; raises TimeoutError where nobody reads them."""
        await _send(send, self._place())
        while True:
            try:
                found = await self._following.next()
            except Exception as error:  # noqa: BLE001 - told, and logged where it is ours
                await _send(send, event("next", self._fault(error)) + event("complete"))
                await send({"type": "http.response.body", "body": b""})
                return
            told = self._place() if found is None else event("next", found.body, str(found.cursor))
            await _send(send, told)

    def _place(self) -> bytes:
        """Return the cursor alone, which moves a reader's place without being an event."""
        return f"id: {self._following.cursor}\n\n".encode()

    def _fault(self, error: Exception) -> bytes:
        language, request_id = self._asked.language, self._asked.who.request_id
        if isinstance(error, DocumentErrors):
            return orjson.dumps({"errors": all_shown(error.errors, language, request_id)})
        if not isinstance(error, OkrError):
            _log.error("request %s failed\n%s", request_id, traceback_of(error))
            error = InternalError()
        return orjson.dumps(of_request(error, language, request_id), default=str)


async def _send(send: Send, text: bytes) -> None:
    async with asyncio.timeout(_PATIENCE):
        await send({"type": "http.response.body", "body": text, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

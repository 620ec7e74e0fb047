"""What every request has, whichever route it takes: an id that its answer carries, and HEAD."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okr_service.kernel.model import new_id

_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


class RequestContext:
    """Takes the caller's `X-Request-ID`, or makes one, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id; HEAD is GET without the body (RFC 9110, 9.3.2)."""
        if scope["type"] == "websocket":
            scope["request_id"] = str(new_id())
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else str(new_id())
        scope["request_id"] = request_id
        if scope["method"] == "HEAD":  # FastAPI does not answer it; the server leaves out the body
            scope = {**scope, "method": "GET"}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)

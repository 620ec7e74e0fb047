"""GraphQL over a WebSocket: graphql-transport-ws, as Strawberry has it, on our own door.

Who connects says who they are in `connection_init`, as `{"Authorization": "Bearer …"}`, or by
the header; `connection_ack` answers with the cursor of what has happened until then. To
connect and each `subscribe` count as requests. Codes of the protocol, besides its own:

- 4401: no good credential, or not any more; 4403: it may not read;
- 1013: too many connections or requests, or no database; try again later.

Source: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import monotonic
from typing import Any, NoReturn, cast

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.async_base_view import AsyncWebSocketAdapter
from strawberry.http.exceptions import (
    NonJsonMessageReceived,
    NonTextMessageReceived,
    WebSocketDisconnected,
)
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    NextMessagePayload,
    SubscribeMessage,
)

from graphql import GraphQLFormattedError
from okr_service.access.errors import NotPermitted
from okr_service.access.policy import Permission, Principal
from okr_service.graphql.answers import Answering
from okr_service.graphql.asked import Asked
from okr_service.graphql.errors import BatchNotAccepted, InvalidParameters, TooManySubscriptions
from okr_service.graphql.faults import all_shown, as_shown
from okr_service.graphql.intake import Intake
from okr_service.graphql.operations import DocumentErrors
from okr_service.graphql.parameters import Parameters
from okr_service.graphql.subscriptions.following import Following
from okr_service.graphql.subscriptions.seats import Shared
from okr_service.kernel.errors import (
    Forbidden,
    InternalError,
    Malformed,
    OkrError,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from okr_service.kernel.messages import preferred_language
from okr_service.kernel.payload import read_json
from okr_service.kernel.traces import traceback_of
from okr_service.serving import Caller, Exchange, Service

_PATIENCE = 30.0  # seconds for which whoever reads may leave what is sent to them
_PING_AFTER = 8.0  # seconds in which nothing was sent
_UNKNOWN_SUBPROTOCOL, _TOO_BIG, _FAILED, _LATER = 4406, 1009, 1011, 1013
_log = logging.getLogger(__name__)


class Socket:
    """The ASGI application of WebSockets at `/graphql`."""

    def __init__(self, intake: Intake, shared: Shared) -> None:
        self._intake, self._shared = intake, shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection for as long as it lasts."""
        socket = WebSocket(scope, receive, send)
        if GRAPHQL_TRANSPORT_WS_PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            await socket.close(_UNKNOWN_SUBPROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(subprotocol=GRAPHQL_TRANSPORT_WS_PROTOCOL)
        with ExitStack() as taken:
            try:
                taken.enter_context(self._shared.seats.one())
            except Throttled as error:
                await socket.close(_LATER, error.code)
                return
            await Conversation(socket, self._intake, self._shared, taken).handle()


class _Wire(AsyncWebSocketAdapter):
    """A WebSocket that carries messages in JSON, to whoever takes them."""

    def __init__(self, socket: WebSocket, longest: int) -> None:
        self._socket = socket
        self._longest = longest
        self.sent_at = monotonic()

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """Give one message after the other."""
        while True:
            try:
                text = (await self._socket.receive_text()).encode()
                if len(text) > self._longest:
                    await self.close(_TOO_BIG, "Message too big")
                    return
                yield read_json(text)
            except KeyError as error:
                raise NonTextMessageReceived from error
            except Malformed as error:
                if not ignore_parsing_errors:
                    raise NonJsonMessageReceived from error
            except (WebSocketDisconnect, RuntimeError):  # they left, or were told to
                return

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; raises WebSocketDisconnected where nobody takes it."""
        self.sent_at = monotonic()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._socket.send_text(orjson.dumps(message, default=str).decode())
        except (WebSocketDisconnect, RuntimeError, TimeoutError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; one that is closed stays so."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._socket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            return


class _Sent(Operation[dict[str, Any], None]):
    """An operation as it came."""

    __slots__ = ("given",)

    def __init__(self, handler: "Conversation", message: SubscribeMessage) -> None:
        super().__init__(handler, message["id"], "", None, None)
        self.given = Parameters.read(message.get("payload"))

    async def tell(self, body: bytes) -> None:
        """Send one response; raises WebSocketDisconnected where nobody takes it."""
        payload = cast("NextMessagePayload", orjson.Fragment(body))
        await self.send_operation_message({"id": self.id, "type": "next", "payload": payload})


class Conversation(BaseGraphQLTransportWSHandler[dict[str, Any], None]):
    """One connection: Strawberry's protocol, and who may ask what as at our door."""

    task_logger = _log

    def __init__(self, socket: WebSocket, intake: Intake, shared: Shared, taken: ExitStack) -> None:
        self._service: Service = socket.app.state.service
        settings = self._service.settings
        self._wire = _Wire(socket, settings.body_limit_bytes)
        super().__init__(
            self,  # type: ignore[arg-type] # of a view it asks `on_ws_connect` alone
            self._wire,
            {},
            None,
            socket.app.state.graphql_schema,
            timedelta(seconds=settings.subscription_init_seconds),
        )
        headers = Headers(scope=socket.scope)
        self._intake, self._shared, self._taken = intake, shared, taken
        self._address = socket.client.host if socket.client else ""
        self._shown = headers.get("authorization", "")
        self._language = preferred_language(headers.get("accept-language", ""))
        self._request_id: str = socket.scope["request_id"]

    async def on_ws_connect(self, context: dict[str, Any]) -> dict[str, object]:
        """Let somebody in, and tell them where the feed stands.

        Raises:
            ConnectionRejectionError: they are not let in; the connection is closed by then.
        """
        given = context.pop("connection_params")
        shown = given.get("Authorization", given.get("authorization"))
        if isinstance(shown, str):
            self._shown = shown
        try:
            who = await self._admitted()
            self._taken.enter_context(self._shared.seats.of(who))
            if Permission.READ not in who.grants:
                return {}
            return {"cursor": str(await self._service.feed.start(who, None))}
        except OkrError as error:
            await self._wire.close(_code_of(error), error.code)
            raise ConnectionRejectionError from error

    async def _admitted(self) -> Principal:
        return await self._service.admitted(
            Caller(self._shown, self._address, self._request_id, [])
        )

    async def _recognised(self) -> Principal:
        return await self._service.gatekeeper.recognise(self._shown, self._request_id)

    async def handle_message(self, message: Message) -> None:
        """Take a message, if it is one."""
        if not _is_message(message):
            await self.handle_invalid_message("Invalid message")
            return
        try:
            await super().handle_message(message)
        except (InvalidParameters, BatchNotAccepted):
            await self.handle_invalid_message("Invalid message")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Let somebody in who says who they are."""
        if message.get("payload") is None:
            message = {"type": "connection_init"}
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin to answer an operation."""
        if not self.connection_acknowledged or message["id"] in self.operations:
            await super().handle_subscribe(message)  # which closes the connection
            return
        operation = _Sent(self, message)
        self.operations[operation.id] = operation
        limit = self._service.settings.subscriptions_per_connection
        if len(self.operations) > limit:
            await self._refuse(operation, TooManySubscriptions(limit))
            return
        operation.task = asyncio.create_task(self.run_operation(operation))
        operation.task.add_done_callback(self._task_done)

    async def run_operation(self, operation: Operation[dict[str, Any], None]) -> None:
        """Answer an operation until there is nothing more to say, or nobody to say it to."""
        assert isinstance(operation, _Sent)
        try:
            await self._answer(operation)
        except WebSocketDisconnected:
            pass
        except (Unauthenticated, NotPermitted) as error:
            await self._wire.close(_code_of(error), error.code)
        except Exception as error:  # noqa: BLE001 - told, and logged where it is ours
            with suppress(WebSocketDisconnected):
                await self._refuse(operation, error)

    async def _answer(self, operation: _Sent) -> None:
        who = await self._admitted()
        prepared = self._intake.prepared(operation.given)
        fresh = Exchange({}, [])
        asked = self._intake.asked(
            prepared, operation.given, self._service, who, self._language, fresh
        )
        if prepared.is_subscription:
            await self._follow(operation, asked)
        await operation.tell(await Answering(asked).answered())
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _follow(self, operation: _Sent, asked: Asked) -> NoReturn:
        following = Following(asked, self._recognised, self._shared.renditions)
        await following.begin()
        while True:
            found = await following.next()
            if found is not None:
                await operation.tell(found.body)
            elif monotonic() - self._wire.sent_at > _PING_AFTER:
                await self.send_message({"type": "ping"})

    async def _refuse(self, operation: _Sent, error: Exception) -> None:
        """Say why an operation is not answered, or not any longer."""
        if isinstance(error, DocumentErrors):
            told = all_shown(error.errors, self._language, self._request_id)
        else:
            if not isinstance(error, OkrError):
                _log.error("request %s failed\n%s", self._request_id, traceback_of(error))
                error = InternalError()
            told = [as_shown(error, self._language, self._request_id)]
        payload = cast("list[GraphQLFormattedError]", told)
        await operation.send_operation_message(
            {"id": operation.id, "type": "error", "payload": payload}
        )


def _code_of(error: OkrError) -> int:
    match error:
        case Unauthenticated():
            return 4401
        case Forbidden():
            return 4403
        case Throttled() | Unavailable():
            return _LATER
        case _:
            return _FAILED


def _is_message(message: object) -> bool:
    """Say whether a message has the form that the protocol gives its kind."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    return isinstance(message.get("id"), str) and bool(message["id"])

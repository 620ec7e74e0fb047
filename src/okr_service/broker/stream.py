"""The stream on the broker, over one connection that is made when it is first needed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from nats.aio.client import Client, RawCredentials
from nats.errors import Error, MaxPayloadError, SecureConnWantedError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, Header, StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from okr_service.broker.errors import Away, Overtaken, Refused
from okr_service.events.cursors import Cursor
from okr_service.kernel.errors import InvalidCursor
from okr_service.settings import Settings

CURSOR = "Okr-Cursor"
_CONTENT_TYPE = "application/cloudevents+json"
_OPENS_WITHIN, _ANSWERS_WITHIN, _CLOSES_WITHIN = 8.0, 5.0, 1.0  # seconds
# Error codes of JetStream.
_WRONG_LAST_SEQUENCE, _TOO_LARGE, _NAME_IN_USE = 10071, 10054, 10058

_T = TypeVar("_T")


@dataclass(frozen=True)
class Message:
    """An event as it is published."""

    subject: str
    id: str
    cursor: Cursor
    body: bytes


@dataclass(frozen=True)
class Stored:
    """A message in the stream: its number there, and its place in the feed if it says one."""

    sequence: int
    cursor: Cursor | None


class _Client(Client):
    """NATS's client, but that `tls://` lets nothing go unencrypted."""

    def _connect_command(self) -> bytes:
        # It would go on in the clear with a server, or somebody between, that asks for no TLS.
        server = self._current_server
        if server and server.uri.scheme == "tls" and not self._server_info.get("tls_required"):
            raise SecureConnWantedError
        return super()._connect_command()


@dataclass(frozen=True)
class _Connection:
    client: Client
    context: JetStreamContext


class Stream:
    """Stores messages, and says which were stored last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.broker_stream
        self._opening: asyncio.Task[_Connection] | None = None

    async def store(self, message: Message, after: int) -> int:
        """Store a message, if that with the number `after` is the last of its subject still.

        Returns its number.

        Raises:
            Away, Refused.
            Overtaken: another is the last.
        """
        headers = {
            Header.MSG_ID.value: message.id,
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(after),
            "Content-Type": _CONTENT_TYPE,
            CURSOR: str(message.cursor),
        }
        connection = await self._connection()
        storing = connection.context.publish(
            message.subject, message.body, _ANSWERS_WITHIN, stream=self._name, headers=headers
        )
        return (await self._answer(connection, storing)).seq

    async def last(self, subject: str) -> Stored | None:
        """Return the last message of a subject, or of all beneath it; raises Away."""
        connection = await self._connection()
        asking = connection.context.get_last_msg(self._name, subject)
        try:
            found = await self._answer(connection, asking)
        except NotFoundError:
            return None
        assert found.seq is not None, "each message has its number"
        return Stored(found.seq, _cursor(found.headers or {}))

    async def close(self) -> None:
        """Let go of the connection."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        opening.cancel()
        [opened] = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(opened, _Connection):
            await _close(opened.client)

    async def _answer(self, connection: _Connection, asking: Awaitable[_T]) -> _T:
        """Wait for an answer of the stream's; where there is none, the next begins anew."""
        try:
            return await asking
        except NotFoundError:
            raise
        except (Error, OSError, TimeoutError) as error:
            if isinstance(error, MaxPayloadError):
                raise Refused("it is larger than the broker takes") from error
            code = error.err_code if isinstance(error, APIError) else None
            if code == _WRONG_LAST_SEQUENCE:
                raise Overtaken from error
            if code == _TOO_LARGE:
                raise Refused(_reason(error)) from error
            await _close(connection.client)
            raise Away(_reason(error)) from error

    async def _connection(self) -> _Connection:
        """Return the connection; all who need one while there is none wait for the same."""
        if self._opening is None or not _is_of_use(self._opening):
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_look_at)
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Connection:
        met: list[Exception] = []
        client = _Client()
        try:
            async with asyncio.timeout(_OPENS_WITHIN):
                await self._connect(client, met)
                connection = _Connection(client, client.jetstream(timeout=_ANSWERS_WITHIN))
                await self._ensure_stream(connection.context)
        except Exception as error:
            # Whatever it was, credentials that cannot be read included: there is no broker.
            await _close(client)
            raise Away(_reason(met[-1] if met else error)) from error
        except asyncio.CancelledError:
            await _close(client)
            raise
        return connection

    async def _connect(self, client: Client, met: list[Exception]) -> None:
        async def note(error: Exception) -> None:
            met.append(error)

        given = self._settings
        credentials, token = given.broker_credentials, given.broker_token
        await client.connect(
            list(given.broker_url),
            error_cb=note,
            name="okr-service",
            # Who publishes begins anew instead, so that nothing is sent that nobody waits for.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            user_credentials=RawCredentials(credentials.get_secret_value())
            if credentials
            else None,
            token=token.get_secret_value() if token else None,
        )

    async def _ensure_stream(self, context: JetStreamContext) -> None:
        try:
            await context.stream_info(self._name)
        except NotFoundError:
            wanted = StreamConfig(
                name=self._name,
                subjects=[f"{self._settings.broker_subject_prefix}.>"],
                storage=StorageType.FILE,
                discard=DiscardPolicy.NEW,  # should it ever be full, nothing is pushed out unread
                duplicate_window=self._settings.broker_duplicate_window_seconds,
            )
            try:
                await context.add_stream(wanted)
            except APIError as error:
                if error.err_code != _NAME_IN_USE:  # by another worker, of other settings
                    raise


def _is_of_use(opening: asyncio.Task[_Connection]) -> bool:
    if not opening.done():
        return True
    failed = opening.cancelled() or opening.exception()
    return not failed and opening.result().client.is_connected


def _look_at(opening: asyncio.Task[_Connection]) -> None:
    """Have it known how it ended, should all who waited for it be gone."""
    if not opening.cancelled():
        opening.exception()


async def _close(client: Client) -> None:
    # It waits for good for the end of a connection on which TLS failed.
    with contextlib.suppress(Error, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSES_WITHIN):
            await client.close()


def _cursor(headers: Mapping[str, str]) -> Cursor | None:
    try:
        return Cursor.read(headers.get(CURSOR, ""))
    except InvalidCursor:
        return None


def _reason(error: Exception) -> str:
    """Return what may be logged of an error: no addresses."""
    if isinstance(error, APIError):
        return str(error.description)
    if isinstance(error, NoStreamResponseError):
        return "the stream does not take their subjects"
    return str(error) if type(error) is Error else type(error).__name__

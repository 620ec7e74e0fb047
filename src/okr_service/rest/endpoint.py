"""How a request becomes a call: who calls, in which transaction, once or again.

Every route under `/v1` is an `Endpoint`. It recognises the caller, turns away those
who have not the permission it declares, reads the body before it takes a
connection, opens one reading connection or one transaction in the caller's tenant,
and commits before the answer leaves: a 2xx means stored. Those that would hold a connection
while something slow goes on take connections for themselves, when they need them.
"""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from okr_service.access.policy import Permission, Principal, require
from okr_service.kernel.database import Database, Reading, Transaction
from okr_service.kernel.idempotency import (
    IdempotentAnswer,
    IdempotentRequest,
    SecretShownOnce,
    first_answer,
    keep_answer,
    require_key,
)
from okr_service.kernel.replica import Reads
from okr_service.rest.admission import admitted
from okr_service.rest.bodies import BoundedRequest, FileRequest
from okr_service.rest.errors import NotAcceptableMediaType, UnsupportedMediaType
from okr_service.rest.patch import MERGE_PATCH
from okr_service.serving import Exchange, Service
from okr_service.settings import Settings

_READS = frozenset({"GET"})
_JSON = "application/json"
_FILED = "okr_file"  # where a request's scope has its file
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARQUET = "application/vnd.apache.parquet"
NOT_STORED = {"cache-control": "no-store"}  # the headers of an answer that shows a secret
PERMISSION = "x-permission"  # where an operation tells `openapi` what it takes

_F = TypeVar("_F", bound=Callable[..., object])
_NEEDED: dict[Callable[..., object], Permission] = {}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]  # FastAPI's own type


class UndeclaredPermission(TypeError):
    """A route does not say which permission it takes."""


def needs(permission: Permission) -> Callable[[_F], _F]:
    """Declare which permission a route takes; the service does not start with one that does not.

    How far it must reach is for the service functions to say: they know what is at stake.
    """

    def declare(function: _F) -> _F:
        _NEEDED[function] = permission
        return function

    return declare


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A request that only reads."""

    request: Request
    who: Principal
    tx: Reading


@dataclass(frozen=True, slots=True)
class UnconnectedCall:
    """A request that takes connections for itself."""

    request: Request
    who: Principal
    database: Database
    reads: Reads  # what is not younger than it must be

    @property
    def exchange(self) -> Exchange:
        """Return what the request and its answer say of how old something is."""
        return exchange_of(self.request)


@dataclass(frozen=True, slots=True)
class WriteCall:
    """A request that writes, in a transaction of its own."""

    request: Request
    who: Principal
    tx: Transaction
    afterwards: list[Callable[[], None]] = field(default_factory=list)  # to do once committed


class Endpoint(APIRoute):
    """A route that is called by a permitted principal in a transaction."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", "json")  # parts of media types
    connected: ClassVar[bool] = True

    @staticmethod
    def body_limit(settings: Settings) -> int:
        """Return how many bytes a body may have."""
        return settings.body_limit_bytes

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        """Make a route.

        Raises:
            UndeclaredPermission: its function declares none.
        """
        if endpoint not in _NEEDED:
            raise UndeclaredPermission(f"{endpoint.__qualname__} at {path}")
        self.permission = _NEEDED[endpoint]
        extra = given.pop("openapi_extra", None) or {}
        super().__init__(
            path, endpoint, openapi_extra={**extra, PERMISSION: self.permission}, **given
        )

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler; see the module's first lines."""
        permission = self.permission
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            _require_acceptable(request, self.produces)
            service: Service = request.app.state.service
            who = await admitted(request, service)
            require(who, permission)
            if request.method not in _READS:
                request = await self.received(request, service.settings)
            if not self.connected:
                reads = service.reads(exchange_of(request))
                request.state.call = UnconnectedCall(request, who, service.database, reads)
                return await handle(request)
            if request.method in _READS:
                return await _read(service, request, who, handle)
            assert isinstance(request, BoundedRequest), "it writes, so it was received"
            return await _written(service, request, who, handle)

        return answer

    async def received(self, request: Request, settings: Settings) -> BoundedRequest:
        """Read the body that a request must have: a slow client must not hold a connection."""
        bounded = BoundedRequest(request.scope, request.receive)
        bounded.limit = self.body_limit(settings)
        body = self.body_field
        if body is not None and (body.field_info.is_required() or _has_body(bounded)):
            _require_json(bounded)
            await bounded.body()
        return bounded


class BulkEndpoint(Endpoint):
    """A route that takes much at once."""

    @staticmethod
    def body_limit(settings: Settings) -> int:
        """Return how many bytes a body may have."""
        return settings.bulk_body_limit_bytes


class UnconnectedEndpoint(Endpoint):
    """A route that asks somebody else over the network, who may take their time.

    It keeps no answer for an Idempotency-Key: what it does comes to the same if done again.
    """

    connected: ClassVar[bool] = False


class StreamEndpoint(UnconnectedEndpoint):
    """A route that answers with lines of JSON, as many as there are."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", "x-ndjson")


class PictureEndpoint(Endpoint):
    """A route that answers with an SVG picture."""

    produces: ClassVar[tuple[str, ...]] = ("image/*", "image/svg+xml")


class WorkbookEndpoint(Endpoint):
    """A route that answers with a workbook."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", WORKBOOK)


class FileEndpoint(UnconnectedEndpoint):
    """A route that answers with a file; its address says of which kind."""

    produces: ClassVar[tuple[str, ...]] = (
        *("application/*", "text/*", "text/csv", "x-ndjson"),
        *(WORKBOOK, PARQUET),
    )


class ImportEndpoint(Endpoint):
    """A route that takes a file and answers with a report, or with the file and what it lacks."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", "json", WORKBOOK)

    @staticmethod
    def body_limit(settings: Settings) -> int:
        """Return how many bytes a file may have."""
        return settings.import_body_limit_bytes

    async def received(self, request: Request, settings: Settings) -> BoundedRequest:
        """Read the file, which is closed once it is answered."""
        filed = FileRequest(request.scope, request.receive)
        filed.limit = self.body_limit(settings)
        await filed.receive_file()
        request.scope[_FILED] = filed
        return filed

    def get_route_handler(self) -> Handler:
        """Wrap the handler, to give back the room that the file takes."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            finally:
                if (filed := request.scope.pop(_FILED, None)) is not None:
                    filed.close_file()

        return answer


class ImportJobEndpoint(UnconnectedEndpoint):
    """A route that answers with how far an import has come, or with what it gives back."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", "json", WORKBOOK)


async def _read(service: Service, request: Request, who: Principal, handle: Handler) -> Response:
    async def work(connection: AsyncConnection) -> Response:
        request.state.call = ReadCall(request, who, connection)
        return await handle(request)

    return await service.reads(exchange_of(request)).read(who.tenant_id, work)


def exchange_of(request: Request) -> Exchange:
    """Return what a request and its answer say of how old something is."""
    return Exchange(request.headers, request.scope["answer_headers"])


async def _written(
    service: Service, request: BoundedRequest, who: Principal, handle: Handler
) -> Response:
    idempotent = await _idempotent(request, who)

    async def work(tx: Transaction, afterwards: list[Callable[[], None]]) -> Response:
        request.state.call = WriteCall(request, who, tx, afterwards)
        return await _once(tx, idempotent, lambda: handle(request))

    return await service.write(who, exchange_of(request), work)


async def _once(
    tx: Transaction, idempotent: IdempotentRequest | None, work: Callable[[], Awaitable[Response]]
) -> Response:
    if idempotent is None:
        return await work()
    first = await first_answer(tx, idempotent)
    if first is not None:
        return _again(first)
    response = await work()
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    body = bytes(response.body)
    if _shows_secret(kept):
        body = str(orjson.loads(body)["id"]).encode()
    await keep_answer(tx, idempotent, response.status_code, kept, body)
    return response


def _again(first: IdempotentAnswer) -> Response:
    if _shows_secret(first.headers):
        raise SecretShownOnce(first.body.decode())
    return Response(first.body, first.status, {**first.headers, "Idempotency-Replayed": "true"})


def _shows_secret(headers: Mapping[str, str]) -> bool:
    return NOT_STORED.items() <= headers.items()


async def _idempotent(request: BoundedRequest, who: Principal) -> IdempotentRequest | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    require_key(key)
    digest = hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode())
    async for piece in request.pieces():
        digest.update(piece)
    return IdempotentRequest(who.tenant_id, who.credential, key, digest.digest())


def _require_acceptable(request: Request, produced: tuple[str, ...]) -> None:
    accept = request.headers.get("accept")
    if accept and not any(kind in accept for kind in ("*/*", *produced)):
        raise NotAcceptableMediaType


def _has_body(request: Request) -> bool:
    given = request.headers
    return "transfer-encoding" in given or given.get("content-length", "0") != "0"


def _require_json(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    expected = (_JSON, MERGE_PATCH) if request.method == "PATCH" else (_JSON,)
    if given not in expected:
        raise UnsupportedMediaType(" or ".join(reversed(expected)))


async def _reading(request: Request) -> ReadCall:
    call: ReadCall = request.state.call
    return call


async def _unconnected(request: Request) -> UnconnectedCall:
    call: UnconnectedCall = request.state.call
    return call


async def _writing(request: Request) -> WriteCall:
    call: WriteCall = request.state.call
    return call


Read = Annotated[ReadCall, Depends(_reading)]
Write = Annotated[WriteCall, Depends(_writing)]
Unconnected = Annotated[UnconnectedCall, Depends(_unconnected)]

"""GraphQL over HTTP, to the letter of its specification.

POST takes JSON; GET takes queries only. Answers are `application/graphql-response+json`,
or `application/json` to those who ask for that alone; the latter say 200 to whatever is
well-formed, as it has always been. An operation a request: batches are refused.

Source: graphql.github.io/graphql-over-http.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from okr_service.access.serving import Caller, Service, headers_of
from okr_service.graphql import graphiql
from okr_service.graphql.answers import Answering
from okr_service.graphql.asked import Asked
from okr_service.graphql.documents import Documents
from okr_service.graphql.errors import (
    BatchNotAccepted,
    ExpectsJson,
    InvalidParameters,
    NotAcceptableHere,
    QueriesOnly,
)
from okr_service.graphql.faults import all_shown, of_request
from okr_service.graphql.operations import DocumentErrors, Operations
from okr_service.kernel import errors
from okr_service.kernel.errors import BodyTooLarge, InternalError, OkrError
from okr_service.kernel.messages import Language, preferred_language
from okr_service.kernel.payload import read_json
from okr_service.kernel.traces import traceback_of

_log = logging.getLogger(__name__)
_RESPONSE, _JSON = "application/graphql-response+json", "application/json"
_KNOWN = {"query", "operationName", "variables", "extensions", "documentId", "id"}
_STATUS: dict[type[OkrError], int] = {
    errors.Malformed: 400,
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.WrongMethod: 405,
    errors.NotAcceptable: 406,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Throttled: 429,
    errors.Unavailable: 503,
}
_ALLOWED = {405: [(b"allow", b"GET, POST")]}


@dataclass(frozen=True)
class Parameters:
    """What a request asks (GraphQL over HTTP, request parameters)."""

    query: str | None
    operation_name: str | None
    variables: Mapping[str, object]
    document_id: str | None
    digest: str | None


@dataclass(frozen=True)
class Answer:
    """What is sent."""

    body: bytes
    status: int = 200
    media_type: str = _RESPONSE
    headers: Mapping[str, str] = field(default_factory=dict)


class Door:
    """The ASGI application at `/graphql`."""

    def __init__(self, operations: Operations, documents: Documents) -> None:
        self._operations, self._documents = operations, documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        accepted = headers.get("accept", "")
        service: Service = scope["app"].state.service
        if scope["method"] == "GET" and "text/html" in accepted and service.settings.graphiql:
            answer = _of_explorer(graphiql.PAGE)
        else:
            answer = await self._answer(scope, receive, headers, service)
        await _send(send, answer)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, service: Service
    ) -> Answer:
        language = preferred_language(headers.get("accept-language", ""))
        request_id = scope["request_id"]
        media_type = _JSON
        try:
            media_type = _media_type(headers.get("accept"))
            body = await self._operate(scope, receive, headers, service, language)
            return Answer(body, 200, media_type)
        except DocumentErrors as found:
            told: dict[str, object] = {"errors": all_shown(found.errors, language, request_id)}
            status = 200 if media_type == _JSON else 400
            return Answer(orjson.dumps(told, default=str), status, media_type)
        except OkrError as error:
            told = of_request(error, language, request_id)
            said = orjson.dumps(told, default=str)
            return Answer(said, status_of(error), media_type, headers_of(error))
        except Exception as error:  # noqa: BLE001 - logged, and answered without its insides
            _log.error("request %s failed\n%s", request_id, traceback_of(error))
            told = of_request(InternalError(), language, request_id)
            return Answer(orjson.dumps(told, default=str), 500, media_type)

    async def _operate(
        self, scope: Scope, receive: Receive, headers: Headers, service: Service, lang: Language
    ) -> bytes:
        is_get = scope["method"] == "GET"
        if not is_get and scope["method"] != "POST":
            raise QueriesOnly
        who = await service.admitted(_caller(scope, headers))
        if is_get:
            asked = _of_query_string(scope["query_string"])
        else:
            _require_json(headers)
            asked = await _body(receive, headers, service.settings.bulk_body_limit_bytes)
        given = _parameters(asked)
        text = self._documents.document(given.query, given.document_id, given.digest)
        prepared = self._operations.prepare(text, given.operation_name)
        if is_get and not prepared.is_query:
            raise QueriesOnly
        variables = self._operations.variables(prepared, given.variables)
        of = (prepared, given.variables, variables)
        return await Answering(Asked(self._operations, service, who, lang, *of)).answered()


def _caller(scope: Scope, headers: Headers) -> Caller:
    address = scope["client"][0] if scope.get("client") else ""
    shown = headers.get("authorization", "")
    return Caller(shown, address, scope["request_id"], scope["answer_headers"])


class ExplorerFiles:
    """The ASGI application of the files that GraphiQL loads."""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer with a file."""
        service: Service = scope["app"].state.service
        name = scope["path_params"]["name"] if service.settings.graphiql else ""
        await _send(send, _of_explorer(name))


def _of_explorer(name: str) -> Answer:
    found = graphiql.asset(name)
    if found is None:
        return Answer(b"", 404, "text/plain")
    return Answer(found.body, 200, found.media_type, found.headers)


def status_of(error: OkrError) -> int:
    """Return the HTTP status of an error that concerns a whole request."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def _media_type(accept: str | None) -> str:
    if not accept or _RESPONSE in accept or "*/*" in accept or "application/*" in accept:
        return _RESPONSE
    if _JSON in accept:
        return _JSON
    raise NotAcceptableHere


def _require_json(headers: Headers) -> None:
    given, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if given.strip().lower() != _JSON or charset not in ("", "utf-8"):
        raise ExpectsJson


async def _body(receive: Receive, headers: Headers, limit: int) -> object:
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLarge
    read = bytearray()
    while True:
        message = await receive()
        read += message.get("body", b"")
        if len(read) > limit:
            raise BodyTooLarge
        if not message.get("more_body"):
            return read_json(bytes(read))


def _of_query_string(text: bytes) -> object:
    found = parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True)
    given: dict[str, object] = {}
    for name, values in found.items():
        if len(values) > 1:
            raise InvalidParameters
        is_json = name in ("variables", "extensions")
        given[name] = read_json(values[0].encode()) if is_json and values[0] else values[0] or None
    return given


def _parameters(given: object) -> Parameters:
    """Return the parameters of a request; raises InvalidParameters, BatchNotAccepted."""
    if isinstance(given, list):
        raise BatchNotAccepted
    if not isinstance(given, dict) or not given.keys() <= _KNOWN:
        raise InvalidParameters
    extensions = _mapping(given.get("extensions"))
    persisted = _mapping(extensions.get("persistedQuery"))
    return Parameters(
        _text(given.get("query")),
        _text(given.get("operationName")),
        _mapping(given.get("variables")),
        _text(given.get("documentId") or given.get("id")),
        _text(persisted.get("sha256Hash")),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidParameters


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise InvalidParameters


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", f"{answer.media_type}; charset=utf-8".encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"vary", b"Accept, Accept-Language, Authorization"),
        *_ALLOWED.get(answer.status, []),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})

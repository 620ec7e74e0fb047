"""GraphQL over HTTP, to the letter of its specification.

POST takes JSON; GET takes no mutations. Answers are `application/graphql-response+json`,
or `application/json` to those who ask for that alone; the latter say 200 to whatever is
well-formed, as it has always been; subscriptions are answered as `text/event-stream`
(`subscriptions.sse`). An operation a request: batches are refused.

Source: graphql.github.io/graphql-over-http.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qs

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from okr_service.graphql import graphiql
from okr_service.graphql.answers import Answering
from okr_service.graphql.asked import Asked
from okr_service.graphql.errors import (
    ExpectsJson,
    FollowedByStreams,
    InvalidParameters,
    NotAcceptableHere,
    QueriesOnly,
)
from okr_service.graphql.faults import all_shown, of_request
from okr_service.graphql.intake import Intake
from okr_service.graphql.operations import DocumentErrors
from okr_service.graphql.parameters import Parameters
from okr_service.graphql.subscriptions.following import Following
from okr_service.graphql.subscriptions.seats import Shared
from okr_service.graphql.subscriptions.sse import EVENTS, EventStream, event
from okr_service.kernel import errors
from okr_service.kernel.errors import BodyTooLarge, InternalError, OkrError
from okr_service.kernel.messages import Language, preferred_language
from okr_service.kernel.payload import read_json
from okr_service.kernel.traces import traceback_of
from okr_service.serving import Caller, Exchange, Service, headers_of

_log = logging.getLogger(__name__)
_RESPONSE, _JSON = "application/graphql-response+json", "application/json"
_STATUS: dict[type[OkrError], int] = {
    errors.Malformed: 400,
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.WrongMethod: 405,
    errors.NotAcceptable: 406,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Throttled: 429,
    errors.Unavailable: 503,
}
_ALLOWED = {405: [(b"allow", b"GET, POST")]}


@dataclass(frozen=True)
class Answer:
    """What is sent."""

    body: bytes
    status: int = 200
    media_type: str = _RESPONSE
    headers: Mapping[str, str] = field(default_factory=dict)


class Door:
    """The ASGI application at `/graphql`."""

    route: ClassVar[str] = "/graphql"

    def __init__(self, intake: Intake, shared: Shared) -> None:
        self._intake, self._shared = intake, shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        accepted = headers.get("accept", "")
        service: Service = scope["app"].state.service
        if scope["method"] == "GET" and "text/html" in accepted and service.settings.graphiql:
            await _send(send, _of_explorer(graphiql.PAGE))
            return
        answer = await self._answer(scope, receive, headers, service)
        if isinstance(answer, EventStream):
            await answer.tell(receive, send)
        else:
            await _send(send, answer)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, service: Service
    ) -> Answer | EventStream:
        language = preferred_language(headers.get("accept-language", ""))
        request_id = scope["request_id"]
        media_type = _JSON
        try:
            media_type = _media_type(headers.get("accept"))
            asked = await self._asked(scope, receive, headers, service, language)
            if asked.prepared.is_subscription:
                return await self._stream(asked, headers)
            return _answer_of(await Answering(asked).answered(), media_type)
        except DocumentErrors as found:
            told: dict[str, object] = {"errors": all_shown(found.errors, language, request_id)}
            status = 200 if media_type == _JSON else 400
            return Answer(orjson.dumps(told, default=str), status, _plain(media_type))
        except OkrError as error:
            told = of_request(error, language, request_id)
            said = orjson.dumps(told, default=str)
            return Answer(said, status_of(error), _plain(media_type), headers_of(error))
        except Exception as error:  # noqa: BLE001 - logged, and answered without its insides
            _log.error("request %s failed\n%s", request_id, traceback_of(error))
            told = of_request(InternalError(), language, request_id)
            return Answer(orjson.dumps(told, default=str), 500, _plain(media_type))

    async def _asked(
        self, scope: Scope, receive: Receive, headers: Headers, service: Service, lang: Language
    ) -> Asked:
        is_get = scope["method"] == "GET"
        if not is_get and scope["method"] != "POST":
            raise QueriesOnly
        who = await service.admitted(_caller(scope, headers))
        if is_get:
            asked = _of_query_string(scope["query_string"])
        else:
            _require_json(headers)
            asked = await _body(receive, headers, service.settings.bulk_body_limit_bytes)
        given = Parameters.read(asked)
        prepared = self._intake.prepared(given)
        if is_get and prepared.is_mutation:
            raise QueriesOnly
        exchange = Exchange(headers, scope["answer_headers"])
        return self._intake.asked(prepared, given, service, who, lang, exchange)

    async def _stream(self, asked: Asked, headers: Headers) -> EventStream:
        """Return the stream that answers a subscription; raises FollowedByStreams."""
        if EVENTS not in headers.get("accept", ""):
            raise FollowedByStreams
        shown, gatekeeper = headers.get("authorization", ""), asked.service.gatekeeper
        request_id = asked.who.request_id
        following = Following(
            asked, lambda: gatekeeper.recognise(shown, request_id), self._shared.renditions
        )
        stream = EventStream(following, asked, self._shared.seats)
        await stream.begin(headers.get("last-event-id") or None)
        return stream


def _answer_of(body: bytes, media_type: str) -> Answer:
    if media_type == EVENTS:
        return Answer(event("next", body) + event("complete"), 200, EVENTS)
    return Answer(body, 200, media_type)


def _plain(media_type: str) -> str:
    """Return the media type of an answer that is no stream."""
    return _RESPONSE if media_type == EVENTS else media_type


def _caller(scope: Scope, headers: Headers) -> Caller:
    address = scope["client"][0] if scope.get("client") else ""
    shown = headers.get("authorization", "")
    return Caller(shown, address, scope["request_id"], scope["answer_headers"])


class ExplorerFiles:
    """The ASGI application of the files that GraphiQL loads."""

    route: ClassVar[str] = "/graphql/{name}"

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
    if EVENTS in accept:
        return EVENTS
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

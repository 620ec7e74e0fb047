"""Errors as problem documents (RFC 9457), in the caller's language."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from okr_service.kernel import errors
from okr_service.kernel.errors import InvalidInput, InvalidQuery, OkrError, Throttled
from okr_service.kernel.messages import located_error, preferred_language, sentence
from okr_service.kernel.validation import field_errors
from okr_service.rest.errors import (
    BadRequest,
    MethodNotAllowed,
    RequestTooSlow,
    RouteNotFound,
)
from okr_service.serving import headers_of

MEDIA_TYPE = "application/problem+json"

Form = Callable[[Request, OkrError, Mapping[str, str]], Response]

_STATUS: dict[type[OkrError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.WrongMethod: 405,
    errors.NotAcceptable: 406,
    RequestTooSlow: 408,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Invalid: 422,
    errors.PreconditionRequired: 428,
    Throttled: 429,
    errors.Unavailable: 503,
}


def status_of(error: type[OkrError]) -> int:
    """Return the HTTP status of an error's kind."""
    return next((_STATUS[kind] for kind in error.__mro__ if kind in _STATUS), 500)


def problem(
    request: Request, error: OkrError, headers: Mapping[str, str] | None = None
) -> Response:
    """Render an error."""
    if (form := _form(request)) is not None:
        return form(request, error, headers or {})
    language = preferred_language(request.headers.get("accept-language", ""))
    status = status_of(type(error))
    detail = sentence(error, language)
    located = error.errors if isinstance(error, InvalidInput | InvalidQuery) else []
    listed: list[dict[str, object]] = [located_error(e, language) for e in located]
    if error.pointer is not None:
        listed.append({"pointer": error.pointer, "code": error.code, "message": detail})
    document = {
        "type": f"/problems/{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request.scope.get("request_id"),
        "errors": listed,
    }
    facts = {name: value for name, value in error.facts.items() if name != "errors"}
    body = orjson.dumps(
        document | {k: v for k, v in facts.items() if k not in document}, default=str
    )
    return Response(
        body,
        status,
        {
            "Content-Language": language,
            "Vary": "Accept-Language",
            **headers_of(error),
            **(headers or {}),
        },
        MEDIA_TYPE,
    )


def speak(app: FastAPI, prefix: str, form: Form) -> None:
    """Render the errors of addresses that begin so in another form: a protocol of its own."""
    app.state.problem_forms = {**_forms(app), prefix: form}


def _forms(app: FastAPI) -> dict[str, Form]:
    forms: dict[str, Form] = getattr(app.state, "problem_forms", {})
    return forms


def _form(request: Request) -> Form | None:
    path = f"{request.url.path}/"
    found = (form for prefix, form in _forms(request.app).items() if path.startswith(prefix))
    return next(found, None)


def _invalid(error: RequestValidationError) -> OkrError:
    found = error.errors()
    if any(e["loc"][0] != "body" for e in found):
        return InvalidQuery(field_errors([e for e in found if e["loc"][0] != "body"], 1))
    return InvalidInput(field_errors(found, 1))


def _from_http(error: HTTPException) -> OkrError:
    if isinstance(error.__cause__, OkrError):
        return error.__cause__
    kinds: dict[int, type[OkrError]] = {404: RouteNotFound, 405: MethodNotAllowed}
    return kinds.get(error.status_code, BadRequest)()


def _allowed_methods(request: Request) -> str:
    methods = {
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] == Match.FULL
    }
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def install(app: FastAPI) -> None:
    """Answer every foreseen error of an application with a problem document."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        OkrError: _on_okr_error,
        RequestValidationError: _on_validation_error,
        HTTPException: _on_http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _on_okr_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OkrError)
    return problem(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem(request, _invalid(error))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    found = _from_http(error)
    allow = isinstance(found, MethodNotAllowed)
    return problem(request, found, {"Allow": _allowed_methods(request)} if allow else None)

"""Errors as GraphQL shows them: nothing of the service's insides."""

import logging
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from graphql import GraphQLError
from okr_service.graphql.errors import InvalidDocument, PersistedQueryNotFound
from okr_service.graphql.names import camel
from okr_service.kernel.errors import (
    FieldError,
    InternalError,
    InvalidInput,
    InvalidQuery,
    OkrError,
)
from okr_service.kernel.messages import Language, field_message, sentence
from okr_service.kernel.traces import traceback_of
from okr_service.kernel.validation import field_errors

_log = logging.getLogger(__name__)
_B = TypeVar("_B", bound=BaseModel)


def read(shape: type[_B], given: object, within: str = "") -> _B:
    """Return an input in its shape; raises InvalidInput where it does not fit."""
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        found = field_errors(error.errors())
        raise InvalidInput(
            [FieldError(within + e.pointer, e.code, e.facts) for e in found]
        ) from error


def path_of(pointer: str) -> list[str]:
    """Return a JSON Pointer as the path of an input's fields."""
    parts = pointer.removeprefix("/").split("/") if pointer else []
    return [camel(part.replace("~1", "/").replace("~0", "~")) for part in parts]


def located(error: OkrError, language: Language) -> list[dict[str, object]]:
    """Return an error, or those of the fields that it is about: code, path and message."""
    if isinstance(error, InvalidInput | InvalidQuery) and error.errors:
        return [
            {"code": e.code, "path": path_of(e.pointer), "message": field_message(e, language)}
            for e in error.errors
        ]
    path = path_of(error.pointer or "")
    return [{"code": error.code, "path": path, "message": sentence(error, language)}]


def shown(error: GraphQLError, language: Language, request_id: str) -> dict[str, object]:
    """Return an error as it is answered: nothing of the service's insides."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if cause is None:
        known: OkrError = InvalidDocument()
        message = error.message
    elif isinstance(cause, OkrError):
        known, message = cause, sentence(cause, language)
        if isinstance(cause, PersistedQueryNotFound):
            message = type(cause).__name__  # the word that clients look for
    else:
        _log.error("request %s failed\n%s", request_id, traceback_of(cause))
        known = InternalError()
        message = sentence(known, language)
    facts = {n: v for n, v in known.facts.items() if n != "errors"}
    extensions: dict[str, object] = {"code": known.code, "requestId": request_id, **facts}
    if isinstance(known, InvalidInput | InvalidQuery):
        extensions["errors"] = located(known, language)
    answer: dict[str, object] = {"message": message, "extensions": extensions}
    if error.locations:
        answer["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        answer["path"] = list(error.path)
    return answer


def of_request(error: OkrError, language: Language, request_id: str) -> dict[str, object]:
    """Return an error about a request as a whole, which has no data."""
    return {"errors": [as_shown(error, language, request_id)]}


def as_shown(error: OkrError, language: Language, request_id: str) -> dict[str, object]:
    """Return an error that is about no part of a document, as it is answered."""
    return shown(GraphQLError(str(error), original_error=error), language, request_id)


def all_shown(
    errors: Sequence[GraphQLError], language: Language, request_id: str
) -> list[dict[str, object]]:
    """Return errors as they are answered."""
    return [shown(error, language, request_id) for error in errors]

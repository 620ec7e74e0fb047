"""What can go wrong in the protocol itself."""

from dataclasses import dataclass

from okr_service.kernel.errors import (
    Malformed,
    NotAcceptable,
    NotFound,
    OkrError,
    PreconditionRequired,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)


@dataclass(eq=False)
class MalformedJson(Malformed):
    """The body is not well-formed JSON; see line {line}, column {column}."""

    line: int
    column: int


@dataclass(eq=False)
class NotUtf8(Malformed):
    """The body is not UTF-8; see byte {position}."""

    position: int


class BadRequest(Malformed):
    """The request cannot be read."""


class BodyTooLarge(TooLarge):
    """The body is larger than this service accepts here."""


@dataclass(eq=False)
class UnsupportedMediaType(UnsupportedMedia):
    """Send the body as {expected}."""

    expected: str


class NotAcceptableMediaType(NotAcceptable):
    """This answer is only available as application/json."""


class RouteNotFound(NotFound):
    """There is nothing at this address."""


class MethodNotAllowed(OkrError):
    """This address does not take that method."""


class MissingIfMatch(PreconditionRequired):
    """Send the ETag you read in If-Match."""


class InvalidIdempotencyKey(Malformed):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""


@dataclass(eq=False)
class RequestTooSlow(OkrError):
    """The request did not arrive whole within {seconds} s."""

    seconds: float


@dataclass(eq=False)
class AnswerTooSlow(Unavailable):
    """The service could not answer within the {seconds} s that a request may take."""

    seconds: float


class InternalError(OkrError):
    """Something failed in the service; it has been logged."""

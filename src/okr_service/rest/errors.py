"""What can go wrong in the protocol itself."""

from dataclasses import dataclass

from okr_service.kernel.errors import (
    Malformed,
    NotAcceptable,
    NotFound,
    OkrError,
    Unavailable,
    UnsupportedMedia,
    WrongMethod,
)


class BadRequest(Malformed):
    """The request cannot be read."""


@dataclass(eq=False)
class UnsupportedMediaType(UnsupportedMedia):
    """Send the body as {expected}."""

    expected: str


class NotAcceptableMediaType(NotAcceptable):
    """This answer is only available as application/json."""


class RouteNotFound(NotFound):
    """There is nothing at this address."""


class MethodNotAllowed(WrongMethod):
    """This address does not take that method."""


@dataclass(eq=False)
class RequestTooSlow(OkrError):
    """The request did not arrive whole within {seconds} s."""

    seconds: float


@dataclass(eq=False)
class AnswerTooSlow(Unavailable):
    """The service could not answer within the {seconds} s that a request may take."""

    seconds: float

"""What can go wrong, as classes.

An error's name is its code, its docstring the English sentence, its fields the
details. The Vietnamese sentence is in `messages`. A room declares its own
errors; here are the kinds they are of and the few that every room can meet.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeVar

_T = TypeVar("_T")


class OkrError(Exception):
    """Something went wrong that the caller can understand."""

    code: ClassVar[str] = "okr-error"
    by_code: ClassVar[dict[str, type["OkrError"]]] = {}
    pointer: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.by_code[cls.code] = cls

    def __str__(self) -> str:
        return self.code

    def at(self, pointer: str) -> Self:
        """Say which field of the input it is about (JSON Pointer, RFC 6901)."""
        self.pointer = pointer
        return self

    @property
    def facts(self) -> dict[str, object]:
        """Return the details of this occurrence, by name."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}


class Malformed(OkrError):
    """The request cannot be read."""


class Unauthenticated(OkrError):
    """The request carries no valid credential."""


class Forbidden(OkrError):
    """The credential does not allow this."""


class NotFound(OkrError):
    """There is no such thing."""


class Conflict(OkrError):
    """The present state does not allow this."""


class Gone(OkrError):
    """It is not kept any more."""


class PreconditionFailed(OkrError):
    """It has changed since it was read."""


class PreconditionRequired(OkrError):
    """An If-Match header is required here."""


class TooLarge(OkrError):
    """The request body is too large."""


class UnsupportedMedia(OkrError):
    """The body's media type is not one that is accepted here."""


class NotAcceptable(OkrError):
    """The answer cannot be given in a media type that the request accepts."""


class Invalid(OkrError):
    """The input breaks a rule."""


@dataclass(eq=False)
class Throttled(OkrError):
    """There were too many requests; try again in {retry_after} s."""

    retry_after: int


class Unavailable(OkrError):
    """The service cannot answer now; try again shortly."""


@dataclass(frozen=True)
class FieldError:
    """One field that does not fit: where, what, and the bounds it broke."""

    pointer: str
    code: str
    facts: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: OkrError, within: str) -> "FieldError":
        """Make a field's error of one that was raised about a part of the input."""
        return cls(within + (error.pointer or ""), error.code, error.facts)


@dataclass(eq=False)
class InvalidInput(Invalid):
    """Some fields do not fit."""

    errors: list[FieldError]


@dataclass(eq=False)
class InvalidQuery(Malformed):
    """Some query parameters do not fit."""

    errors: list[FieldError]


class InvalidCursor(Malformed):
    """The cursor was not made by this list with these filters and this order."""


class InvalidReadAfter(Malformed):
    """Okr-Read-After is not what Okr-Written-At of an answer was."""


class VersionMismatch(PreconditionFailed):
    """It has changed since you read it; read it again and repeat your change."""


class AlreadyExists(PreconditionFailed):
    """It exists already, and If-None-Match asks to create only."""


class ReferenceGone(NotFound):
    """Something that this refers to has just been deleted."""


@dataclass(eq=False)
class StillInUse(Conflict):
    """Other things depend on it, so it cannot be deleted."""


@dataclass(eq=False)
class ExternalIdTaken(Conflict):
    """Another one already has the external id {external_id}."""

    external_id: str


@dataclass(eq=False)
class StatementTooLong(Unavailable):
    """The database needed longer than a statement may run."""


@dataclass(eq=False)
class LockedTooLong(Unavailable):
    """Somebody else was changing the same for too long; nothing was stored."""


@dataclass(eq=False)
class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or has no connection free."""


@dataclass(eq=False)
class MalformedJson(Malformed):
    """The body is not well-formed JSON; see line {line}, column {column}."""

    line: int
    column: int


@dataclass(eq=False)
class NotUtf8(Malformed):
    """The body is not UTF-8; see byte {position}."""

    position: int


class BodyTooLarge(TooLarge):
    """The body is larger than this service accepts here."""


class NoRoomForFile(Unavailable):
    """The service has no room left to keep this file; nothing was done with it."""


class InternalError(OkrError):
    """Something failed in the service; it has been logged."""


class WrongMethod(OkrError):
    """This address does not take that method."""


class MissingIfMatch(PreconditionRequired):
    """Send the ETag you read in If-Match."""


def attempt(work: Callable[[], _T]) -> _T | OkrError:
    """Return what work comes to, or what is wrong with it."""
    try:
        return work()
    except OkrError as error:
        return error


def raised(found: _T | OkrError) -> _T:
    """Return what was found, or raise what is wrong with it."""
    if isinstance(found, OkrError):
        raise found
    return found

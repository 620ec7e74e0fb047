"""What can go wrong with API keys."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class ApiKeyNotFound(NotFound):
    """There is no API key {ref}."""

    ref: str


class ExpiryInPast(Invalid):
    """An API key cannot expire before it is made."""


@dataclass(eq=False)
class ExpiryTooFar(Invalid):
    """An API key may live {days} days at most here."""

    days: int


@dataclass(eq=False)
class PersonNotActive(Invalid):
    """{ref} does not work here any more, so a key of theirs would open nothing."""

    ref: str


class ApiKeyEnded(Conflict):
    """This API key is revoked or expired; make a new one."""


@dataclass(eq=False)
class AlreadyRotated(Conflict):
    """This API key has a successor, {successor_id}; rotate that one, or revoke it first."""

    successor_id: str

"""What can go wrong with check-ins."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class CheckInNotFound(NotFound):
    """There is no check-in {ref}."""

    ref: str


class KeyResultHasNoValue(Invalid):
    """This key result takes its value from its actions or from others; it takes no check-ins."""


class ObservedInFuture(Invalid):
    """A value cannot be seen more than a day ahead of now."""


class NotZeroOrOne(Invalid):
    """The value of a boolean key result is 0 or 1."""


@dataclass(eq=False)
class CheckInDiffers(Conflict):
    """The check-in {external_id} was recorded before with another content."""

    external_id: str


class AlreadyVoided(Conflict):
    """This check-in is void already."""


class VoidsAnotherKeyResult(Invalid):
    """A check-in can only correct one of the same key result."""

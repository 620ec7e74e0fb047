"""What can go wrong with units and people."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class UnitNotFound(NotFound):
    """There is no unit {ref}."""

    ref: str


@dataclass(eq=False)
class PersonNotFound(NotFound):
    """There is no person {ref}."""

    ref: str


class UnitWouldLoop(Invalid):
    """A unit cannot be under itself, directly or through others."""


class UnitsTooDeep(Invalid):
    """Units can be nested 32 levels deep at most."""


class ThresholdsOutOfOrder(Invalid):
    """`ahead_from` must be above `on_track_from`, and that above `behind_from`."""


class CannotTakeOver(Invalid):
    """Whoever takes over must be active and somebody else."""


class NobodyTakesOver(Conflict):
    """Nobody active leads the person's unit or one above it: name who takes over."""

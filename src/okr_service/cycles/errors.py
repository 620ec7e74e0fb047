"""What can go wrong with cycles."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class CycleNotFound(NotFound):
    """There is no cycle {ref}."""

    ref: str


@dataclass(eq=False)
class CycleCodeTaken(Conflict):
    """Another cycle already has the code {cycle_code}."""

    cycle_code: str


@dataclass(eq=False)
class CycleClosed(Conflict):
    """The cycle {cycle_code} is closed; reopen it to change what is in it."""

    cycle_code: str


class CycleEndsBeforeStart(Invalid):
    """A cycle cannot end before it starts."""


class CycleOutsideParent(Invalid):
    """A cycle must lie within the dates of its parent, and hold those beneath it."""


class CycleWouldLoop(Invalid):
    """A cycle cannot be under itself, directly or through others."""


class CyclesTooDeep(Invalid):
    """Cycles can be nested 32 levels deep at most."""


@dataclass(eq=False)
class DateOutsideCycle(Invalid):
    """The date {given} is outside the cycle, which runs from {start_date} to {end_date}."""

    given: str
    start_date: str
    end_date: str


class CycleDatesInUse(Conflict):
    """The cycle's dates cannot change so: objectives or dates in it would fall outside."""

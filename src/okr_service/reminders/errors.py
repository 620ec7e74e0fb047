"""What can go wrong with calendars."""

from dataclasses import dataclass

from okr_service.kernel.errors import Invalid, NotFound


class CalendarNotFound(NotFound):
    """There is no calendar at this address, or not any more."""


@dataclass(eq=False)
class NoCalendarOf(NotFound):
    """{ref} has no calendar to subscribe to."""

    ref: str


@dataclass(eq=False)
class CalendarOfNobody(Invalid):
    """{ref} does not work here any more, so a calendar of theirs would show nothing."""

    ref: str

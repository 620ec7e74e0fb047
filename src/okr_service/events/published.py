"""Which changes others are told of, and as what."""

from okr_service.events.shapes import EventType

_TYPES = {tuple(each.removeprefix("okr.").split(".")): each for each in EventType}
# What the audit calls otherwise.
_TYPES |= {
    ("check_in", "created"): EventType.CHECK_IN_RECORDED,
    ("cycle", "open"): EventType.CYCLE_REOPENED,
}


def type_of(subject: str, action: str) -> EventType | None:
    """Return what others are told of a change; None where they are not told.

    Who may call is the admins' business. What a repair mends shows in the figures.
    """
    return _TYPES.get((subject, action))

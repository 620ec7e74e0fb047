"""What can go wrong with questions."""

from dataclasses import dataclass

from okr_service.kernel.errors import Invalid


@dataclass(eq=False)
class TreeTooLarge(Invalid):
    """There are more than {limit} objectives to show; ask for less depth or fewer children."""

    limit: int


@dataclass(eq=False)
class TooManyPoints(Invalid):
    """There are more than {limit} points between these days; ask for longer steps."""

    limit: int


class EndsBeforeStart(Invalid):
    """The last day is before the first."""

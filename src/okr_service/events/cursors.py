"""Cursors: a place in a tenant's feed, and a mark of the event that was there."""

import re
from dataclasses import dataclass

from okr_service.kernel.errors import InvalidCursor

_CURSOR = re.compile(r"(0|[1-9][0-9]{0,17})-([0-9a-f]{12})", re.ASCII)
_UNMARKED = "0" * 12  # before the first event, and where it is forgotten


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a consumer stands: after the event at a place, known by the end of its id."""

    place: int
    mark: str = _UNMARKED

    def __str__(self) -> str:
        return f"{self.place}-{self.mark}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Return the cursor that a text stands for.

        Raises:
            InvalidCursor: it stands for none.
        """
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise InvalidCursor().at("/after")
        return cls(int(found[1]), found[2])

    @classmethod
    def at(cls, place: int, mark: str | None) -> "Cursor":
        """Return the cursor of a place, whose event may be forgotten."""
        return cls(place, mark or _UNMARKED)

    def fits(self, mark: str | None) -> bool:
        """Say whether it may be of an event with this mark, or of one that is forgotten."""
        return mark is None or _UNMARKED in (mark, self.mark) or mark == self.mark

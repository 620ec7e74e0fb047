"""Finding the header among the first rows: people put titles above it."""

from collections.abc import Iterable
from itertools import islice

from okr_service.imports.columns import is_read, recognised
from okr_service.imports.sources import Line

_LOOKED_AT = 30
_PROVING = 2


def find_header(lines: Iterable[Line]) -> tuple[Line | None, bool]:
    """Return the row that names most columns, and whether it certainly is the header.

    Where no row names any, it is the first.
    """
    best: Line | None = None
    most = -1
    for line in islice(lines, _LOOKED_AT):
        found = recognised(line[1])
        if found > most:
            best, most = line, found
    if best is None:
        return None, False
    return best, most >= _PROVING or (most > 0 and most == sum(map(is_read, best[1])))

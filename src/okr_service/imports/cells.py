"""Numbers and dates as people write them, in Vietnam and elsewhere.

Whether a comma or a point starts the decimals is decided once for a file, from
the cells that can only mean one thing. A cell that could mean two numbers where
the file gives no hint is an error; nothing is guessed.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from okr_service.imports.errors import AmbiguousNumber, UnreadableDate, UnreadableNumber

DecimalMark = Literal[".", ","]

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}([.,])[0-9]{3}(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?"  # grouped
    r"|[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
)
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")


def decimal_mark(texts: Iterable[str]) -> DecimalMark | None:
    """Return what starts the decimals in a file's numbers, or None where nothing tells."""
    marks = {mark for text in texts if (mark := _mark_of(_bare(text)))}
    return marks.pop() if len(marks) == 1 else None


def read_number(text: str, mark: DecimalMark | None) -> Decimal:
    """Return the number that a cell holds; a percent sign is left out.

    Raises:
        UnreadableNumber: it is not a number.
        AmbiguousNumber: it may mean two, and the file does not tell which.
    """
    bare = _bare(text)
    if not _NUMBER.fullmatch(bare):
        raise UnreadableNumber(text)
    if not any(c in ".," for c in bare):
        return Decimal(bare)
    own = _mark_of(bare)
    decides = own or mark
    if decides is None or (own and mark and own != mark):
        raise AmbiguousNumber(text)
    grouping = "," if decides == "." else "."
    whole, _, decimals = bare.replace(grouping, "").partition(decides)
    return Decimal(f"{whole}.{decimals or '0'}")


def _bare(text: str) -> str:
    return _SPACES.sub("", text.strip().removesuffix("%"))


def _mark_of(bare: str) -> DecimalMark | None:
    """Return what starts the decimals of a number that can only mean one thing."""
    separators = [c for c in bare if c in ".,"]
    if not separators or not _NUMBER.fullmatch(bare):
        return None
    last = separators[-1]
    if len(set(separators)) == 2:  # noqa: PLR2004 - a point and a comma
        return _as_mark(last)
    if len(separators) > 1:
        return _as_mark("," if last == "." else ".")  # it groups, so the other one is the mark
    whole, _, decimals = bare.lstrip("+-").partition(last)
    groups = len(decimals) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")  # noqa: PLR2004
    return None if groups else _as_mark(last)


def _as_mark(character: str) -> DecimalMark:
    return "." if character == "." else ","


def read_date(text: str) -> date:
    """Return the day that a cell holds: 2026-12-31, or 31/12/2026 with the day first.

    Raises:
        UnreadableDate: it is neither.
    """
    bare = text.strip()
    try:
        if found := _DAY_FIRST.fullmatch(bare):
            day, month, year = map(int, found.groups())
            return date(year, month, day)
        return datetime.fromisoformat(bare).date()
    except ValueError as error:
        raise UnreadableDate(text) from error

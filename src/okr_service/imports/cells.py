"""Numbers and dates as people write them, in Vietnam and elsewhere.

Whether a comma or a point starts the decimals is decided once for a file, from
the cells that can only mean one thing; whether the day or the month comes first,
once for a column. A cell that could mean two numbers where the file gives no hint
is an error; nothing is guessed. A workbook that holds a number as a number leaves
no doubt: that is a `Figure`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from okr_service.imports.errors import (
    AmbiguousNumber,
    MixedDates,
    UnreadableDate,
    UnreadableNumber,
)
from okr_service.imports.measures import shift
from okr_service.kernel.errors import OkrError
from okr_service.kernel.search import fold

DecimalMark = Literal[".", ","]

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}([.,])[0-9]{3}(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?"  # grouped
    r"|[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
)
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_WITH_WORDS = re.compile(r"([-+(]?[0-9][0-9.,\s']*\)?)\s*([^\W\d_][\w\s₫/%]*|₫)")
_TURNED = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
_SERIALS_COUNT_FROM = date(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 36_526, 73_050  # 2000 to 2099
_MONTHS = 12
_LONGEST_SHOWN = 80
_YES_OR_NO = {
    **dict.fromkeys(("co", "yes", "true", "dat"), Decimal(1)),
    **dict.fromkeys(("khong", "no", "false", "chua", "khong dat", "chua dat"), Decimal(0)),
}


class Figure(str):
    """A number that the file itself holds as one: a point for decimals, nothing grouped."""

    __slots__ = ()


class Day(str):
    """A date that the file itself holds as one, in ISO 8601."""

    __slots__ = ()


def decimal_mark(texts: Iterable[str]) -> DecimalMark | None:
    """Return what starts the decimals in a file's numbers, or None where nothing tells."""
    marks = {mark for text in texts if (mark := _own_mark(text))}
    return marks.pop() if len(marks) == 1 else None


def read_number(text: str, mark: DecimalMark | None, unit: str | None = None) -> Decimal:
    """Return the number that a cell holds, in its unit of measure; a percent sign is left out.

    Raises:
        UnreadableNumber: it is not a number.
        AmbiguousNumber: it may mean two, and the file does not tell which.
    """
    if type(text) is Figure:
        return Decimal(text)
    bare = _bare(text)
    if not _NUMBER.fullmatch(bare):
        return _with_words(text, mark, unit)
    if not any(c in ".," for c in bare):
        return Decimal(bare)
    own = _mark_of(bare)
    decides = own or mark
    if decides is None or (own and mark and own != mark):
        raise AmbiguousNumber(shown(text))
    grouping = "," if decides == "." else "."
    whole, _, decimals = bare.replace(grouping, "").partition(decides)
    return Decimal(f"{whole}.{decimals or '0'}")


def read_figure(text: str, mark: DecimalMark | None, unit: str | None = None) -> Decimal:
    """Return the value that a cell holds: a number, or yes or no as 1 or 0.

    Raises:
        UnreadableNumber, AmbiguousNumber.
    """
    if text[:1].isalpha() and (said := _YES_OR_NO.get(fold(text))) is not None:
        return said
    return read_number(text, mark, unit)


def shown(text: str) -> str:
    """Return a cell's text as an error repeats it: not at any length."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _with_words(text: str, mark: DecimalMark | None, unit: str | None) -> Decimal:
    found = _WITH_WORDS.fullmatch(text.strip()) if len(text) <= _LONGEST_SHOWN else None
    if found is None:
        raise UnreadableNumber(shown(text))
    try:
        power = shift(found[2], unit)
    except UnreadableNumber as error:
        raise UnreadableNumber(shown(text)) from error
    return read_number(found[1], mark).scaleb(power)


def _bare(text: str) -> str:
    bare = _SPACES.sub("", text.strip().removesuffix("%")).replace("\u2212", "-")
    if bare.startswith("(") and bare.endswith(")") and bare[1:2].isdigit():
        return f"-{bare[1:-1]}"  # as accountants write it
    return bare


def _own_mark(text: str) -> DecimalMark | None:
    if type(text) is Figure or not ("." in text or "," in text):
        return None
    found = _WITH_WORDS.fullmatch(text) if text[-1:].isalpha() else None
    return _mark_of(_bare(found[1] if found else text))


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


@dataclass
class DateOrder:
    """How a column's dates are turned, from those that can only mean one day."""

    day_first: int | None = None  # the first row that tells
    month_first: int | None = None

    def learn(self, text: str, row: int) -> None:
        """Take a cell into account."""
        if type(text) is Day or (found := _TURNED.fullmatch(text)) is None:
            return
        first, second = int(found[1]), int(found[2])
        if first > _MONTHS >= second and self.day_first is None:
            self.day_first = row
        elif second > _MONTHS >= first and self.month_first is None:
            self.month_first = row


_DAY_FIRST = DateOrder()


def read_date(text: str, order: DateOrder = _DAY_FIRST) -> date:
    """Return the day that a cell holds: 2026-12-31, 31/12/2026, or a spreadsheet's serial.

    The day comes first, unless all that the column tells is that the month does.

    Raises:
        UnreadableDate: it is none of these.
        MixedDates: the month comes first here, and the day elsewhere in the column.
    """
    bare = text.strip()
    if type(text) is Figure or _SERIAL.fullmatch(bare):
        return _of_serial(bare)
    found = _TURNED.fullmatch(bare)
    try:
        if found is None:
            return datetime.fromisoformat(bare).date()
        first, second, year = map(int, found.groups())
        if order.month_first is not None and order.day_first is None:
            first, second = second, first
        return date(year, second, first)
    except ValueError as error:
        raise _bad_date(text, found, order) from error


def _bad_date(text: str, found: re.Match[str] | None, order: DateOrder) -> OkrError:
    if found is None:
        return UnreadableDate(shown(text))
    try:
        turned = date(int(found[3]), int(found[1]), int(found[2]))
    except ValueError:
        return UnreadableDate(shown(text))
    if order.day_first is not None:
        return MixedDates(text, order.day_first, turned.isoformat())
    return UnreadableDate(text, turned.isoformat())


def _of_serial(text: str) -> date:
    try:
        days = int(float(text))
    except ValueError as error:
        raise UnreadableDate(shown(text)) from error
    if not _FIRST_SERIAL <= days <= _LAST_SERIAL:
        raise UnreadableDate(shown(text))
    return _SERIALS_COUNT_FROM + timedelta(days)

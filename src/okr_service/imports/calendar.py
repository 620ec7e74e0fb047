"""Cycles that their code says the dates of: `2026`, `2026-Q3`, `2026-09`."""

import re
from calendar import monthrange
from datetime import date

from okr_service.kernel.search import fold

_CODE = re.compile(r"((?:19|20|21)\d\d)(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")
_MONTHS_A_QUARTER = 3


def calendar_dates(code: str) -> tuple[date, date] | None:
    """Return a calendar cycle's first and last day, or None where the code is not one."""
    found = _CODE.fullmatch(code)
    if found is None:
        return None
    year, quarter, month = int(found[1]), found[2], found[3]
    if quarter:
        first, last = (int(quarter) - 1) * _MONTHS_A_QUARTER + 1, int(quarter) * _MONTHS_A_QUARTER
    else:
        first, last = (int(month), int(month)) if month else (1, 12)
    return date(year, first, 1), end_of_month(year, last)


def end_of_month(year: int, month: int) -> date:
    """Return a month's last day."""
    return date(year, month, monthrange(year, month)[1])


def month_end_within(month: int, start: date, end: date) -> date:
    """Return the day a month's target is due in a cycle: its last day, or the cycle's if sooner.

    A month that the cycle does not touch gives its end in the cycle's first year,
    which is outside.
    """
    for year in range(start.year, end.year + 1):
        last = end_of_month(year, month)
        if last >= start and last.replace(day=1) <= end:
            return min(last, end)
    return end_of_month(start.year, month)


_AS_PEOPLE_WRITE = re.compile(
    r"(?:(?P<quarter>q|quy|quarter)\s*(?P<q>[1-4]|iv|i{1,3})|(?:t|thang|month)\s*(?P<m>1[0-2]|0?[1-9])"
    r"|nam|fy|year)?[\s/.-]*(?P<year>20\d\d)"
)
_YEAR_FIRST = re.compile(
    r"(?P<year>20\d\d)[\s/.-]*(?:(?P<quarter>q|quy)\s*(?P<q>[1-4]|iv|i{1,3})"
    r"|(?:t|thang|m)?\s*(?P<m>1[0-2]|0?[1-9]))"
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}


def likely_code(text: str) -> str | None:
    """Return the calendar cycle that people mean by `Q3/2026`, `Quý III 2026` or `T9.2026`."""
    bare = fold(text).strip()
    found = _AS_PEOPLE_WRITE.fullmatch(bare) or _YEAR_FIRST.fullmatch(bare)
    if found is None or calendar_dates(text) is not None:
        return None
    if found["quarter"]:
        return f"{found['year']}-Q{_ROMAN.get(found['q'], found['q'])}"
    return f"{found['year']}-{int(found['m']):02}" if found["m"] else found["year"]

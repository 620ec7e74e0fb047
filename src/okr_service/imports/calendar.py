"""Cycles that their code says the dates of: `2026`, `2026-Q3`, `2026-09`."""

import re
from calendar import monthrange
from datetime import date

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

"""Which days are named beneath a history."""

from datetime import date

from okr_service.kernel.messages import Language
from okr_service.pictures.words import day_of, month_of

_MOST = 8
_DAYS, _MONTHS = (1, 2, 7, 14), (1, 2, 3, 6, 12, 24, 60, 120, 600)
_YEAR = 12


def ticks(first: date, last: date, language: Language) -> list[tuple[date, str]]:
    """Return up to 8 or so evenly spread days with their names: Mondays, first days of months."""
    for step in _DAYS:
        if (last - first).days // step < _MOST:
            return [(day, day_of(day, language)) for day in _every_days(first, last, step)]
    months = _month(last) - _month(first)
    step = next((step for step in _MONTHS if months // step < _MOST), _MONTHS[-1])
    return [(day, month_of(day, language)) for day in _every_months(first, last, step)]


def _every_days(first: date, last: date, step: int) -> list[date]:
    # Day 1 of the calendar was a Monday, so whole weeks counted from it end before Mondays.
    start = first.toordinal() + (1 - first.toordinal()) % step
    return [date.fromordinal(day) for day in range(start, last.toordinal() + 1, step)]


def _every_months(first: date, last: date, step: int) -> list[date]:
    start = _month(first) + (first.day > 1)
    months = range(start + -start % step, _month(last) + 1, step)
    return [date(month // _YEAR, month % _YEAR + 1, 1) for month in months]


def _month(day: date) -> int:
    return day.year * _YEAR + day.month - 1

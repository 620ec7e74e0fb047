"""When the made-up group plans: a year, its quarters and their months."""

from collections.abc import Iterator
from datetime import date, timedelta

from okr_service.cycles.shapes import Cadence, NewCycle
from okr_service.demo.course import Span
from okr_service.demo.sketch import ALL_YEAR
from okr_service.kernel.fields import Ref

THIS_MONTH = "month"


def planned_cycles(year: int) -> Iterator[NewCycle]:
    """Return the cycles of a year, each after the one it is part of."""
    yield _cycle(f"{year}", f"Năm {year}", year_of(year), None)
    for quarter in range(1, 5):
        code = f"{year}-Q{quarter}"
        yield _cycle(code, f"Quý {quarter} năm {year}", quarter_of(year, quarter), f"{year}")
    for month in range(1, 13):
        under = f"{year}-Q{(month + 2) // 3}"
        yield _cycle(f"{year}-{month:02}", f"Tháng {month}/{year}", month_of(year, month), under)


def code_and_span(cycle: str, today: date) -> tuple[str, Span]:
    """Return the code and the days of a cycle that a goal is in."""
    if cycle == ALL_YEAR:
        return f"{today.year}", year_of(today.year)
    if cycle == THIS_MONTH:
        return f"{today:%Y-%m}", month_of(today.year, today.month)
    return f"{today.year}-{cycle}", quarter_of(today.year, int(cycle[1:]))


def year_of(year: int) -> Span:
    """Return the days of a year."""
    return Span(date(year, 1, 1), date(year, 12, 31))


def quarter_of(year: int, quarter: int) -> Span:
    """Return the days of a quarter."""
    last = 3 * quarter
    return Span(date(year, last - 2, 1), month_of(year, last).last)


def month_of(year: int, month: int) -> Span:
    """Return the days of a month."""
    return Span(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1) - timedelta(1))


def _cycle(code: str, name: str, span: Span, under: str | None) -> NewCycle:
    parent = None if under is None else Ref(under)
    return NewCycle(
        code=code,
        name=name,
        start_date=span.first,
        end_date=span.last,
        parent_id=parent,
        cadence=Cadence.WEEKLY,
    )

"""Making up how figures went, week by week."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from okr_service.demo import group
from okr_service.demo.sketch import Measure
from okr_service.objectives.shapes import Confidence, Metric

_FRIDAY = 4
_MILLION, _BILLION = Decimal(1_000_000), Decimal(1_000_000_000)
_CONTINUOUS = {"%", "điểm", "ngày", "giờ", "giờ/tháng", "kg", "kWh", "lần"}
_GOOD, _FAIR = Decimal("0.9"), Decimal("0.75")
_SAID_EARLY = Decimal("0.05")  # before so much was planned, nobody worries
_DAYS_OF_WORRY = Decimal("0.7")


@dataclass(frozen=True)
class Span:
    """The first and the last day of a cycle."""

    first: date
    last: date

    def share(self, day: date) -> Decimal:
        """Return how much of it has passed at the end of a day, 0 to 1."""
        return Decimal((day - self.first).days + 1) / ((self.last - self.first).days + 1)


@dataclass(frozen=True)
class Figure:
    """A value on a day, and what its owner says of it."""

    day: date
    value: Decimal
    confidence: Confidence


def fridays(span: Span, before: date) -> list[date]:
    """Return the Fridays of a span that lie before a day."""
    day = span.first + timedelta((_FRIDAY - span.first.weekday()) % 7)
    end = min(span.last + timedelta(1), before)
    return [day + timedelta(7 * week) for week in range(max(0, -(-(end - day).days // 7)))]


def course(measure: Measure, span: Span, before: date, rng: Random) -> list[Figure]:
    """Return what is reported on a measure each Friday, up to the day before a day."""
    days = fridays(span, before)
    if measure.metric in (Metric.INCREASE, Metric.DECREASE):
        return list(_moving(measure, span, days, rng))
    if measure.metric is Metric.BOOLEAN:
        return list(_reached(span, days[3::4], rng))
    if measure.metric is Metric.ACTIONS:
        return []
    return list(_held(measure, days, rng))


def monthly_plan(measure: Measure, year: int) -> list[tuple[date, Decimal]]:
    """Return the values due at the month ends of a year, the target at the last."""
    start, target = figures(measure)
    season = group.SEASON if measure.accumulates else (1,) * 12
    ends = [date(year + month // 12, month % 12 + 1, 1) - timedelta(1) for month in range(1, 13)]
    due = [Decimal(sum(season[: month + 1])) / sum(season) for month in range(12)]
    values = [_rounded(measure, start + (target - start) * share) for share in due]
    return list(zip(ends, [*values[:-1], target], strict=True))


def figures(measure: Measure) -> tuple[Decimal, Decimal]:
    """Return the start and the target of a measure that moves from one to the other."""
    assert measure.start is not None, measure
    assert measure.target is not None, measure
    return measure.start, measure.target


def spelt(measure: Measure, value: Decimal) -> str:
    """Return a value as Vietnamese people write it, with its unit of measure."""
    if measure.uom == "VND":
        return (
            _in_words(value / _BILLION, 1, "tỷ đồng")
            if value >= _BILLION
            else _in_words(value, 0, "đồng")
        )
    places = max(0, -int(value.normalize().as_tuple().exponent))
    return _in_words(value, places, measure.uom or "")


def _in_words(value: Decimal, places: int, unit: str) -> str:
    written = f"{value:,.{places}f}".translate(str.maketrans(",.", ".,"))
    return f"{written} {unit}".strip()


def _moving(measure: Measure, span: Span, days: Sequence[date], rng: Random) -> Iterator[Figure]:
    start, target = figures(measure)
    pace = _noise(rng, 0.97, 0.15, 0.55, 1.15)
    share, planned_before = Decimal(0), Decimal(0)
    for day in days:
        planned = planned_share(measure, span, day)
        if measure.accumulates:
            share += (planned - planned_before) * pace * _noise(rng, 1, 0.35, 0.2, 2.5)
        else:
            share = planned * pace + _noise(rng, 0, 0.02, -0.05, 0.05)
        planned_before = planned
        value = _rounded(measure, start + (target - start) * share)
        yield Figure(day, value, said(share, planned))


def planned_share(measure: Measure, span: Span, day: date) -> Decimal:
    """Return how much of the way a measure should have come by a day, 0 to 1."""
    if not measure.accumulates or (span.first.month, span.last.month) != (1, 12):
        return span.share(day)
    before = Decimal(sum(group.SEASON[: day.month - 1]))
    month = Span(day.replace(day=1), _month_end(day))
    return (before + group.SEASON[day.month - 1] * month.share(day)) / sum(group.SEASON)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)


def _held(measure: Measure, days: Sequence[date], rng: Random) -> Iterator[Figure]:
    low = measure.target or Decimal(0)
    high = low if measure.upper is None else measure.upper
    usual = rng.random()
    for day in days:
        value = _rounded(measure, _near(measure, low, high, usual, rng))
        kept = {
            Metric.AT_LEAST: value >= low,
            Metric.AT_MOST: value <= low,
            Metric.BETWEEN: low <= value <= high,
        }[measure.metric]
        yield Figure(day, value, Confidence.ON_TRACK if kept else Confidence.AT_RISK)


def _near(measure: Measure, low: Decimal, high: Decimal, usual: float, rng: Random) -> Decimal:
    if measure.metric is Metric.BETWEEN:
        return low + (high - low) * _noise(rng, 0.3 + usual / 2, 0.18, -0.3, 1.3)
    if measure.metric is Metric.AT_MOST:
        return low * _noise(rng, 0.75 + usual / 3, 0.08, 0, 1.4)
    highest = Decimal(100) if measure.uom == "%" else low * 2
    return min(highest, low * _noise(rng, 0.99 + usual / 40, 0.01, 0.9, 1.1))


def _reached(span: Span, days: Sequence[date], rng: Random) -> Iterator[Figure]:
    when = _noise(rng, 0.65, 0.25, 0.2, 1.3)
    for day in days:
        passed = span.share(day)
        done = passed >= when
        late = not done and passed > _DAYS_OF_WORRY
        yield Figure(day, Decimal(done), Confidence.AT_RISK if late else Confidence.ON_TRACK)


def said(share: Decimal, planned: Decimal) -> Confidence:
    """Return what somebody says who has come so far where so much was planned."""
    if planned < _SAID_EARLY or share >= planned * _GOOD:
        return Confidence.ON_TRACK
    return Confidence.AT_RISK if share >= planned * _FAIR else Confidence.OFF_TRACK


def _noise(rng: Random, middle: float, spread: float, low: float, high: float) -> Decimal:
    return Decimal(round(1000 * min(high, max(low, rng.gauss(middle, spread))))) / 1000


def _rounded(measure: Measure, value: Decimal) -> Decimal:
    return _to_step(value, _step(measure))


def _to_step(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def _step(measure: Measure) -> Decimal:
    known = (figure for figure in (measure.start, measure.target) if figure)
    size = max(known, default=Decimal(0))  # none of them is negative
    if measure.uom == "VND":
        return _MILLION if size >= _BILLION else Decimal(100)
    if measure.uom not in _CONTINUOUS:
        return Decimal(1)
    return Decimal("0.01") if size < 10 else Decimal("0.1")  # noqa: PLR2004 - two digits suffice

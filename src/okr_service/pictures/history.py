"""The course of progress over days, beside the one expected."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

import svg

from okr_service.kernel.messages import Language
from okr_service.pictures.days import ticks
from okr_service.pictures.lettering import label, width, wrapped
from okr_service.pictures.shapes import HistoryPoint
from okr_service.pictures.theme import HEADING, SMALL, Theme, picture
from okr_service.pictures.words import full_day, percent, word

_WIDTH, _PLOT_HEIGHT, _MARGIN, _LINE = 820, 270, 24, 22
_LEFT, _RIGHT = 64, _WIDTH - 84  # the last value is written to the right
_SWATCH = 24
_MOST_POINTS = 800
_QUARTERS = [Decimal(quarter) / 4 for quarter in range(5)]


def draw_history(
    title: str, points: Sequence[HistoryPoint], today: date, language: Language, theme: Theme
) -> str:
    """Draw how far something was day by day; the points may come in any order."""
    lines = wrapped(title, _WIDTH - 2 * _MARGIN, HEADING, lines=2, bold=True)
    drawn: list[svg.Element] = [
        label(line, _MARGIN, _MARGIN + 14 + _LINE * place, "heading", "fill-ink")
        for place, line in enumerate(lines)
    ]
    legend = _MARGIN + _LINE * len(lines) + 18
    top = legend + 2 * _LINE
    told = word("no history", language)
    if points:
        plot = _Plot(points, top, language)
        drawn += [*_legend(legend, language), *plot.drawn(today)]
        told = plot.last()
    else:
        drawn.append(label(told, _WIDTH / 2, top + _PLOT_HEIGHT / 2, anchor="middle"))
    size = (_WIDTH, top + _PLOT_HEIGHT + 2 * _MARGIN)
    return picture(title, told, size, language, theme, drawn)


class _Plot:
    """Points laid out between two axes: days to the right, shares of 1 upwards."""

    def __init__(self, points: Sequence[HistoryPoint], top: int, language: Language) -> None:
        self._points = _thinned(sorted(points, key=lambda point: point.day))
        self._measured = [point for point in self._points if point.progress is not None]
        self._top, self._bottom = top, top + _PLOT_HEIGHT
        self._language: Language = language
        self._first, self._end = self._points[0].day, self._points[-1].day
        if self._first == self._end:
            self._first, self._end = self._first - timedelta(1), self._end + timedelta(1)

    def drawn(self, today: date) -> list[svg.Element]:
        """Draw everything, what is to lie above the rest last."""
        return [
            *self._grid(),
            *self._days(),
            *self._today(today),
            *self._expected(),
            *self._course(),
            *self._last_value(),
        ]

    def last(self) -> str:
        """Say how far it was when last measured."""
        language = self._language
        if not self._measured:
            return word("unmeasured", language)
        point = self._measured[-1]
        return (
            f"{full_day(point.day, language)}: "
            f"{word('progress', language)} {percent(point.progress, language)}, "
            f"{word('expected', language)} {percent(point.expected_progress, language)}"
        )

    def _x(self, day: date) -> float:
        share = (day - self._first) / (self._end - self._first)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    def _y(self, share: Decimal | None) -> float:
        within = min(max(share or Decimal(0), Decimal(0)), Decimal(1))
        return round(self._bottom - float(within) * _PLOT_HEIGHT, 1)

    def _grid(self) -> list[svg.Element]:
        drawn: list[svg.Element] = []
        for share in _QUARTERS:
            y = self._y(share)
            drawn.append(_rule(_LEFT, y, _RIGHT, y, "line-edge" if share == 0 else "line-track"))
            drawn.append(label(f"{share * 100:.0f} %", _LEFT - 10, y + 4, anchor="end"))
        return drawn

    def _days(self) -> list[svg.Element]:
        drawn: list[svg.Element] = []
        for day, name in ticks(self._first, self._end, self._language):
            x = self._x(day)
            drawn.append(_rule(x, self._bottom, x, self._bottom + 5, "line-edge"))
            drawn.append(label(name, x, self._bottom + 20, anchor="middle"))
        return drawn

    def _today(self, today: date) -> list[svg.Element]:
        if not self._first <= today <= self._end:
            return []
        text = f"{word('today', self._language)} {full_day(today, self._language)}"
        half, x = width(text, SMALL) / 2, self._x(today)
        middle = min(max(x, _MARGIN + half), _WIDTH - _MARGIN - half)
        return [
            _rule(x, self._top - 6, x, self._bottom, "line-muted"),
            label(text, round(middle, 1), self._top - 12, anchor="middle"),
        ]

    def _expected(self) -> list[svg.Element]:
        places = [(self._x(point.day), self._y(point.expected_progress)) for point in self._points]
        points = [svg.Point(x, y) for x, y in places]
        (x, y), ring = places[-1], ["open", "line-muted"]  # seen even if there is but one point
        return [
            svg.Polyline(points=points, class_=["open", "plan", "line-muted"]),
            svg.Circle(cx=x, cy=y, r=3, stroke_width=2, class_=ring),
        ]

    def _course(self) -> list[svg.Element]:
        """Draw a stair for each unbroken run of measurements: a value holds until the next."""
        areas: list[svg.PathData] = []
        stairs: list[svg.PathData] = []
        for measured, run in groupby(self._points, lambda point: point.progress is not None):
            if measured:
                places = [(self._x(point.day), self._y(point.progress)) for point in run]
                start, height = places[0]
                steps = [c for x, y in places[1:] for c in (svg.H(x), svg.V(y))]
                stairs += [svg.M(start, height), svg.H(start), *steps]
                areas += [svg.M(start, self._bottom), svg.V(height), *steps, svg.V(self._bottom)]
        return [
            svg.Path(d=areas, class_=["area", "fill-course"]),
            svg.Path(d=stairs, class_=["open", "stair", "line-course"]),
        ]

    def _last_value(self) -> list[svg.Element]:
        if not self._measured:
            return _on_paper(percent(None, self._language), _LEFT + 12, self._top + 24)
        point = self._measured[-1]
        x, y = self._x(point.day), self._y(point.progress)
        text = percent(point.progress, self._language)
        return [
            *_on_paper(text, x + 8, y + 4),
            svg.Circle(cx=x, cy=y, r=4, class_=["fill-course"]),
        ]


def _thinned(points: list[HistoryPoint]) -> list[HistoryPoint]:
    """Leave out points where there are more than the eye can tell apart, but not the last."""
    every = -(-len(points) // _MOST_POINTS)
    measured = [place for place, point in enumerate(points) if point.progress is not None]
    kept = {len(points) - 1, *measured[-1:]}
    return [point for place, point in enumerate(points) if place % every == 0 or place in kept]


def _legend(y: int, language: Language) -> list[svg.Element]:
    drawn: list[svg.Element] = []
    x = _MARGIN
    for name, classes in (
        ("progress", ["stair", "line-course"]),
        ("expected", ["plan", "line-muted"]),
    ):
        text = word(name, language)
        drawn.append(_rule(x, y - 4, x + _SWATCH, y - 4, *classes))
        drawn.append(label(text, x + _SWATCH + 8, y))
        x += _SWATCH + 8 + round(width(text, SMALL)) + _MARGIN
    return drawn


def _rule(x1: float, y1: float, x2: float, y2: float, *classes: str) -> svg.Line:
    return svg.Line(x1=x1, y1=y1, x2=x2, y2=y2, class_=list(classes))


def _on_paper(text: str, x: float, y: float) -> list[svg.Element]:
    """Write text over lines, which end around it."""
    wide = round(width(text, SMALL, bold=True))
    paper = svg.Rect(x=x - 2, y=y - 13, width=wide + 4, height=18, class_=["fill-paper"])
    return [paper, label(text, x, y, "strong", "fill-ink")]

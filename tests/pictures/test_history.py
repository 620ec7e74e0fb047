"""The course of progress as it is drawn."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pictures.drawn import Drawn, hostile_text

from okr_service.kernel.messages import Language
from okr_service.pictures.days import ticks
from okr_service.pictures.history import draw_history
from okr_service.pictures.shapes import HistoryPoint
from okr_service.pictures.theme import COLOURS, Theme

_FIRST = date(2026, 1, 1)
_TODAY = date(2026, 9, 17)


def drawn(
    points: Sequence[HistoryPoint],
    language: Language = "en",
    theme: Theme = "light",
    title: str = "Sell more",
    today: date = _TODAY,
) -> Drawn:
    return Drawn(draw_history(title, points, today, language, theme))


def course(*shares: str | None, every: int = 1) -> list[HistoryPoint]:
    return [
        HistoryPoint(
            day=_FIRST + timedelta(every * place),
            progress=None if share is None else Decimal(share),
            expected_progress=Decimal(place) / len(shares),
        )
        for place, share in enumerate(shares)
    ]


def test_the_last_value_is_written() -> None:
    points = course("0.1", "0.2", "0.43125", None, None)

    assert "43.1 %" in drawn(points).texts()
    assert "43,1 %" in drawn(points, "vi").texts()


def test_a_value_holds_until_the_next() -> None:
    picture = drawn(course("0", "1", "0"))

    (path,), ((_, left, bottom),) = picture.all("path", "stair"), picture.places("stair")
    top, middle, right = bottom - 270, left + 336, left + 672
    assert path.get("d") == (f"M {left} {bottom} H {left} H {middle} V {top} H {right} V {bottom}")


def test_there_is_a_gap_where_nothing_was_measured() -> None:
    assert len(drawn(course("0.1", "0.2", "0.3")).places("stair")) == 1
    assert len(drawn(course("0.1", None, "0.3", None)).places("stair")) == 2


def test_a_single_point_is_drawn() -> None:
    picture = drawn(course("0.5"), today=_FIRST)

    assert "50.0 %" in picture.texts()
    assert len(picture.all("circle", "fill-course")) == 1
    assert "today 1 Jan 2026" in picture.texts()


@pytest.mark.parametrize(("language", "words"), [("en", "not measured"), ("vi", "chưa đo")])
def test_without_measurements_only_the_expected_is_drawn(language: Language, words: str) -> None:
    picture = drawn(course(None, None, None), language)

    assert words in picture.texts()
    assert picture.places("stair") == []
    assert len(picture.all("polyline", "plan")) == 1


@pytest.mark.parametrize(
    ("language", "words"), [("en", "no history yet"), ("vi", "chưa có lịch sử")]
)
def test_without_points_that_is_said(language: Language, words: str) -> None:
    assert drawn([], language).texts() == ["Sell more", words]


def test_points_may_come_in_any_order() -> None:
    points = course("0.1", "0.2", "0.3")

    assert drawn(points[::-1]).text == drawn(points).text


def test_progress_beyond_its_bounds_stays_in_the_picture() -> None:
    beyond, within = drawn(course("-3", "7")), drawn(course("0", "1"))

    assert beyond.all("path", "stair")[0].get("d") == within.all("path", "stair")[0].get("d")


@pytest.mark.parametrize("every", [1, 2])
def test_ten_years_of_days_stay_small(every: int) -> None:
    shares = ["0.333333" if place % every == 0 else None for place in range(3653)]
    picture = drawn(course(*shares[:-1], "0.987", None))

    assert picture.size() < 100_000
    assert "98.7 %" in picture.texts()


@pytest.mark.parametrize(("day", "shown"), [(_FIRST, True), (date(2027, 1, 1), False)])
def test_today_is_marked_where_it_lies_within(day: date, *, shown: bool) -> None:
    words = [text for text in drawn(course("0", "1"), today=day).texts() if "today" in text]

    assert bool(words) == shown


def test_both_lines_are_explained() -> None:
    assert {"progress", "expected progress"} <= set(drawn(course("0")).texts())
    assert {"tiến độ", "tiến độ kế hoạch"} <= set(drawn(course("0"), "vi").texts())


@pytest.mark.parametrize(
    ("last", "english", "vietnamese"),
    [
        (date(2026, 1, 4), ["1 Jan", "2 Jan", "3 Jan", "4 Jan"], ["01/01", "02/01"]),
        (date(2026, 1, 31), ["5 Jan", "12 Jan", "19 Jan", "26 Jan"], ["05/01", "12/01"]),
        (date(2026, 6, 30), ["Jan 2026", "Feb 2026", "Mar 2026"], ["T1/2026", "T2/2026"]),
        (date(2026, 12, 31), ["Jan 2026", "Mar 2026", "May 2026"], ["T1/2026", "T3/2026"]),
        (date(2027, 12, 31), ["Jan 2026", "Apr 2026", "Jul 2026"], ["T1/2026", "T4/2026"]),
    ],
)
def test_days_are_named_as_the_span_asks(
    last: date, english: list[str], vietnamese: list[str]
) -> None:
    in_english = [name for _, name in ticks(_FIRST, last, "en")]
    in_vietnamese = [name for _, name in ticks(_FIRST, last, "vi")]

    assert in_english[: len(english)] == english
    assert in_vietnamese[: len(vietnamese)] == vietnamese


@settings(deadline=None)
@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(1, 100_000))
def test_there_are_a_few_named_days_within_any_span(first: date, days: int) -> None:
    last = min(first + timedelta(days), date(2200, 12, 31))

    named = [day for day, _ in ticks(first, last, "en")]

    assert 1 <= len(named) <= 9
    assert all(first <= day <= last for day in named)


@settings(deadline=None)
@given(
    title=hostile_text,
    points=st.lists(
        st.builds(
            HistoryPoint,
            st.dates(date(1900, 1, 1), date(2200, 1, 1)),
            st.none() | st.decimals(-1, 2, places=6),
            st.decimals(0, 1, places=6),
        ),
        max_size=20,
    ),
)
def test_any_title_and_points_make_a_well_formed_picture(
    title: str, points: list[HistoryPoint]
) -> None:
    picture = drawn(points, title=title)

    assert len(picture.all("desc")) == 1
    assert picture.size() < 100_000


def test_the_dark_theme_is_dark() -> None:
    text = drawn(course("0.5"), theme="dark").text

    assert f".fill-paper{{fill:{COLOURS['paper'][1]}}}" in text
    assert COLOURS["paper"][0] not in text


def test_a_listener_is_told_the_last_value() -> None:
    (desc,) = drawn(course("0.1", "0.4", None), "vi").all("desc")

    assert desc.text == "02/01/2026: tiến độ 40,0 %, tiến độ kế hoạch 33,3 %"

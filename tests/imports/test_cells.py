"""Numbers and dates as people write them."""

from datetime import date
from decimal import Decimal

import pytest

from okr_service.imports.calendar import calendar_dates, likely_code, month_end_within
from okr_service.imports.cells import decimal_mark, read_date, read_number
from okr_service.imports.columns import letters
from okr_service.imports.errors import AmbiguousNumber, UnreadableDate, UnreadableNumber


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1.234,5", "1.234", "2"], ["1234.5", "1234", "2"]),
        (["1,234.5", "1,234", "0.125"], ["1234.5", "1234", "0.125"]),
        (["1.234.567", "1.234"], ["1234567", "1234"]),
        (["12.5", "1.234"], ["12.5", "1.234"]),
        (["-1 234,5", "+3", "78%"], ["-1234.5", "3", "78"]),
        (["0.5", ".5", "99.95%"], ["0.5", "0.5", "99.95"]),
        (["12345678901234567890.0123456789"], ["12345678901234567890.0123456789"]),
    ],
)
def test_a_consistent_file_is_read_as_meant(texts: list[str], numbers: list[str]) -> None:
    mark = decimal_mark(texts)
    assert [read_number(text, mark) for text in texts] == [Decimal(n) for n in numbers]


@pytest.mark.parametrize("texts", [["1.234"], ["1,234"], ["1.5", "1,5", "1.234"]])
def test_what_may_mean_two_numbers_is_refused(texts: list[str]) -> None:
    with pytest.raises(AmbiguousNumber):
        read_number(texts[-1], decimal_mark(texts))


@pytest.mark.parametrize(
    "text", ["many", "1.00.0", "1,23,456.7", "--1", "1e5", "٣", "NaN", "1.2,3.4"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableNumber):
        read_number(text, ".")


def test_days_come_first_or_years_do() -> None:
    assert read_date("31/12/2026") == read_date("2026-12-31") == date(2026, 12, 31)
    for text in ("12/31/2026", "2026", "tomorrow", "31/02/2026"):
        with pytest.raises(UnreadableDate):
            read_date(text)


def test_calendar_codes_say_their_dates() -> None:
    assert calendar_dates("2026") == (date(2026, 1, 1), date(2026, 12, 31))
    assert calendar_dates("2026-Q3") == (date(2026, 7, 1), date(2026, 9, 30))
    assert calendar_dates("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))
    assert calendar_dates("FY20-Q3") is None


def test_a_months_target_is_due_within_the_cycle() -> None:
    start, end = date(2026, 4, 1), date(2027, 3, 15)
    assert month_end_within(4, start, end) == date(2026, 4, 30)
    assert month_end_within(1, start, end) == date(2027, 1, 31)
    assert month_end_within(3, start, end) == date(2027, 3, 15)


def test_columns_are_lettered_as_in_a_spreadsheet() -> None:
    assert [letters(n) for n in (0, 25, 26, 51, 701, 702)] == ["A", "Z", "AA", "AZ", "ZZ", "AAA"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Q3/2026", "2026-Q3"),
        ("2026Q3", "2026-Q3"),
        ("Quý III/2026", "2026-Q3"),
        ("quý iv 2026", "2026-Q4"),
        ("Tháng 9/2026", "2026-09"),
        ("T12.2026", "2026-12"),
        ("2026-9", "2026-09"),
        ("Năm 2026", "2026"),
        ("2026", None),
        ("2026-Q3", None),
        ("Q5/2026", None),
        ("FY20-Q3", None),
    ],
)
def test_the_calendar_cycle_that_people_mean_is_suggested(text: str, code: str | None) -> None:
    assert likely_code(text) == code

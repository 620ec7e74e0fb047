"""What rows mean: outlines, units of measure, dates in one order, words for choices."""

from datetime import date
from decimal import Decimal

import pytest
from tests.imports.files import read, workbook

from okr_service.imports.cells import (
    DateOrder,
    Figure,
    decimal_mark,
    read_date,
    read_figure,
    read_number,
)
from okr_service.imports.errors import MixedDates, UnreadableDate, UnreadableNumber
from okr_service.imports.formats import Format
from okr_service.imports.plan import Plan, gather
from okr_service.imports.suggestions import closest


def plan_of(text: str) -> Plan:
    return gather(read(text))


def errors(plan: Plan) -> list[tuple[object, str, object]]:
    return [(e.facts["cell"], e.code, e.facts.get("suggestion")) for e in plan.errors]


def test_what_is_left_empty_means_what_is_above() -> None:
    plan = plan_of(
        "unit,cycle,objective,objective_title,key_result,key_result_title,action\n"
        "KD,2026,A,Tăng,KR1,Doanh thu,\n"
        ",,,,KR2,Lợi nhuận,Mở đại lý\n"
        ",,,,,,Tuyển người\n"
        ",,B,Giữ,KR1,Khách,\n"
        "SX,,C,Làm,,,\n"
        ",,,,KR1,Sản lượng,Chạy ca ba\n"
    )
    assert not plan.errors
    assert list(plan.key_results) == [("A", "KR1"), ("A", "KR2"), ("B", "KR1"), ("C", "KR1")]
    assert list(plan.actions) == [
        ("A", "KR2", "Mở đại lý"),
        ("A", "KR2", "Tuyển người"),
        ("C", "KR1", "Chạy ca ba"),
    ]
    units = {thing.key[0]: thing.text("unit") for thing in plan.objectives.values()}
    assert units == {"A": "KD", "B": "KD", "C": "SX"}
    assert plan.objectives["B",].assumed == {"unit", "cycle"}
    assert plan.objectives["A",].assumed == set()


def test_what_is_above_never_contradicts() -> None:
    plan = plan_of(
        "unit,cycle,objective,objective_title,key_result\n"
        "KD,2026,A,Tăng,KR1\nSX,2026,B,Làm,KR1\n,,A,,KR2\n,,C,Thêm,KR1\nTC,,C,,KR2\n"
    )
    assert not plan.errors
    assert plan.objectives["A",].text("unit") == "KD"
    assert plan.objectives["C",].text("unit") == "TC"
    assert plan.objectives["C",].assumed == {"cycle"}


def test_a_total_at_the_end_belongs_to_nothing() -> None:
    plan = plan_of("unit,cycle,objective,key_result,target\nKD,2026,A,KR1,5\n,,,,5\n")
    assert errors(plan) == [("C3", "cell-required", None)]


def test_another_title_without_a_code_is_not_the_objective_above() -> None:
    plan = plan_of("objective,objective_title,key_result\nA,Tăng,KR1\n,Giảm,KR2\n")
    assert errors(plan) == [("A3", "cell-required", None)]


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("120", "tỷ đồng", "120"),
        ("120 tỷ", "tỷ đồng", "120"),
        ("120 tỷ đồng", "tỷ đồng", "120"),
        ("1,5 tỷ", "triệu đồng", "1500"),
        ("1,5 tỷ", "VND", "1500000000"),
        ("500 triệu", "tỷ đồng", "0.5"),
        ("2 nghìn tỷ", "tỷ đồng", "2000"),
        ("1,5 triệu", "viên", "1500000"),
        ("200 viên", "viên", "200"),
        ("5 000 000 đ", "VND", "5000000"),
        ("85 %", "%", "85"),
        ("40", "tỷ lệ", "40"),
        ("(1.234,5)", None, "-1234.5"),
        ("−12", None, "-12"),
    ],
)
def test_figures_are_in_their_unit(text: str, unit: str | None, number: str) -> None:
    assert read_number(text, ",", unit) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "unit"), [("120 tấn", "viên"), ("12 tháng", "tỷ đồng"), ("5 tỷ viên", "tỷ đồng")]
)
def test_figures_in_another_unit_are_refused(text: str, unit: str) -> None:
    with pytest.raises(UnreadableNumber):
        read_number(text, ",", unit)


def test_yes_and_no_are_one_and_nothing() -> None:
    assert [read_figure(t, None) for t in ("Có", "không", "Đạt", "TRUE", "no")] == [1, 0, 1, 1, 0]


def test_a_workbooks_numbers_leave_no_doubt() -> None:
    assert read_number(Figure("1.234"), ",") == Decimal("1.234")
    assert decimal_mark([Figure("1.5"), "1,5"]) == ","
    data = workbook({"KH": [["objective", "key_result", "target"], ["A", "K", 1.234]]})
    plan = gather(read(data, Format.XLSX))
    assert plan.key_results["A", "K"].number("target") == Decimal("1.234")


def test_an_error_does_not_repeat_a_megabyte() -> None:
    plan = plan_of("objective,key_result,target\nA,K," + "x" * 100_000 + "\n")
    assert len(str(plan.errors[0].facts["given"])) < 100


def test_dates_are_read_in_the_order_of_their_column() -> None:
    head = "objective,key_result,action,due,action_due\n"
    american = plan_of(head + "A,K,x,12/31/2026,31/12/2026\nA,K,y,,\nA,L,z,01/02/2026,01/02/2026\n")
    assert not american.errors
    assert american.key_results["A", "K"].said["due"] == date(2026, 12, 31)
    assert american.key_results["A", "L"].said["due"] == date(2026, 1, 2)
    assert american.actions["A", "L", "z"].said["action_due"] == date(2026, 2, 1)
    mixed = plan_of(head + "A,K,x,31/12/2026,\nA,L,y,12/31/2026,\nA,M,z,32/13/2026,\n")
    assert errors(mixed) == [
        ("D3", "mixed-dates", "2026-12-31"),
        ("D4", "unreadable-date", None),
    ]


def test_serials_of_spreadsheets_are_dates_within_reason() -> None:
    assert read_date("46387") == date(2026, 12, 31)
    assert read_date(Figure("46387.5")) == date(2026, 12, 31)
    for text in ("99999", Figure("2026"), Figure("-1")):
        with pytest.raises(UnreadableDate):
            read_date(text)
    with pytest.raises(MixedDates):
        read_date("12/31/2026", DateOrder(day_first=2))


def test_a_slip_in_a_choice_is_recognised() -> None:
    plan = plan_of("objective,key_result,metric\nA,K,incraese\nA,L,Tối thiêu\nA,M,zzz\n")
    assert errors(plan) == [
        ("C2", "not-a-choice", "increase"),
        ("C4", "not-a-choice", None),
    ]


def test_people_may_be_named_as_the_template_shows_them() -> None:
    plan = plan_of("objective,objective_owner\nA,Nguyễn Thị Mai (kế toán) (NV-7)\nB,NV-8\n")
    assert [t.text("objective_owner") for t in plan.objectives.values()] == ["NV-7", "NV-8"]


def test_the_closest_word_is_suggested_without_accents() -> None:
    assert closest("2026-q3", ["2026-Q2", "2026-Q3"]) == "2026-Q3"
    assert closest("cong ty gach", ["Công ty Thép", "Công ty Gạch"]) == "Công ty Gạch"
    assert closest("zzz", ["abc"]) is None
    assert closest("x" * 1000, ["x" * 999]) is None

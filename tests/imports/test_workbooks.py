"""Workbooks as people keep them."""

import zipfile
from datetime import date, datetime
from io import BytesIO

import pytest
from tests.imports.files import cells, places, read, with_parts, with_sheet, workbook
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from okr_service.imports.errors import (
    FormulaFailed,
    FormulaNotCalculated,
    ImportRejected,
    UnknownEncoding,
)
from okr_service.imports.formats import Format
from okr_service.imports.sources import Skipped

XLSX = Format.XLSX
HEAD = ["objective", "key_result", "target", "due", "cycle"]


def test_numbers_dates_and_months_are_what_the_cells_hold() -> None:
    data = workbook(
        {
            "KH": [
                HEAD,
                ["A", 1, 0.1 + 0.2, date(2026, 12, 31), 2026],
                ["A", 2.5, 1e18, datetime(2026, 12, 31, 7, 30), date(2026, 9, 1)],  # noqa: DTZ001
                ["A", True, "1.234", "31/12/2026", "2026-Q3"],
                ["A", "x", -12345.6789, 46387, " Kỳ "],
            ]
        }
    )
    assert cells(data, XLSX) == [
        {
            "objective": "A",
            "key_result": "1",
            "target": "0.3",
            "due": "2026-12-31",
            "cycle": "2026",
        },
        {
            "objective": "A",
            "key_result": "2.5",
            "target": "1000000000000000000",
            "due": "2026-12-31 07:30:00",
            "cycle": "2026-09",
        },
        {
            "objective": "A",
            "key_result": "1",
            "target": "1.234",
            "due": "31/12/2026",
            "cycle": "2026-Q3",
        },
        {
            "objective": "A",
            "key_result": "x",
            "target": "-12345.6789",
            "due": "46387",
            "cycle": "Kỳ",
        },
    ]


def test_a_percentage_is_what_people_see() -> None:
    def dress(book: Workbook, sheet: Worksheet) -> None:
        for at, form in enumerate(["0%", "0.00%", '0 "%"', "0"], 1):
            sheet.write(at, 0, "A")
            sheet.write(at, 1, 0.855, book.add_format({"num_format": form}))

    found = cells(workbook({"KH": [["objective", "target"]]}, dress), XLSX)
    assert [row["target"] for row in found] == ["85.5", "85.5", "0.855", "0.855"]


def test_cells_merged_downwards_say_the_same_in_each_row() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        sheet.merge_range("A1:E1", "KẾ HOẠCH NĂM 2026")
        sheet.merge_range("A4:A6", "MT-1")
        sheet.merge_range("B4:B5", "KR1")

    rows: list[list[str | None]] = [
        [],
        [],
        ["Mã mục tiêu", "Mã KR", "Giải pháp"],
        [None, None, "a"],
        [None, None, "b"],
        [None, "KR2", "c"],
        ["MT-2", "KR1", "d"],
    ]
    table = read(workbook({"KH": rows}, dress), XLSX)
    assert [(row.number, *row.cells.values()) for row in table.rows] == [
        (4, "MT-1", "KR1", "a"),
        (5, "MT-1", "KR1", "b"),
        (6, "MT-1", "KR2", "c"),
        (7, "MT-2", "KR1", "d"),
    ]


def test_a_header_of_two_rows_is_read_as_one() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        sheet.merge_range("A1:A2", "Mã mục tiêu")
        sheet.merge_range("B1:B2", "Chỉ tiêu")
        sheet.merge_range("C1:D1", "Kế hoạch tháng")

    rows: list[list[str | float | None]] = [[], [None, None, "T1", "T2"], ["A", 9, 1, 2]]
    assert cells(workbook({"KH": rows}, dress), XLSX) == [
        {"objective": "A", "target": "9", "T1": "1", "T2": "2"}
    ]


def test_sheets_with_a_header_are_read_and_others_named() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        if sheet.get_name() == "Danh mục":
            sheet.hide()

    data = workbook(
        {
            "Hướng dẫn": [["Điền vào các trang sau"]],
            "Gạch": [["Mã mục tiêu", "Chỉ tiêu"], ["A", 1]],
            "Thép": [["THÉP"], ["Chỉ tiêu", "Mã mục tiêu"], [2, "B"]],
            "Danh mục": [["objective", "target"], ["X", 1]],
            "Ví dụ": [["objective", "target"], ["Y", 1]],
        },
        dress,
    )
    table = read(data, XLSX)
    rows = list(table.rows)
    assert [(table.place(row.number)[0].name, table.place(row.number)[1]) for row in rows] == [
        ("Gạch", 2),
        ("Thép", 3),
    ]
    assert [row.cells for row in rows] == [
        {"objective": "A", "target": "1"},
        {"objective": "B", "target": "2"},
    ]
    assert table.skipped == [
        Skipped("Danh mục", "hidden"),
        Skipped("Ví dụ", "example"),
        Skipped("Hướng dẫn", "no_header"),
    ]
    assert table.where(rows[1].number, rows[0].number) == "Thép!3"


def test_hidden_rows_and_columns_are_read() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        sheet.set_row(1, None, None, {"hidden": True})
        sheet.set_column(1, 1, None, None, {"hidden": True})

    data = workbook({"KH": [["objective", "target"], ["A", 1]]}, dress)
    assert cells(data, XLSX) == [{"objective": "A", "target": "1"}]


def test_errors_name_the_sheet() -> None:
    data = workbook({"KH": [["Tập đoàn"], ["objective", "target", "colour"], ["A", 1, "red"]]})
    with pytest.raises(ImportRejected) as refused:
        read(data, XLSX)
    [error] = refused.value.errors
    assert (error.facts["sheet"], error.facts["cell"]) == ("KH", "C2")
    assert error.pointer == "/KH/rows/2/colour"


def test_formulas_count_as_what_they_gave_and_failures_are_errors() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        sheet.write_formula(1, 1, "=1+1", None, 2)
        sheet.write_formula(2, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(3, 1, "=1+1", None, "")
        sheet.write_formula(4, 1, '=""', None, "")
        for row in range(1, 5):
            sheet.write(row, 0, "A")

    data = workbook({"KH": [["objective", "target"]]}, dress)
    with zipfile.ZipFile(BytesIO(data)) as package:
        xml = package.read("xl/worksheets/sheet1.xml")
    text = xml.replace(b'<c r="B5">', b'<c r="B5" t="str">')
    first, failed, never, empty = read(
        with_parts({"xl/worksheets/sheet1.xml": text}, data), XLSX
    ).rows
    assert first.cells["target"] == "2"
    assert isinstance(error := failed.faults["target"], FormulaFailed)
    assert error.given == "#DIV/0!"
    assert isinstance(never.faults["target"], FormulaNotCalculated)
    assert not empty.faults
    assert "target" not in empty.cells


def test_links_to_other_workbooks_are_not_followed() -> None:
    def dress(_: Workbook, sheet: Worksheet) -> None:
        sheet.write_formula(1, 1, "='http://evil.example/[a.xlsx]S'!A1", None, 7)
        sheet.write_url(1, 0, "http://evil.example/", string="A")

    link = b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    data = workbook({"KH": [["objective", "target"]]}, dress)
    with_link = with_parts({"xl/externalLinks/externalLink1.xml": link}, data)
    assert cells(with_link, XLSX) == [{"objective": "A", "target": "7"}]


def test_letters_for_fonts_of_before_unicode_are_refused_by_name() -> None:
    header = ["Mã mục tiêu", "Chỉ tiêu"]
    shown = [text.translate(_to_tcvn3()) for text in header]
    with pytest.raises(UnknownEncoding) as refused:
        read(workbook({"KH": [shown, ["A", 1]]}), XLSX)
    assert (refused.value.row, refused.value.encoding) == (1, "TCVN3")


def _to_tcvn3() -> dict[int, int]:
    from okr_service.imports.encodings import _FROM_TCVN3  # noqa: PLC0415

    return {new: old for old, new in _FROM_TCVN3.items()}


def test_other_writers_xml_is_read_alike() -> None:
    prefixed = (
        b'<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>objective</x:t></x:is></x:c>'
        b'<x:c t="inlineStr"><x:is><x:t>target</x:t></x:is></x:c></x:row>'
        b"<x:row><x:c t='inlineStr'><x:is><x:t>A</x:t></x:is></x:c><x:c><x:v>5</x:v></x:c></x:row>"
        b"</x:sheetData></x:worksheet>"
    )
    assert cells(with_sheet(prefixed), XLSX) == [{"objective": "A", "target": "5"}]


def test_repeated_titles_are_found_in_any_language() -> None:
    with pytest.raises(ImportRejected) as refused:
        read(workbook({"KH": [["objective", "Mã mục tiêu"], ["A", "B"]]}), XLSX)
    assert places(refused.value) == [("B1", None, "column-repeats")]

"""Workbooks that would hurt: each is refused for what it is, soon and cheaply."""

import io
import struct
import time
import tracemalloc
import zipfile

import pytest
from tests.imports.files import cells, read, with_parts, with_sheet, workbook

from okr_service.imports.errors import (
    EmptyTable,
    MacroWorkbook,
    OtherFormat,
    PasswordProtected,
    TooManyColumns,
    TooManySheetCells,
    UnpacksTooLarge,
    UnreadableWorkbook,
)
from okr_service.imports.formats import Format
from okr_service.imports.sources import Limits
from okr_service.kernel.errors import OkrError

XLSX = Format.XLSX
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
GOOD = workbook({"KH": [["objective", "target"], ["A", 1]]})


def _sheet(rows: bytes) -> bytes:
    return with_sheet(b"<worksheet " + MAIN + b"><sheetData>" + rows + b"</sheetData></worksheet>")


def _stored(name: str, size: int) -> bytes:
    """Make an archive that holds a part of zeros, in little."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(GOOD)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        with new.open(name, "w", force_zip64=True) as part:
            for _ in range(size >> 20):
                part.write(bytes(1 << 20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (COMPOUND + "EncryptedPackage".encode("utf-16-le"), PasswordProtected),
        (COMPOUND + "Workbook".encode("utf-16-le"), OtherFormat),
        (with_parts({"xl/vbaProject.bin": b"x"}, GOOD), MacroWorkbook),
        (b"<html><table><tr><td>objective</td></tr></table></html>", OtherFormat),
        (b"%PDF-1.7", OtherFormat),
        (b"objective,target\nA,1\n", OtherFormat),
        (GOOD[: len(GOOD) // 2], UnreadableWorkbook),
        (GOOD[:-30], UnreadableWorkbook),
        (GOOD[:200] + bytes(200) + GOOD[400:], UnreadableWorkbook),
        (_sheet(b""), EmptyTable),
        (with_sheet(b"<worksheet"), UnreadableWorkbook),
        (
            with_parts({"xl/workbook.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}),
            UnreadableWorkbook,
        ),
        (with_parts({"xl/workbook.xml": b"<workbook/>"}), EmptyTable),
        (b"", EmptyTable),
    ],
)
def test_what_is_no_plain_workbook_is_refused(data: bytes, error: type[OkrError]) -> None:
    with pytest.raises(error):
        read(data, XLSX)


def test_a_binary_workbook_and_a_document_are_named() -> None:
    for part, name in (("xl/workbook.bin", "binary"), ("word/document.xml", "Word")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as package:
            package.writestr(part, b"x")
        with pytest.raises(OtherFormat) as refused:
            read(buffer.getvalue(), XLSX)
        assert name in refused.value.found


def test_a_bomb_that_says_so_is_not_unpacked() -> None:
    bomb = _stored("xl/sharedStrings.xml", 1 << 30)
    assert len(bomb) < 1 << 21
    with pytest.raises(UnpacksTooLarge):
        read(bomb, XLSX)


def test_a_bomb_that_lies_is_stopped_at_the_limit() -> None:
    size = 64 << 20
    bomb = _stored("xl/sharedStrings.xml", size)
    lying = bomb.replace(struct.pack("<Q", size), struct.pack("<Q", 100))
    lying = lying.replace(struct.pack("<L", size), struct.pack("<L", 100))
    with zipfile.ZipFile(io.BytesIO(lying)) as package:
        assert sum(info.file_size for info in package.infolist()) < 1 << 20
    tracemalloc.start()
    with pytest.raises(UnpacksTooLarge):
        read(lying, XLSX, Limits(unpacked_bytes=8 << 20))
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_two_far_cells_are_not_all_those_between() -> None:
    far = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="%s1048576"><v>1</v></c></row>'
    with pytest.raises(TooManyColumns):
        read(_sheet(far % b"XFD"), XLSX)
    with pytest.raises(TooManySheetCells):
        read(_sheet(far % b"AZ"), XLSX)


_FAR = [
    b"<c r='XFD1048576'><v>1</v></c>",
    b'<c s="1" r="XFD1048576"><v>1</v></c>',
    b'<c  r = "XFD1048576"><v>1</v></c>',
    b'<c\nr="XFD1048576"><v>1</v></c>',
    b'<c foo:r="A1" xmlns:foo="x" r="XFD1048576"><v>1</v></c>',
    b'<c r="xfd1048576"><v>1</v></c>',
    b'<c s=">" r="XFD1048576"><v>1</v></c>',
    b'<c r="XFD1048576" s="/>"><v>1</v></c>',
    b'<!-- <c foo=" --><c r="XFD1048576"><v>1</v></c><c r="B2" s=""/>',
    b'<y:c xmlns:y="http://schemas.openxmlformats.org/spreadsheetml/2006/main" r="XFD1048576"><y:v>1</y:v></y:c>',
    b"<c><v>1</v></c>" * 17_000,
]


@pytest.mark.parametrize("far", _FAR)
def test_a_far_cell_cannot_hide(far: bytes) -> None:
    with pytest.raises((TooManyColumns, UnreadableWorkbook)):
        read(_sheet(b'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">' + far + b"</row>"), XLSX)


def test_a_far_cell_cannot_hide_in_another_part() -> None:
    far = (
        b"<worksheet "
        + MAIN
        + b'><sheetData><row r="9"><c r="XFD9"><v>1</v></c><c r="A9"><v>1</v></c></row></sheetData></worksheet>'
    )
    relations = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>'
        b'<Relationship Id="rId1" Type="x/worksheet" Target="/xl/odd/PLACE.bin"/></Relationships>'
    )
    parts = {"xl/odd/place.bin": far, "xl/_rels/workbook.xml.rels": relations}
    with pytest.raises((TooManyColumns, UnreadableWorkbook)):
        read(with_parts(parts), XLSX)


def test_no_text_makes_the_survey_slow() -> None:
    for piece in (
        b"<c ",
        b'<c r="A1"',
        b'<c r="A1" t="e" ',
        b'<c r="A1" t="e"><f>',
        b"<row ",
        b"a:",
    ):
        began = time.monotonic()
        with pytest.raises(OkrError):
            read(_sheet(piece * 300_000), XLSX)
        assert time.monotonic() - began < 5, piece


def test_a_million_empty_rows_are_nothing() -> None:
    rows = b"".join(b'<row r="%d"><c r="A%d" s="1"/></row>' % (n, n) for n in range(3, 1_000_003))
    head = (
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>objective</t></is></c></row>'
        b'<row r="2"><c r="A2" t="inlineStr"><is><t>A</t></is></c></row>'
    )
    assert cells(_sheet(head + rows), XLSX) == [{"objective": "A"}]


def test_a_cell_of_a_megabyte_is_read_for_the_rules_to_refuse() -> None:
    long = b'<row r="1"><c r="A1" t="inlineStr"><is><t>objective</t></is></c></row>'
    long += (
        b'<row r="2"><c r="A2" t="inlineStr"><is><t>' + b"x" * (1 << 20) + b"</t></is></c></row>"
    )
    [row] = cells(_sheet(long), XLSX)
    assert len(row["objective"]) == 1 << 20


def test_merged_cells_over_everything_cost_nothing() -> None:
    xml = (
        b"<worksheet "
        + MAIN
        + b'><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>objective</t></is></c>'
        b'</row><row r="2"><c r="A2" t="inlineStr"><is><t>A</t></is></c></row></sheetData>'
        b'<mergeCells count="1"><mergeCell ref="A2:XFD1048576"/></mergeCells></worksheet>'
    )
    assert cells(with_sheet(xml), XLSX) == [{"objective": "A"}]

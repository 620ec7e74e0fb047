"""Files as people make them."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from okr_service.imports.formats import Format, read_table
from okr_service.imports.sources import Limits
from okr_service.imports.table import Table
from okr_service.kernel.errors import FieldError, InvalidInput

Cell = str | float | date | Decimal | bool | None
Dressing = Callable[[Workbook, Worksheet], None]


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Cell]]], dress: Dressing | None = None
) -> bytes:
    """Write sheets of cells; `dress` may do more to each."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"default_date_format": "dd/mm/yyyy"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for place, cell in enumerate(row):
                    if cell is not None:
                        sheet.write(at, place, cell)
            if dress is not None:
                dress(book, sheet)
    return buffer.getvalue()


def with_sheet(xml: bytes, **more: bytes) -> bytes:
    """Write a workbook whose only sheet is this XML."""
    return with_parts({"xl/worksheets/sheet1.xml": xml, **more})


def with_parts(parts: Mapping[str, bytes], base: bytes | None = None) -> bytes:
    """Put other parts into a workbook."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(base or workbook({"KH": [["objective"]]}))) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, data in parts.items():
            new.writestr(name, data)
    return buffer.getvalue()


def read(data: bytes | str, form: Format = Format.CSV, limits: Limits | None = None) -> Table:
    """Read a file."""
    raw = data.encode() if isinstance(data, str) else data
    return read_table(io.BytesIO(raw), form, limits)


def cells(data: bytes | str, form: Format = Format.CSV) -> list[dict[str, str]]:
    """Read a file's rows."""
    return [row.cells for row in read(data, form).rows]


def places(error: InvalidInput) -> list[tuple[object, object, str]]:
    """Return where errors are and what they are."""
    return [(_place(each), each.facts.get("suggestion"), each.code) for each in error.errors]


def _place(error: FieldError) -> object:
    return error.facts.get("cell", error.facts.get("row"))

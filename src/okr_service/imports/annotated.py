"""The user's own workbook, with each cell that does not fit marked and explained.

It is changed in place, so what people made of it stays: their sheets, formulas, formats
and widths, though not pictures and charts. A workbook too large for that, and a file that
is none, is answered as a new workbook of the failed rows.
"""

import zipfile
from collections.abc import Sequence
from typing import BinaryIO

from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.workbook.workbook import Workbook

from okr_service.imports.formats import Format
from okr_service.imports.marks import AUTHOR, FILL, Marks, marks
from okr_service.imports.mending import failed_rows
from okr_service.imports.plan import Plan
from okr_service.imports.sources import written
from okr_service.kernel.errors import FieldError
from okr_service.kernel.messages import Language

_LARGEST = 24 << 20  # bytes of XML; the objects made of it take some twenty times as much
_COMMENT = {"width": 320, "height": 110}


def annotated(
    file: BinaryIO, form: Format, plan: Plan, errors: Sequence[FieldError], language: Language
) -> bytes:
    """Make the copy."""
    if form is not Format.XLSX or _unpacked(file) > _LARGEST:
        return failed_rows(plan, errors, language)
    file.seek(0)
    try:
        book = load_workbook(file)
        _mark(book, plan, marks(errors, language))
        return written(book.save)
    except Exception:  # noqa: BLE001 - it raises whatever its parsers meet in an odd workbook
        return failed_rows(plan, errors, language)


def _unpacked(file: BinaryIO) -> int:
    file.seek(0)
    with zipfile.ZipFile(file) as package:
        return sum(info.file_size for info in package.infolist())


def _mark(book: Workbook, plan: Plan, found: Marks) -> None:
    fill = PatternFill("solid", start_color=FILL, end_color=FILL)
    for number, cells in found.items():
        sheet, row = plan.table.place(number)
        places = {" ".join(sheet.headers[c].split())[:80]: at for c, at in sheet.places.items()}
        page = book[sheet.name or book.sheetnames[0]]
        for header, said in cells.items():
            cell = page.cell(row, places.get(header, 0) + 1)
            for merged in page.merged_cells.ranges:
                if cell.coordinate in merged:
                    cell = page.cell(merged.min_row, merged.min_col)
            earlier = f"{cell.comment.text}\n" if cell.comment else ""
            cell.comment = Comment(earlier + said, AUTHOR, **_COMMENT)
            cell.fill = fill

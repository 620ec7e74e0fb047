"""The rows that failed, as a workbook that can be mended and sent again.

Each row says all that it means: what was merged or left empty is written out, numbers
and dates that could be read are numbers and dates. Cells that do not fit are marked and
explained, and explained once more in a last column, which an import passes over. Texts
are written as texts, so a spreadsheet runs none of them as a formula.
"""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from okr_service.imports.marks import AUTHOR, FILL, MARGIN, Marks, marks
from okr_service.imports.plan import Plan
from okr_service.imports.sources import written
from okr_service.imports.table import Row, Sheet
from okr_service.kernel.errors import FieldError
from okr_service.kernel.messages import Language

_EXACT_DIGITS = 15
_LONGEST_CELL = 32_767
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Forms(NamedTuple):
    head: Format
    day: Format
    wrong: Format
    wrong_day: Format
    margin: Format


def failed_rows(plan: Plan, errors: Sequence[FieldError], language: Language) -> bytes:
    """Make the workbook: a sheet for each that has failed rows."""
    found = marks(errors, language)

    def write(buffer: io.BytesIO) -> None:
        with xlsxwriter.Workbook(buffer, {**_OPTIONS, "in_memory": True}) as book:
            forms = _Forms(
                book.add_format({"bold": True, "text_wrap": True, "bottom": 1}),
                book.add_format({"num_format": "dd/mm/yyyy"}),
                book.add_format({"bg_color": f"#{FILL}"}),
                book.add_format({"bg_color": f"#{FILL}", "num_format": "dd/mm/yyyy"}),
                book.add_format({"text_wrap": True, "font_color": "#9C0006"}),
            )
            pages: dict[int, _Page] = {}
            for row in plan.table.rows:
                if row.number in found:
                    sheet, _ = plan.table.place(row.number)
                    if id(sheet) not in pages:
                        name = _NOT_IN_NAMES.sub(" ", sheet.name or "")[:31] or None
                        pages[id(sheet)] = _Page(book.add_worksheet(name), sheet, forms, language)
                    pages[id(sheet)].write(plan, row, found)
            if not pages:
                book.add_worksheet()

    return written(write)


class _Page:
    def __init__(self, page: Worksheet, sheet: Sheet, forms: _Forms, language: Language) -> None:
        self._page, self._forms, self._next = page, forms, 1
        headers: Mapping[str, str] = sheet.headers
        self._places = {column: place for place, column in enumerate(headers)}
        self._headers = {
            column: " ".join(header.split())[:80] for column, header in headers.items()
        }
        for column, place in self._places.items():
            page.write_string(0, place, headers[column], forms.head)
        page.write_string(0, len(self._places), MARGIN[language], forms.head)
        page.set_column(0, len(self._places) - 1, 14)
        page.set_column(len(self._places), len(self._places), 60)
        page.freeze_panes(1, 0)

    def write(self, plan: Plan, row: Row, found: Marks) -> None:
        """Write a row, and what is wrong with it."""
        wrong = found[row.number]
        for column, place in self._places.items():
            said = wrong.get(self._headers[column])
            self._cell(place, plan.meaning(row, column), said is not None)
            if said is not None:
                self._page.write_comment(self._next, place, said, {"author": AUTHOR, "x_scale": 2})
        margin = "\n".join(f"{header}: {said}" for header, said in wrong.items())
        self._page.write_string(
            self._next, len(self._places), margin[:_LONGEST_CELL], self._forms.margin
        )
        self._next += 1

    def _cell(self, place: int, value: object, wrong: bool) -> None:
        form = self._forms.wrong if wrong else None
        if isinstance(value, date):
            day = self._forms.wrong_day if wrong else self._forms.day
            self._page.write_datetime(self._next, place, datetime.combine(value, time()), day)
        elif isinstance(value, Decimal) and len(value.as_tuple().digits) <= _EXACT_DIGITS:
            self._page.write_number(self._next, place, float(value), form)
        elif value is not None:
            self._page.write_string(self._next, place, str(value)[:_LONGEST_CELL], form)
        elif wrong:
            self._page.write_blank(self._next, place, None, form)

"""The plan as a workbook, written to disk row by row and sent from there."""

import json
from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from okr_service.exports.plan import KINDS, Kind
from okr_service.imports.columns import header_of
from okr_service.imports.harmless import harmless
from okr_service.imports.template import COLUMNS, MADE
from okr_service.imports.wording import SHEETS, TITLES
from okr_service.kernel.copying import Copied, Form, parts
from okr_service.kernel.messages import Language
from okr_service.kernel.replica import Reads

_ROWS_A_SHEET = 1_000_000
_AT_ONCE = 2_000  # objectives
_PIECE = 256 * 1024
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "use_zip64": True,
}
_EXACT_DIGITS = 15  # of a spreadsheet's numbers
_WIDE, _NARROW = 24, 12


async def workbook(reads: Reads, copied: Copied, language: Language) -> AsyncIterator[bytes]:
    """Give the workbook, once all is read: what it holds is listed at its end."""
    with TemporaryFile() as file:
        book = xlsxwriter.Workbook(file, _OPTIONS)
        book.set_properties({"created": MADE})
        try:
            pages = _Pages(book, language)
            async for part in parts(reads, copied, Form.LINES, at_once=_AT_ONCE):
                await to_thread(pages.write, part)
                yield b""  # it has begun: from now on it lasts as long as it lasts
        finally:
            await to_thread(book.close)
        file.seek(0)
        while piece := await to_thread(file.read, _PIECE):
            yield piece


class _Pages:
    """The sheets of a plan, as many as its rows need."""

    def __init__(self, book: Workbook, language: Language) -> None:
        self._book, self._language, self._next = book, language, 0
        self._headers = [header_of(column, language) for column in COLUMNS]
        self._kinds = [KINDS[column] for column in COLUMNS]
        self._bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self._day = book.add_format({"num_format": "dd/mm/yyyy"})
        # Opened and saved twice, a file without changes is the same: no time of its making.
        book.set_properties(
            {"title": TITLES[language], "created": datetime(2000, 1, 1, tzinfo=UTC)}
        )
        self._page = self._add_page()

    def write(self, part: IO[bytes]) -> None:
        """Write the rows of a part."""
        for line in part:
            if self._next > _ROWS_A_SHEET:
                self._page = self._add_page()
            said = json.loads(line, parse_float=Decimal, parse_int=Decimal)
            for place, header in enumerate(self._headers):
                if header in said:
                    self._write(place, said[header])
            self._next += 1

    def _add_page(self) -> Worksheet:
        number = len(self._book.worksheets())
        name = SHEETS[self._language][0]
        page = self._book.add_worksheet(f"{name} {number + 1}" if number else name)
        for place, kind in enumerate(self._kinds):
            page.set_column(place, place, _WIDE if kind is Kind.TEXT else _NARROW)
        page.freeze_panes(1, 0)
        self._write_head(page, self._headers)
        self._next = 1
        return page

    def _write_head(self, page: Worksheet, headers: Sequence[str]) -> None:
        for place, header in enumerate(headers):
            page.write_string(0, place, header, self._bold)

    def _write(self, place: int, said: object) -> None:
        kind = self._kinds[place]
        if kind is Kind.DAY:
            day = datetime.combine(date.fromisoformat(str(said)), time())
            self._page.write_datetime(self._next, place, day, self._day)
        elif isinstance(said, Decimal):
            self._write_number(place, said)
        else:
            self._page.write_string(self._next, place, harmless(str(said)))

    def _write_number(self, place: int, number: Decimal) -> None:
        """Write a number; one that a spreadsheet would round, as a text, which it leaves alone."""
        if len(number.as_tuple().digits) <= _EXACT_DIGITS:
            self._page.write_number(self._next, place, float(number))
        else:
            places = number.as_tuple().exponent
            self._page.write_string(self._next, place, f"{number:f}{'0' if places == -3 else ''}")  # noqa: PLR2004 - 1.234 may be thousands

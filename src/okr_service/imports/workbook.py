"""Reading .xlsx workbooks: every visible sheet, as people mean it.

Formula cells count as their stored values. Hidden rows and columns are read like the
others, for people hide them to print or to filter; hidden sheets and our template's
example are not. Cells merged downwards all say what the first says. A percentage of
85 % is 85, as in text.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO
from unicodedata import normalize
from xml.etree import ElementTree as ET

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
    load_workbook,
)

from okr_service.imports.cells import Day, Figure
from okr_service.imports.columns import recognised
from okr_service.imports.encodings import is_tcvn3
from okr_service.imports.errors import (
    TooManyColumns,
    TooManySheetCells,
    UnknownEncoding,
    UnreadableWorkbook,
)
from okr_service.imports.merged import Merged
from okr_service.imports.package import Package
from okr_service.imports.sources import WIDEST, Limits, Line, Skipped
from okr_service.imports.survey import Survey, percent_styles, survey
from okr_service.kernel.errors import OkrError
from okr_service.kernel.search import fold

EXAMPLES = {"vi": "Ví dụ", "en": "Example"}
_EXAMPLES = {fold(name) for name in EXAMPLES.values()}
_STYLES = "xl/styles.xml"
_LARGEST_EXACT = 1e15
Value = int | float | str | bool | time | date | datetime | timedelta


class SheetSource:
    """A sheet of a workbook."""

    def __init__(self, name: str, sheet: CalamineSheet, seen: Survey) -> None:
        """Read the sheet."""
        self.name: str | None = name
        self._sheet = sheet
        self._percent = seen.percent
        self.broken: Mapping[int, Mapping[int, OkrError]] = seen.broken

    def lines(self) -> Iterator[Line]:
        """Yield the rows that say anything, their numbers as texts that say they are numbers.

        Raises:
            UnknownEncoding: the text is meant for the fonts of before Unicode.
        """
        start = self._sheet.start
        if start is None:
            return
        before, merged, checked = [""] * start[1], Merged(self._sheet.merged_cell_ranges or []), 0
        for number, values in enumerate(self._sheet.iter_rows(), 1):
            cells = before + [v if type(v) is str else _text(v) for v in values]
            if self._percent:
                self._show_percents(number, cells)
            merged.fill(number, cells)
            if any(cells):
                cells = [_plain(cell) if type(cell) is str else cell for cell in cells]
                if checked < _CHECKED_ROWS:
                    checked += 1
                    _refuse_tcvn3(number, cells)
                yield number, cells
            elif number in self.broken:
                yield number, cells

    def _show_percents(self, number: int, cells: list[str]) -> None:
        for place, text in enumerate(cells):
            if type(text) is Figure and (number, place) in self._percent:
                cells[place] = Figure(_written(Decimal(text) * 100))


_CHECKED_ROWS = 30


def read_workbook(file: BinaryIO, limits: Limits) -> tuple[list[SheetSource], list[Skipped]]:
    """Open a workbook: the sheets to read, and those that are skipped.

    Raises:
        PasswordProtected, MacroWorkbook, OtherFormat, UnreadableWorkbook, UnpacksTooLarge.
        TooManyColumns, TooManySheetCells.
    """
    package = Package(file, limits.unpacked_bytes)
    percent = _percent_styles(package)
    seen = [_survey(package, parts, percent) for parts in package.sheets()]
    package.count_others({part.lower() for parts in package.sheets() for part in parts})
    try:
        file.seek(0)
        book = load_workbook(file)
        return _sheets(book, seen, limits)
    except CalamineError as error:
        raise UnreadableWorkbook("xl/workbook.xml") from error


def _survey(package: Package, parts: list[str], percent: list[str]) -> Survey:
    first, *others = (survey(package.chunks(part), percent) for part in parts)
    return max([first, *others], key=lambda each: each.cells) if others else first


def _sheets(
    book: CalamineWorkbook, seen: list[Survey], limits: Limits
) -> tuple[list[SheetSource], list[Skipped]]:
    sources, skipped = [], []
    if len(book.sheets_metadata) != len(seen):
        raise UnreadableWorkbook("xl/workbook.xml")
    for at, (about, found) in enumerate(zip(book.sheets_metadata, seen, strict=True)):
        if about.visible is not SheetVisibleEnum.Visible:
            skipped.append(Skipped(about.name, "hidden"))
        elif fold(about.name.strip()) in _EXAMPLES:
            skipped.append(Skipped(about.name, "example"))
        elif about.typ is SheetTypeEnum.WorkSheet:
            _refuse_vast(about.name, found, limits)
            sources.append(SheetSource(about.name, book.get_sheet_by_index(at), found))
    return sources, skipped


def _refuse_vast(name: str, found: Survey, limits: Limits) -> None:
    if found.columns[1] >= WIDEST:
        raise TooManyColumns(WIDEST, found.rows[0])
    if found.cells > limits.sheet_cells:
        raise TooManySheetCells(name, limits.sheet_cells)


def _percent_styles(package: Package) -> list[str]:
    if _STYLES not in package.parts:
        return []
    root = package.xml(_STYLES)
    formats = {e.get("numFmtId", ""): e.get("formatCode", "") for e in _all(root, "numFmt")}
    cells = next(iter(_all(root, "cellXfs")), ET.Element("cellXfs"))
    styles = [(str(at), e.get("numFmtId", "")) for at, e in enumerate(cells)]
    return percent_styles(styles, formats)


def _all(root: ET.Element, tag: str) -> Iterator[ET.Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == tag)


def _text(value: Value) -> str:
    if isinstance(value, float | int):
        return Figure(_number(value))
    if isinstance(value, datetime):
        return Day(value.date().isoformat() if value.time() == time() else value.isoformat(" "))
    if isinstance(value, date):
        return Day(value.isoformat())
    return str(value)


def _number(value: float) -> str:
    """Write a number as the spreadsheet shows it: with 15 digits, the rest is noise."""
    if value == int(value) and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    return _written(Decimal(f"{value:.15g}"))


def _written(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(text: str) -> str:
    return text.strip() if text.isascii() else normalize("NFC", text).strip()


def _refuse_tcvn3(number: int, cells: list[str]) -> None:
    beyond = [cell for cell in cells if not cell.isascii()]
    if beyond and is_tcvn3("\t".join(beyond), lambda text: recognised(text.split("\t"))):
        raise UnknownEncoding(number, "TCVN3")

"""A file as rows of cells under columns that we know.

Rows are read anew each time they are asked for, one by one, so that memory does not
grow with the file; ask for one iteration at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from okr_service.imports.cells import Day
from okr_service.imports.columns import located, recognise
from okr_service.imports.errors import EmptyTable, ExtraCells, ImportRejected
from okr_service.imports.harmless import meant
from okr_service.imports.header import find_header
from okr_service.imports.outline import Outline
from okr_service.imports.sources import Line, Skipped, Source
from okr_service.kernel.errors import FieldError, OkrError

_A_SHEET = 10_000_000  # more rows than a sheet can have
_NO_FAULTS: Mapping[str, OkrError] = MappingProxyType({})


class Row(NamedTuple):
    """A row of the file: its number, and its filled cells by column.

    The number is the spreadsheet's; in the second sheet that is read it goes on from
    10,000,000, and so on, so that it tells rows of a file apart and keeps their order.
    `repeated` are the cells that were empty and mean the same as above.
    """

    number: int
    cells: dict[str, str]
    faults: Mapping[str, OkrError] = _NO_FAULTS
    repeated: frozenset[str] = frozenset()

    def get(self, column: str) -> str | None:
        """Return what a cell says, or None where it is empty."""
        return self.cells.get(column)


@dataclass(frozen=True)
class Sheet:
    """What the columns are called in a sheet and where they stand; a CSV file has one, unnamed."""

    name: str | None
    headers: Mapping[str, str]
    places: Mapping[str, int]
    header_row: int = 1


@dataclass(frozen=True)
class Table:
    """A file's sheets that have rows for us, and those that were skipped."""

    sheets: Sequence[Sheet]
    read: Callable[[], Iterator[Row]]
    skipped: Sequence[Skipped] = field(default_factory=list)

    @property
    def rows(self) -> Iterator[Row]:
        """Read the rows of all sheets, one by one."""
        return self.read()

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what the columns of the first sheet are called."""
        return self.sheets[0].headers

    @property
    def places(self) -> Mapping[str, int]:
        """Return where the columns of the first sheet stand."""
        return self.sheets[0].places

    def place(self, number: int) -> tuple[Sheet, int]:
        """Return a row's sheet, and its number in it."""
        at, row = divmod(number, _A_SHEET)
        return self.sheets[at], row

    def error(self, number: int, column: str, error: OkrError) -> FieldError:
        """Say what is wrong with a cell, in the file's own words."""
        return self.located(number, column, FieldError.of(error, ""))

    def located(self, number: int, column: str, error: FieldError) -> FieldError:
        """Place an error in a cell of the file."""
        sheet, row = self.place(number)
        header = sheet.headers.get(column, column)
        found = located(error, row, header, sheet.places.get(column), sheet.name)
        found.facts["number"] = number
        return found

    def where(self, number: int, beside: int) -> int | str:
        """Name a row to somebody who looks at another: with its sheet, if that differs."""
        (sheet, row), (here, _) = self.place(number), self.place(beside)
        return row if sheet is here else f"{sheet.name}!{row}"


def table_of(sources: Sequence[Source], skipped: Sequence[Skipped] = ()) -> Table:
    """Find the sheets that have a header we know, and what their columns are.

    Raises:
        EmptyTable: there are no rows.
        ImportRejected: a header does not fit, or there is none that we know.
        And what the sources raise.
    """
    found = [(source, *find_header(source.lines())) for source in sources]
    certain = [(source, line) for source, line, sure in found if sure and line is not None]
    if not certain:
        certain = [(source, line) for source, line, _ in found if line is not None][:1]
    if not certain:
        raise EmptyTable
    read = {id(source) for source, _ in certain}
    unread = [
        Skipped(source.name or "", "no_header") for source in sources if id(source) not in read
    ]
    sheets, errors = [], []
    for source, line in certain:
        sheet, wrong = _sheet(source.name, line)
        sheets.append(sheet)
        errors += wrong
    table = Table(sheets, _Reading([s for s, _ in certain], sheets), [*skipped, *unread])
    if next(iter(table.rows), None) is None and (not errors or _is_alone(certain)):
        raise EmptyTable
    if errors:
        raise ImportRejected(errors)
    return table


def _is_alone(certain: Sequence[tuple[Source, Line]]) -> bool:
    source, line = certain[0]
    return len(certain) == 1 and all(number == line[0] for number, _ in source.lines())


def _sheet(name: str | None, line: Line) -> tuple[Sheet, list[FieldError]]:
    row, cells = line
    places, errors = recognise(cells, row, name)
    headers = {column: cells[place] for column, place in places.items()}
    return Sheet(name, headers, places, row), errors


@dataclass(frozen=True)
class _Reading:
    sources: Sequence[Source]
    sheets: Sequence[Sheet]

    def __call__(self) -> Iterator[Row]:
        return chain.from_iterable(
            _rows(source, sheet, at * _A_SHEET)
            for at, (source, sheet) in enumerate(zip(self.sources, self.sheets, strict=True))
        )


def _rows(source: Source, sheet: Sheet, offset: int) -> Iterator[Row]:
    columns, places = tuple(sheet.places), tuple(sheet.places.values())
    outline, broken, width, longest = Outline(columns), source.broken, max(places) + 1, 0
    header: list[str] | None = None
    for number, given in source.lines():
        if number <= sheet.header_row:
            if number == sheet.header_row:
                header, longest = given, _filled(given)
            continue
        length = len(given)
        cells = given if length >= width else given + [""] * (width - length)
        said = {
            column: text if text[0] != "'" else meant(text)
            for column, place in zip(columns, places, strict=True)
            if (text := cells[place])
        }
        if number in broken or (length > longest and any(cells[longest:])):
            faults = _faults(broken.get(number, {}), sheet, cells[longest:])
        elif not said or (cells == header):
            continue  # nothing is said, or the header again, as on each printed page
        else:
            faults = _NO_FAULTS
        if type(said.get("cycle")) is Day:
            said["cycle"] = _month(said["cycle"])
        repeated = outline.complete(said, faults)
        yield Row(offset + number, said, faults, repeated)


def _filled(cells: Sequence[str]) -> int:
    return max((place + 1 for place, text in enumerate(cells) if text), default=0)


def _faults(
    broken: Mapping[int, OkrError], sheet: Sheet, beyond: Sequence[str]
) -> Mapping[str, OkrError]:
    faults = {c: broken[place] for c, place in sheet.places.items() if place in broken}
    if sheet.name is None and any(beyond):
        last = max(sheet.places, key=sheet.places.__getitem__)
        faults.setdefault(last, ExtraCells())
    return faults


def _month(day: str) -> str:
    """Return the month's code that a spreadsheet took for a date: 2026-09 is 1 September to it."""
    return day[:7] if day.endswith("-01") else day

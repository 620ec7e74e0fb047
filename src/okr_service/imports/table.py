"""Reading a CSV file into rows of cells."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from okr_service.imports.columns import located, recognise
from okr_service.imports.errors import EmptyTable, ImportRejected, UnreadableTable
from okr_service.kernel.errors import FieldError, OkrError

_SEPARATORS = ",;\t"
_HEADER_ROW = 1


@dataclass(frozen=True)
class Row:
    """A row of the file: its number as a spreadsheet counts, and its filled cells by column."""

    number: int
    cells: dict[str, str]

    def get(self, column: str) -> str | None:
        """Return what a cell says, or None where it is empty."""
        return self.cells.get(column)


@dataclass(frozen=True)
class Table:
    """A file's rows, and what its columns are called in it."""

    rows: list[Row]
    headers: dict[str, str]
    places: dict[str, int]

    def error(self, row: Row, column: str, error: OkrError) -> FieldError:
        """Say what is wrong with a cell, in the file's own words."""
        return self.located(row, column, FieldError.of(error, ""))

    def located(self, row: Row, column: str, error: FieldError) -> FieldError:
        """Place an error in a cell of the file."""
        header = self.headers.get(column, column)
        return located(error, row.number, header, self.places.get(column))


def read_csv(data: bytes) -> Table:
    """Read a CSV file: UTF-8 with or without BOM, cells set apart by comma, semicolon or tab.

    Raises:
        UnreadableTable: it is not such a file.
        EmptyTable: there are no rows.
        ImportRejected: the header does not fit.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise UnreadableTable(row) from error
    if "\0" in text:
        raise UnreadableTable(text[: text.index("\0")].count("\n") + 1)
    lines = list(_lines(text))
    if len(lines) <= 1:
        raise EmptyTable
    headers = lines[0][1]
    places, errors = recognise(headers)
    if errors:
        raise ImportRejected(errors)
    rows = [
        Row(number, {c: text for c, p in places.items() if (text := _cell(cells, p))})
        for number, cells in lines[1:]
    ]
    return Table(
        [row for row in rows if row.cells],
        {column: headers[place].strip() for column, place in places.items()},
        places,
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = _HEADER_ROW
    try:
        for cells in reader:
            yield number, cells
            number += 1
    except csv.Error as error:
        raise UnreadableTable(number) from error


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""

"""Reading NDJSON: an object a line, its members named as columns are."""

import io
import json
from collections.abc import Iterator
from typing import BinaryIO, NoReturn
from unicodedata import normalize

from okr_service.imports.cells import Figure
from okr_service.imports.columns import KNOWN_HEADERS, cell_error, column_of, is_read
from okr_service.imports.encodings import seeming
from okr_service.imports.errors import (
    CellTooLong,
    ColumnRepeats,
    EmptyTable,
    ImportRejected,
    NotPlain,
    TooManyColumns,
    UnknownColumn,
    UnknownEncoding,
    UnreadableTable,
)
from okr_service.imports.sources import WIDEST
from okr_service.imports.suggestions import closest
from okr_service.imports.table import Row, Sheet, Table
from okr_service.kernel.errors import FieldError, OkrError

_LONGEST_LINE = 1_048_576
_Members = list[tuple[str, object]]


def read_lines(file: BinaryIO) -> Table:
    """Read NDJSON; a member that is null or absent says nothing.

    Raises:
        UnreadableTable, UnknownEncoding, CellTooLong, TooManyColumns.
        EmptyTable: there are no rows.
        ImportRejected: the first line names a member that is no column.
    """
    headers: dict[str, str] = {}
    table = Table([Sheet(None, headers, {}, 0)], lambda: _rows(file, headers))
    first = next(iter(table.rows), None)
    if first is None:
        raise EmptyTable
    if errors := list(_wrong_names(first)):
        raise ImportRejected(errors)
    return table


def _wrong_names(first: Row) -> Iterator[FieldError]:
    for name, error in first.faults.items():
        if isinstance(error, UnknownColumn | ColumnRepeats):
            yield cell_error(error, first.number, name, None)


def _rows(file: BinaryIO, headers: dict[str, str]) -> Iterator[Row]:
    columns: dict[str, str | None] = {}
    for number, line in _lines(file):
        if line.strip():
            row = _row(number, _members(line, number), columns, headers)
            if row.cells or row.faults:
                yield row


def _row(
    number: int, members: _Members, columns: dict[str, str | None], headers: dict[str, str]
) -> Row:
    said: dict[str, str] = {}
    faults: dict[str, OkrError] = {}
    for name, value in members:
        if name not in columns:
            columns[name] = column_of(name)
        column = columns[name]
        if column is None:
            if is_read(name):
                faults[name] = UnknownColumn(name[:80], closest(name, KNOWN_HEADERS))
            continue
        headers.setdefault(column, name)
        if column in said:
            faults[name] = ColumnRepeats(name, headers[column])
        elif (text := _text(value)) is None:
            faults[column] = NotPlain()
        elif text:
            said[column] = text
    return Row(number, said, faults)


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-8-sig", newline="\n")
    number = 1
    try:
        for line in text:
            if len(line) > _LONGEST_LINE:
                raise CellTooLong(_LONGEST_LINE, number)
            yield number, normalize("NFC", line)
            number += 1
    except UnicodeDecodeError as error:
        number += error.object[: error.start].count(b"\n")  # decoded ahead, a piece at a time
        raise UnknownEncoding(number, seeming(error.object[error.start :])) from error
    finally:
        text.detach()


def _members(line: str, number: int) -> _Members:
    try:
        members = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableTable(number) from error
    if not isinstance(members, list) or not all(isinstance(m, tuple) for m in members):
        raise UnreadableTable(number)
    if len(members) > WIDEST:
        raise TooManyColumns(WIDEST, number)
    return members


def _text(value: object) -> str | None:
    """Return a member's value as a cell's text, or None where it is not plain."""
    match value:
        case None:
            return ""
        case bool():
            return Figure(int(value))
        case Figure():
            return value
        case str():
            return value.strip() if _is_storable(value) else None
        case _:
            return None


def _is_storable(text: str) -> bool:
    return "\0" not in text and (
        text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
    )


def _refuse(_: str) -> NoReturn:
    raise ValueError("not JSON")


_DECODER = json.JSONDecoder(
    parse_float=Figure, parse_int=Figure, parse_constant=_refuse, object_pairs_hook=list
)

"""Which formats a file may have, and reading each."""

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from okr_service.imports.delimited import Delimited
from okr_service.imports.errors import EmptyTable, OtherFormat
from okr_service.imports.lines import read_lines
from okr_service.imports.sources import Limits
from okr_service.imports.table import Table, table_of
from okr_service.imports.workbook import read_workbook
from okr_service.settings import Settings

_NOT_TEXT = {b"PK\x03\x04": "a workbook (.xlsx)", b"\xd0\xcf\x11\xe0": "an old workbook (.xls)"}


class Format(StrEnum):
    """A file's media type."""

    CSV = "text/csv"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    NDJSON = "application/x-ndjson"

    @classmethod
    def of_name(cls, name: str) -> "Format | None":
        """Return the format that a file's name ends for, or None."""
        return _BY_ENDING.get(name.lower().rpartition(".")[2])


_BY_ENDING = {
    "csv": Format.CSV,
    "tsv": Format.CSV,
    "txt": Format.CSV,
    "xlsx": Format.XLSX,
    "xlsm": Format.XLSX,
    "xls": Format.XLSX,
    "ndjson": Format.NDJSON,
    "jsonl": Format.NDJSON,
}


@dataclass(frozen=True)
class Upload:
    """A file that was sent, and what it is sent as."""

    file: BinaryIO
    form: Format

    @property
    def size(self) -> int:
        """Return how many bytes the file has."""
        place = self.file.tell()
        size = self.file.seek(0, io.SEEK_END)
        self.file.seek(place)
        return size


def limits_of(settings: Settings) -> Limits:
    """Return how much a file may hold."""
    return Limits(settings.import_unpacked_limit_bytes, settings.import_sheet_cells_limit)


def read_table(file: BinaryIO, form: Format, limits: Limits | None = None) -> Table:
    """Read a file, which must stay open as long as its rows are asked for.

    Raises:
        EmptyTable: there are no rows.
        ImportRejected: the header does not fit.
        OtherFormat, PasswordProtected, MacroWorkbook: it is something else than it is sent as.
        UnreadableTable, UnreadableWorkbook, UnknownEncoding: it is damaged.
        UnpacksTooLarge, TooManySheetCells, TooManyColumns, CellTooLong: it is too much.
    """
    file.seek(0)
    first = file.read(4)
    if not first:
        raise EmptyTable
    if form is Format.XLSX:
        sources, skipped = read_workbook(file, limits or Limits())
        return table_of(sources, skipped)
    if first in _NOT_TEXT:
        raise OtherFormat(_NOT_TEXT[first], "CSV")
    if form is Format.NDJSON:
        return read_lines(file)
    return table_of([Delimited(file)])

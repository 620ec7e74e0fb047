"""What a file is read from: tables of text cells, a row at a time, as often as asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from okr_service.kernel.errors import OkrError

Line = tuple[int, list[str]]  # a row's number, as a spreadsheet counts, and its cells
WIDEST = 500


class Source(Protocol):
    """One table: a CSV file, or a sheet of a workbook."""

    @property
    def name(self) -> str | None:
        """The sheet's name, or None where the file has no sheets."""

    @property
    def broken(self) -> Mapping[int, Mapping[int, OkrError]]:
        """What is wrong with cells whatever they are for, by row and place."""

    def lines(self) -> Iterator[Line]:
        """Yield the rows, empty ones left out, one iteration at a time."""


@dataclass(frozen=True)
class Skipped:
    """A sheet that was not read, and why: hidden, example, or no_header."""

    sheet: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """How much a file may hold."""

    unpacked_bytes: int = 536_870_912
    sheet_cells: int = 5_000_000

"""Reading CSV: cells set apart by comma, semicolon or tab."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from unicodedata import normalize

from okr_service.imports.columns import recognised
from okr_service.imports.encodings import SAMPLE_BYTES, encoding_of, seeming
from okr_service.imports.errors import (
    CellTooLong,
    TooManyColumns,
    UnknownEncoding,
    UnreadableTable,
)
from okr_service.imports.sources import WIDEST, Line
from okr_service.kernel.errors import OkrError

_SEPARATORS = ",;\t"
_LONGEST_CELL = 131_072
_SAMPLE_LINES = 30
_SAYS_SEPARATOR = "sep="  # Excel's own first line


class Delimited:
    """A CSV file."""

    name: str | None = None
    broken: Mapping[int, Mapping[int, OkrError]] = {}

    def __init__(self, file: BinaryIO) -> None:
        """Find out the encoding and the separator.

        Raises:
            UnknownEncoding: the text is not UTF-8, and the header does not say what else.
        """
        self._file = file
        file.seek(0)
        sample = file.read(SAMPLE_BYTES)
        self._encoding = encoding_of(sample, _known_headers)
        text = self._encoding.text(sample)
        self._separator = _separator(text)
        self._first = 1 if text.lower().startswith(_SAYS_SEPARATOR) else 0

    def lines(self) -> Iterator[Line]:
        """Yield the rows; quoted cells may hold line ends.

        Raises:
            UnreadableTable, UnknownEncoding, TooManyColumns, CellTooLong.
        """
        reader = csv.reader(self._text_lines(), delimiter=self._separator, strict=True)
        number = 1 - self._first
        try:
            for cells in reader:
                if len(cells) > WIDEST and number > 0:
                    raise TooManyColumns(WIDEST, number)
                if number > 0 and any(cells):
                    yield number, list(map(str.strip, cells))
                number += 1
        except csv.Error as error:
            if "field limit" in str(error):
                raise CellTooLong(_LONGEST_CELL, number) from error
            raise UnreadableTable(number) from error
        except UnicodeDecodeError as error:
            raise self._not_text(error, number) from error

    def _text_lines(self) -> Iterator[str]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, self._encoding.codec, newline="")
        letters = self._encoding.letters
        try:
            for line in text:
                if "\0" in line:
                    raise csv.Error("NUL")
                yield normalize("NFC", line.translate(letters) if letters else line)
        finally:
            text.detach()

    def _not_text(self, error: UnicodeDecodeError, row: int) -> OkrError:
        row += error.object[: error.start].count(b"\n")  # decoded ahead, a piece at a time
        if self._encoding.codec == "utf-16":
            return UnreadableTable(row)
        return UnknownEncoding(row, seeming(error.object[error.start :]))


def _separator(text: str) -> str:
    """Choose what makes most headers of a line; else what the first line has most of."""
    lines = text.splitlines()[:_SAMPLE_LINES] or [""]
    if lines[0].lower().startswith(_SAYS_SEPARATOR) and lines[0][4:5] in _SEPARATORS:
        return lines[0][4:5] or ","

    def fits(separator: str) -> tuple[int, int]:
        return _most_headers(lines, separator), lines[0].count(separator)

    return max(_SEPARATORS, key=fits)


def _most_headers(lines: list[str], separator: str) -> int:
    return max(recognised([cell.strip(' "') for cell in _cut(line, separator)]) for line in lines)


def _cut(line: str, separator: str) -> list[str]:
    return line.split(separator, WIDEST)


def _known_headers(text: str) -> int:
    """Return how many headers beyond ASCII the first lines of a text name."""
    text = normalize("NFC", text)
    cells = {
        cell.strip(' "')
        for line in text.splitlines()[:_SAMPLE_LINES]
        for separator in _SEPARATORS
        for cell in _cut(line, separator)
    }
    return recognised([cell for cell in cells if not cell.isascii()])

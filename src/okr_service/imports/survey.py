"""What the reader of workbooks does not tell, seen in a sheet's XML before it is read.

How far the filled cells reach, for the reader keeps every cell between the first and
the last, filled or not; which cells show their number as a percentage; and which
hold a formula that failed or was never calculated. One pass, with regular expressions
over pieces of the text: parsing it as XML would take longer than reading the sheet.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape

from okr_service.imports.errors import (
    FormulaFailed,
    FormulaNotCalculated,
    UnreadableWorkbook,
)
from okr_service.kernel.errors import OkrError

_PREFIX = rb"(?:[^\s<>/:=\"']+:)?"
_PLAIN_CELL = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^<>]*[^</>]>|<c r="([A-Z]{1,3})([0-9]{1,7})">'
)
_PLAIN_EMPTY = re.compile(rb'<c r="[A-Z]{1,3}[0-9]{1,7}"(?: [a-z]+="[^"<>]*")*\s*/>')
_STARTS = (b"<c ", b"<c>", b"<c/", b"<c\n", b"<c\t", b"<c\r")
_PREFIXED = (b":c ", b":c>", b":c/", b":c\n", b":c\t", b":c\r")
_ANY_START = re.compile(rb"<" + _PREFIX + rb"(?:row|c)(?=[\s/>])")
_ANY = re.compile(
    rb"<" + _PREFIX + rb"(row|c)(?=[\s/>])"
    rb"((?:\s+[^\s=<>\"'/]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*(/?)>"
)
_REF = re.compile(rb"(?:^|\s)r\s*=\s*[\"']([A-Za-z]*)([0-9]+)[\"']")
_CELL = rb"<" + _PREFIX + rb"c(?=\s)"
_END = rb"</" + _PREFIX + rb"c>"
_VALUE = rb"<" + _PREFIX + rb"v"
_FORMULA = rb"<" + _PREFIX + rb"f\b[^<>]*(?:/>|>[^<]*</" + _PREFIX + rb"f>)"
_FAILED = re.compile(
    _CELL + rb"([^<>]*\st=[\"']e[\"'][^<>]*)>\s*(?:" + _FORMULA + rb")?\s*" + _VALUE + rb">([^<]*)<"
)
_UNCALCULATED = re.compile(
    _CELL + rb"([^<>]*)>\s*" + _FORMULA + rb"\s*"
    rb"(?:" + _VALUE + rb"\s*/>|" + _VALUE + rb">\s*</" + _PREFIX + rb"v>)?\s*" + _END
)
_IS_TEXT = re.compile(rb"\st=[\"']str[\"']")
_LONGEST_CELL = 4 << 20
_PERCENT_BUILT_IN = frozenset({"9", "10"})
Place = tuple[int, int]  # row and column, from 1 and from 0


@dataclass
class Survey:
    """What was seen of a sheet."""

    rows: tuple[int, int] = (0, 0)  # the first and the last with something in it
    columns: tuple[int, int] = (0, 0)
    broken: dict[int, dict[int, OkrError]] = field(default_factory=dict)
    percent: set[Place] = field(default_factory=set)

    @property
    def cells(self) -> int:
        """Return how many cells there are from the first to the last, filled or not."""
        (top, bottom), (left, right) = self.rows, self.columns
        return (bottom - top + 1) * (right - left + 1) if bottom else 0

    def reach(self, row: int, column: int) -> None:
        """Take a filled cell into account."""
        top, bottom = self.rows
        left, right = self.columns
        if not bottom:
            self.rows, self.columns = (row, row), (column, column)
            return
        self.rows = min(top, row), max(bottom, row)
        self.columns = min(left, column), max(right, column)


def survey(chunks: Iterable[bytes], percent_styles: Iterable[str]) -> Survey:
    """Look through a sheet's XML.

    Raises:
        UnreadableWorkbook: it holds what no sheet does.
    """
    seen, walk = Survey(), _Walk()
    styles = b"|".join(style.encode() for style in percent_styles)
    percent = re.compile(_CELL + rb"([^<>]*\ss=[\"'](?:" + styles + rb")[\"'][^<>]*)>")
    for piece in _pieces(chunks):
        _measure(piece, seen, walk)
        _find_broken(piece, seen)
        if styles:
            for found in percent.finditer(piece):
                if (place := _place(found[1])) is not None:
                    seen.percent.add(place)
    return seen


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a text into pieces that each hold whole cells."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        cut = max(rest.rfind(b"<c "), rest.rfind(b"<row"), _prefixed(rest))
        if cut > 0:
            yield rest[:cut]
            rest = rest[cut:]
        if len(rest) > _LONGEST_CELL:
            if b"</sheetData>" in rest or b":sheetData>" in rest:
                yield rest
                rest = b""
            else:
                raise UnreadableWorkbook("sheetData")
    yield rest


def _prefixed(text: bytes) -> int:
    found = text.rfind(b":c ")
    return text.rfind(b"<", 0, found) if found > 0 else -1


def _measure(piece: bytes, seen: Survey, walk: "_Walk") -> None:
    starts = sum(map(piece.count, _STARTS))
    if walk.needed or any(prefix in piece for prefix in _PREFIXED):
        walk.follow(piece, seen)
        return
    filled = _PLAIN_CELL.findall(piece)
    if starts != len(filled) + len(_PLAIN_EMPTY.findall(piece)):
        walk.follow(piece, seen)
        return
    if filled:
        columns, rows, more, others = (set(found) - {b""} for found in zip(*filled, strict=True))
        numbers = [_number(letters) for letters in columns | more]
        lines = list(map(int, rows | others))
        seen.reach(min(lines), min(numbers))
        seen.reach(max(lines), max(numbers))


class _Walk:
    """Follows rows and cells that need not say where they are, as the reader follows them."""

    def __init__(self) -> None:
        self.needed = False
        self._row = 0
        self._column = 0

    def follow(self, piece: bytes, seen: Survey) -> None:
        """Take a piece into account.

        Raises:
            UnreadableWorkbook: a row or a cell is no well-formed element.
        """
        self.needed = True
        followed = 0
        for found in _ANY.finditer(piece):
            followed += 1
            self._step(found, seen)
        if followed != len(_ANY_START.findall(piece)):
            raise UnreadableWorkbook("sheetData")

    def _step(self, found: re.Match[bytes], seen: Survey) -> None:
        ref = _REF.search(found[2])
        if found[1] == b"row":
            self._row = int(ref[2]) if ref else self._row + 1
            self._column = 0
            return
        if ref and ref[1]:
            self._row, self._column = int(ref[2]), _number(ref[1].upper())
        if not found[3]:
            seen.reach(max(self._row, 1), self._column)
        self._column += 1


def _find_broken(piece: bytes, seen: Survey) -> None:
    if b't="e"' in piece or b"t='e'" in piece:
        for found in _FAILED.finditer(piece):
            _note(seen, found[1], FormulaFailed(unescape(found[2].decode("utf-8", "replace"))))
    if b"</f>" in piece or b":f>" in piece or b"<f " in piece:
        for found in _UNCALCULATED.finditer(piece):
            if not _IS_TEXT.search(found[1]):  # it may well be an empty text
                _note(seen, found[1], FormulaNotCalculated())


def _note(seen: Survey, attributes: bytes, error: OkrError) -> None:
    if (place := _place(attributes)) is not None:
        seen.broken.setdefault(place[0], {})[place[1]] = error


def _place(attributes: bytes) -> Place | None:
    found = _REF.search(attributes)
    return (int(found[2]), _number(found[1].upper())) if found and found[1] else None


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def percent_styles(styles: Iterable[tuple[str, str]], formats: dict[str, str]) -> list[str]:
    """Return which of a workbook's cell styles show percentages: (style, format) pairs in."""
    return [
        style
        for style, form in styles
        if form in _PERCENT_BUILT_IN or _is_percent(formats.get(form, ""))
    ]


def _is_percent(code: str) -> bool:
    return "%" in re.sub(r'"[^"]*"|\\.', "", code)

"""Text as it is drawn: fit for XML, measured by estimate, cut to the space there is."""

import re
from functools import lru_cache
from itertools import accumulate
from typing import Literal
from unicodedata import category, east_asian_width, normalize

import svg

_LONGEST = 200
_BOLD = 1.12  # how much wider than regular letters
# What XML 1.0 forbids or discourages, and marks that would turn the direction of their neighbours.
_UNFIT = re.compile(
    "[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """Return one line without control characters, of at most 200 characters."""
    line = normalize("NFC", _UNFIT.sub("", " ".join(text.split())))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def xml(text: str) -> str:
    """Escape clean text for the inside of an element; `svg` writes it as it is."""
    return svg.escape(text)


def label(
    text: str,
    x: float,
    y: float,
    *classes: str,
    anchor: Literal["start", "middle", "end"] = "start",
) -> svg.Text:
    """Write text that is clean; in muted ink unless a class says which."""
    return svg.Text(
        text=xml(text),
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
        class_=list(classes) or ["fill-muted"],
    )


def width(text: str, size: int, *, bold: bool = False) -> float:
    """Estimate how wide text is, in the unit of its size."""
    return sum(map(_ems, text)) * size * (_BOLD if bold else 1)


def wrapped(text: str, space: float, size: int, *, lines: int = 1, bold: bool = False) -> list[str]:
    """Break text into lines that fit a space; what is too much for them ends in an ellipsis."""
    rest, broken = clean(text), list[str]()
    while len(broken) < lines - 1 and width(rest, size, bold=bold) > space:
        line = _whole_words(rest, _fitting(rest, space, size, bold=bold))
        broken.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    if width(rest, size, bold=bold) > space:
        room = space - width("…", size, bold=bold)
        rest = rest[: _fitting(rest, room, size, bold=bold)].rstrip() + "…"
    return [*broken, rest]


def _fitting(text: str, space: float, size: int, *, bold: bool) -> int:
    """Return how many characters fit: at least one, so that every line gets on."""
    ems = space / size / (_BOLD if bold else 1)
    reaches = accumulate(map(_ems, text))
    return next((max(end, 1) for end, reach in enumerate(reaches) if reach > ems), len(text))


def _whole_words(text: str, end: int) -> str:
    """Shorten a line to its last space, unless that leaves half of it empty."""
    space = text.rfind(" ", 0, end + 1)
    return text[:space] if space > end // 2 else text[:end]


@lru_cache(maxsize=4096)
def _ems(character: str) -> float:
    """Estimate the width of a character, in widths of an m: those of DejaVu Sans, a wide face."""
    base = normalize("NFD", character)[0]
    if category(base) in {"Mn", "Me", "Cf"}:
        return 0
    if base >= "\U0001f000":
        return 1.35
    if east_asian_width(base) in "WF" or base in "mwMWOQG@%…—&":
        return 1.0
    if base in " ijlI.,:;'|!/·":
        return 0.34
    if base in "tfr()[]-":
        return 0.41
    return 0.76 if base.isupper() else 0.62

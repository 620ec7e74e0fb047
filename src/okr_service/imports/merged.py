"""Cells merged downwards: people write once what holds for several rows."""

from collections import defaultdict
from collections.abc import Sequence

Corner = tuple[int, int]


class Merged:
    """The merged cells of a sheet, as its rows are read from the first to the last."""

    def __init__(self, ranges: Sequence[tuple[Corner, Corner]]) -> None:
        self._starting: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for (top, left), (bottom, _) in ranges:
            if bottom > top:
                self._starting[top + 1].append((bottom + 1, left))
        self._open: dict[int, tuple[int, str]] = {}  # place → last row, text

    def fill(self, number: int, cells: list[str]) -> None:
        """Write into a row what the cells that are merged with it say."""
        if self._open:
            self._open = {at: each for at, each in self._open.items() if each[0] >= number}
            for place, (_, text) in self._open.items():
                if place < len(cells) and not cells[place]:
                    cells[place] = text
        for last, place in self._starting.pop(number, ()):
            if place < len(cells) and cells[place]:
                self._open[place] = (last, cells[place])

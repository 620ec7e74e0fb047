"""Which things of a file come before which: parents before children."""

from array import array
from collections import defaultdict

from okr_service.imports.errors import LoopInFile
from okr_service.imports.plan import Places, Plan, Thing, Things

_NOTHING, _UNPLACED, _LOOPING = -3, -2, -1


def levels(plan: Plan, things: Things, column: str) -> tuple[list[Places], list[Thing]]:
    """Return things by how far they are below the first of their line, and those in loops.

    So each comes after its parent, which `column` names; loops are noted as failed cells.
    """
    above = array("q", (_place_above(things, thing, column) for thing in things.values()))
    placed = array("q", [_UNPLACED]) * len(above)
    looping: list[int] = []
    for start in range(len(above)):
        line = _unplaced(above, placed, start)
        if not line:
            continue
        last = above[line[-1]]
        if last != _NOTHING and placed[last] == _UNPLACED:
            plan.fail(things.at([last])[0].said_in(column), column, LoopInFile())
            looping += line
            for place in line:
                placed[place] = _LOOPING
            continue
        level = placed[last] + 1 if last != _NOTHING else 0
        for deeper, place in enumerate(reversed(line), level):
            placed[place] = deeper
    by_level: defaultdict[int, Places] = defaultdict(lambda: array("q"))
    for place, level in enumerate(placed):
        if level != _LOOPING:
            by_level[level].append(place)
    return [by_level[level] for level in sorted(by_level)], things.at(looping)


def _place_above(things: Things, thing: Thing, column: str) -> int:
    parent = thing.text(column)
    found = None if parent is None else things.place((parent,))
    return _NOTHING if found is None else found


def _unplaced(above: Places, placed: Places, start: int) -> list[int]:
    """Return a place and those above it, up to where one is placed, or comes again."""
    line: dict[int, None] = {}
    at = start
    while at != _NOTHING and placed[at] == _UNPLACED and at not in line:
        line[at] = None
        at = above[at]
    return list(line)

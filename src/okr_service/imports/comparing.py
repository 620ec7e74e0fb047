"""What the rows of a file change in what is there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from unicodedata import normalize

from okr_service.cycles.model import Cycle
from okr_service.imports.calendar import month_end_within
from okr_service.imports.columns import MONTHS
from okr_service.imports.kinds import Kind
from okr_service.imports.ledger import CellChange
from okr_service.imports.people import People
from okr_service.imports.plan import Thing
from okr_service.imports.present import Present
from okr_service.kernel.errors import OkrError

_OWNER = "owner_id"
_LINE_END = re.compile(r"\r\n?")


def cell_changes(
    kind: Kind, thing: Thing, present: Present, people: People
) -> Iterator[CellChange]:
    """Yield each cell that says something else of a thing than what is there."""
    for field, column in kind.columns.items():
        if column not in thing.said or column in thing.assumed:
            continue
        was, said = present.fields[field], thing.said[column]
        if field == _OWNER and _is_same_person(present, str(said), people):
            continue
        if said != was and not _comes_back_as(was, said):
            yield CellChange(column, shown(was), shown(said))


def _comes_back_as(was: object, said: object) -> bool:
    """Say whether a file that holds a text as it is there is read as what is said.

    Files keep neither the spaces around it, nor how its accents and line ends are stored.
    """
    if not isinstance(was, str) or not isinstance(said, str):
        return False
    return normalize("NFC", _LINE_END.sub("\n", was)).strip() == _LINE_END.sub("\n", said).strip()


def _is_same_person(present: Present, name: str, people: People) -> bool:
    try:
        return people.find(name) == present.fields["owner"]
    except OkrError:
        return False


def planned_changes(thing: Thing, present: Present, cycle: Cycle) -> Iterator[CellChange]:
    """Yield each month's figure that is not what the plan has."""
    for day, column, value in monthly(thing, cycle):
        was = present.plan.get(day)
        if was != value:
            yield CellChange(column, shown(was), shown(value))


def current_change(thing: Thing, present: Present) -> Iterator[CellChange]:
    """Yield the reported value, where it is another than the one that is there."""
    said, was = thing.number("current"), present.fields["current_value"]
    if said is not None and said != was:
        yield CellChange("current", shown(was), shown(said))


def monthly(thing: Thing, cycle: Cycle) -> Iterator[tuple[date, str, Decimal]]:
    """Yield the monthly figures that a thing's rows say: the day, the column, the value."""
    dates = _months(cycle.start_date, cycle.end_date)
    for column in thing.said.keys() & dates.keys():
        value = thing.number(column)
        if value is not None:
            yield dates[column], column, value


@cache
def _months(start: date, end: date) -> Mapping[str, date]:
    return {column: month_end_within(month, start, end) for month, column in enumerate(MONTHS, 1)}


@dataclass(frozen=True)
class Differing:
    """A thing that is there and of which the file says something else."""

    thing: Thing
    present: Present
    changes: list[CellChange]


def shown(value: object) -> str | None:
    """Return a value as a cell would show it."""
    if value is None or value == "":
        return None
    return format(value, "f") if isinstance(value, Decimal) else str(value)

"""Gathering rows into the things they speak of.

A thing (a unit, a cycle, an objective, a key result, an action) is told of by one
row or many; what they say of it must agree. `Thing.said` holds what was said, in
Python's types; a cell that is empty says nothing.
"""

import re
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from okr_service.imports.cells import (
    DateOrder,
    decimal_mark,
    read_date,
    read_figure,
    read_number,
)
from okr_service.imports.choices import CHOICES, chooser
from okr_service.imports.columns import MONTHS
from okr_service.imports.errors import (
    CellRequired,
    ContradictsRow,
    TooManyCellErrors,
)
from okr_service.imports.table import Row, Table
from okr_service.kernel.errors import FieldError, OkrError
from okr_service.kernel.spooled import Spooled

_FIGURES = ("start", "target", "target_max", "current", *MONTHS)
_NUMBERS = ("objective_weight", "key_result_weight", "action_weight", *_FIGURES)
_DATES = ("cycle_start", "cycle_end", "due", "action_due")
_PEOPLE = ("objective_owner", "owner", "action_owner")
_NAME_AND_CODE = re.compile(r".*\S\s*\(([^()]+)\)")  # as the template's lists show people
_OF_UNIT = ("unit_name", "unit_kind", "parent_unit")
_OF_CYCLE = ("cycle_start", "cycle_end")
_OF_OBJECTIVE = (
    "unit",
    "cycle",
    "objective_title",
    "parent_objective",
    "objective_weight",
    "objective_owner",
    "ambition",
)
_OF_KEY_RESULT = (
    "key_result_title",
    "metric",
    "unit_of_measure",
    "start",
    "target",
    "target_max",
    "current",
    "key_result_weight",
    "owner",
    "due",
    *MONTHS,
)
_OF_ACTION = ("action_owner", "action_due", "action_state", "action_weight")

MOST_ERRORS = 10_000  # more are of no use to a person, and a million do not fit into memory

Key = tuple[str, ...]
Places: TypeAlias = "array[int]"


@dataclass(slots=True)
class Thing:
    """One thing that rows speak of: the first row that does, and what each column says.

    `place` is its place among the things of its kind, as the file tells of them, from 0 on.
    `said_later` are the numbers of the rows that say something first, where that is another.
    `assumed` are the columns of which no row says more than that it is as above: enough
    to make a new thing, but no reason to change one that is there.
    """

    key: Key
    place: int
    row: int
    said: dict[str, object] = field(default_factory=dict)
    said_later: dict[str, int] = field(default_factory=dict)
    assumed: set[str] = field(default_factory=set)

    def said_in(self, column: str) -> int:
        """Return the number of the row that says what a column says."""
        return self.said_later.get(column, self.row)

    def text(self, column: str) -> str | None:
        """Return what a column of text says."""
        found = self.said.get(column)
        return None if found is None else str(found)

    def number(self, column: str) -> Decimal | None:
        """Return what a column of numbers says."""
        found = self.said.get(column)
        return found if isinstance(found, Decimal) else None


Things = Spooled[Key, Thing]


@dataclass
class Plan:
    """All that a file speaks of, and the cells that do not fit."""

    table: Table
    units: Things = field(default_factory=Spooled)
    cycles: Things = field(default_factory=Spooled)
    objectives: Things = field(default_factory=Spooled)
    key_results: Things = field(default_factory=Spooled)
    actions: Things = field(default_factory=Spooled)
    people: set[str] = field(default_factory=set)  # whom it names
    errors: list[FieldError] = field(default_factory=list)
    rows: "array[int]" = field(default_factory=lambda: array("q"))  # all their numbers
    readers: dict[str, "Reader"] = field(default_factory=dict)

    def meaning(self, row: Row, column: str) -> object:
        """Return a cell as it was understood, as its text where it was not, or None."""
        text = row.get(column)
        if text is None or (column not in _NUMBERS and column not in _DATES):
            return text
        try:
            return self.readers[column](text, row)
        except OkrError:
            return text

    def fail(self, row: int, column: str, error: OkrError) -> None:
        """Note that a cell does not fit; raises TooManyCellErrors."""
        self.note(self.table.error(row, column, error))

    def note(self, error: FieldError) -> None:
        """Note what is wrong with a cell; raises TooManyCellErrors."""
        if len(self.errors) == MOST_ERRORS:
            raise TooManyCellErrors(self.errors, MOST_ERRORS)
        self.errors.append(error)


def gather(table: Table, left_out: Collection[int] = ()) -> Plan:
    """Return what a table's rows speak of, but for some that are left out.

    Raises:
        TooManyCellErrors, NoRoomForFile, and what reading the rows raises.
    """
    readers = _readers(table)
    plan = Plan(table, readers=readers)
    for row in table.rows:
        plan.rows.append(row.number)
        if row.number in left_out:
            continue
        for column, error in row.faults.items():
            plan.fail(row.number, column, error)
        _gather_row(plan, row, _read(plan, row, readers))
    return plan


Reader = Callable[[str, Row], object]


def _readers(table: Table) -> dict[str, Reader]:
    orders = {column: DateOrder() for column in _DATES}
    mark = decimal_mark(_figures_and_dates(table, orders))
    readers: dict[str, Reader] = {}
    for column in _NUMBERS:
        readers[column] = lambda text, row: read_number(text, mark, row.get("unit_of_measure"))
    for column in _FIGURES:
        readers[column] = lambda text, row: read_figure(text, mark, row.get("unit_of_measure"))
    for column, order in orders.items():
        readers[column] = _dater(order)
    readers.update(dict.fromkeys(_PEOPLE, _person))
    for column, choices in CHOICES.items():
        readers[column] = chooser(choices)
    return readers


def _figures_and_dates(table: Table, orders: dict[str, DateOrder]) -> Iterator[str]:
    """Yield the texts of a table's numbers, and learn how its dates are turned."""
    for row in table.rows:
        cells = row.cells
        for column, order in orders.items():
            if column in cells:
                order.learn(cells[column], table.place(row.number)[1])
        yield from (cells[column] for column in _NUMBERS if column in cells)


def _person(text: str, _: Row) -> str:
    """Return the code or address of a person, without the name before it."""
    found = _NAME_AND_CODE.fullmatch(text)
    return found[1].strip() if found else text


def _dater(order: DateOrder) -> Reader:
    return lambda text, _: read_date(text, order)


def _read(plan: Plan, row: Row, readers: dict[str, Reader]) -> dict[str, object]:
    said: dict[str, object] = {}
    for column, text in row.cells.items():
        try:
            said[column] = readers[column](text, row) if column in readers else text
        except OkrError as error:
            plan.fail(row.number, column, error)
    plan.people.update(str(said[column]) for column in _PEOPLE if column in said)
    return said


def _gather_row(plan: Plan, row: Row, said: dict[str, object]) -> None:
    unit, cycle, objective = row.get("unit"), row.get("cycle"), row.get("objective")
    if unit:
        _tell(plan, plan.units, (unit,), row, said, _OF_UNIT)
        if parent := row.get("parent_unit"):
            _thing(plan.units, (parent,), row)
    if cycle:
        _tell(plan, plan.cycles, (cycle,), row, said, _OF_CYCLE)
    if not objective:
        if not unit or any(row.get(c) for c in (*_OF_OBJECTIVE[2:], "key_result", "action")):
            plan.fail(row.number, "objective", CellRequired())
        return
    key_result, action = row.get("key_result"), row.get("action")
    columns: tuple[str, ...] = _OF_OBJECTIVE if key_result else (*_OF_OBJECTIVE, "note")
    _tell(plan, plan.objectives, (objective,), row, said, columns)
    if not key_result:
        if action or row.get("key_result_title"):
            plan.fail(row.number, "key_result", CellRequired())
        return
    columns = _OF_KEY_RESULT if action else (*_OF_KEY_RESULT, "note")
    _tell(plan, plan.key_results, (objective, key_result), row, said, columns)
    if action:
        columns = (*_OF_ACTION, "note")
        _tell(plan, plan.actions, (objective, key_result, action), row, said, columns)


def _thing(things: Things, key: Key, row: Row) -> Thing:
    return things.setdefault(key, Thing(key, len(things), row.number))


def _tell(
    plan: Plan,
    things: Things,
    key: Key,
    row: Row,
    said: dict[str, object],
    columns: tuple[str, ...],
) -> None:
    thing = _thing(things, key, row)
    for column in columns:
        if column not in said:
            continue
        repeated = column in row.repeated
        if column not in thing.said or (column in thing.assumed and not repeated):
            thing.said[column] = said[column]
            if row.number != thing.row:
                thing.said_later[column] = row.number
            (thing.assumed.add if repeated else thing.assumed.discard)(column)
        elif thing.said[column] != said[column] and not repeated:
            other = plan.table.where(thing.said_in(column), row.number)
            plan.fail(row.number, column, ContradictsRow(other))

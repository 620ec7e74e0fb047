"""What can go wrong with an import."""

from dataclasses import dataclass

from okr_service.kernel.errors import Invalid, InvalidInput, Malformed


class ImportRejected(InvalidInput):
    """Nothing was imported, for some cells do not fit."""


@dataclass(eq=False)
class UnreadableTable(Malformed):
    """The file cannot be read as CSV from row {row} on."""

    row: int


class EmptyTable(Invalid):
    """The file has no rows below its header."""


@dataclass(eq=False)
class UnknownColumn(Invalid):
    """No column is called {header}."""

    header: str


@dataclass(eq=False)
class ColumnRepeats(Invalid):
    """Two columns mean the same: {header}."""

    header: str


@dataclass(eq=False)
class ColumnMissing(Invalid):
    """The file needs a column {header}."""

    header: str


@dataclass(eq=False)
class CellRequired(Invalid):
    """This cell may not be empty here."""


@dataclass(eq=False)
class UnreadableNumber(Invalid):
    """{given} is not a number."""

    given: str


@dataclass(eq=False)
class AmbiguousNumber(Invalid):
    """{given} may mean two numbers; write it without grouping its digits."""

    given: str


@dataclass(eq=False)
class UnreadableDate(Invalid):
    """{given} is not a date like 2026-12-31 or 31/12/2026."""

    given: str


@dataclass(eq=False)
class NotAChoice(Invalid):
    """{given} is not one of: {expected}."""

    given: str
    expected: str


@dataclass(eq=False)
class ContradictsRow(Invalid):
    """This differs from what row {other_row} says of the same thing."""

    other_row: int


class LoopInFile(Invalid):
    """The rows make this its own parent, directly or through others."""


@dataclass(eq=False)
class DependsOnFailedRow(Invalid):
    """What this belongs to does not fit, in row {other_row}."""

    other_row: int


@dataclass(eq=False)
class PersonLeft(Invalid):
    """{given} does not work here any more."""

    given: str


@dataclass(eq=False)
class PersonAmbiguous(Invalid):
    """Several people have the address {given}; name one by HR's own key."""

    given: str


@dataclass(eq=False)
class CycleUnknown(Invalid):
    """There is no cycle {given}; the file must give its first and last day."""

    given: str


class PruneNeedsScope(Invalid):
    """Pruning needs a scope, with at least one unit and one cycle."""

"""What can go wrong with an import."""

from dataclasses import dataclass

from okr_service.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidInput,
    Malformed,
    NotFound,
    Throttled,
    TooLarge,
    Unavailable,
)


class ImportRejected(InvalidInput):
    """Nothing was imported, for some cells do not fit."""


@dataclass(eq=False)
class TooManyCellErrors(ImportRejected):
    """Nothing was imported; more than {limit} cells do not fit, and these are the first of them."""

    limit: int


@dataclass(eq=False)
class UnreadableTable(Malformed):
    """The file cannot be read from row {row} on; it is damaged or incomplete there."""

    row: int


@dataclass(eq=False)
class UnknownEncoding(Malformed):
    """Row {row} is not UTF-8 but {encoding}, it seems; save the file as CSV UTF-8."""

    row: int
    encoding: str


@dataclass(eq=False)
class UnreadableWorkbook(Malformed):
    """The workbook is damaged or incomplete: {part} cannot be read."""

    part: str


class PasswordProtected(Invalid):
    """The workbook is protected by a password; save it without one."""


class MacroWorkbook(Invalid):
    """The workbook holds macros; save it as a workbook without macros (.xlsx)."""


@dataclass(eq=False)
class OtherFormat(Invalid):
    """This is {found}, not what it is sent as; save it as {wanted}."""

    found: str
    wanted: str


@dataclass(eq=False)
class UnpacksTooLarge(TooLarge):
    """The workbook holds more than {limit} bytes once it is unpacked."""

    limit: int


@dataclass(eq=False)
class TooManySheetCells(TooLarge):
    """Sheet {sheet} spans more than {limit} cells; remove what is far out, or send it as CSV."""

    sheet: str
    limit: int


@dataclass(eq=False)
class TooManyColumns(Invalid):
    """The file has more than {limit} columns; see row {row}."""

    limit: int
    row: int


@dataclass(eq=False)
class TooManyRows(TooLarge):
    """The file has more than {limit} rows."""

    limit: int


@dataclass(eq=False)
class CellTooLong(Invalid):
    """A cell of row {row} has more than {limit} characters."""

    limit: int
    row: int


@dataclass(eq=False)
class OneFileExpected(Malformed):
    """Send one file in the form; there are {found}."""

    found: int


class EmptyTable(Invalid):
    """The file has no rows below its header."""


@dataclass(eq=False)
class UnknownColumn(Invalid):
    """No column is called {header}."""

    header: str
    suggestion: str | None = None


@dataclass(eq=False)
class ColumnRepeats(Invalid):
    """Two columns mean the same: {header} and {other}."""

    header: str
    other: str


@dataclass(eq=False)
class ColumnMissing(Invalid):
    """The file needs a column {header}."""

    header: str


class ExtraCells(Invalid):
    """The row goes on after the last column; a cell with a separator inside needs quotes."""


@dataclass(eq=False)
class FormulaFailed(Invalid):
    """This cell's formula gives {given}."""

    given: str


class FormulaNotCalculated(Invalid):
    """This cell's formula was never calculated; open the file in a spreadsheet and save it."""


class NotPlain(Invalid):
    """A cell is a text, a number, true, false or null, not a list or an object."""


class CellRequired(Invalid):
    """This cell may not be empty here."""


@dataclass(eq=False)
class UnreadableNumber(Invalid):
    """{given} is not a number."""

    given: str
    suggestion: str | None = None


@dataclass(eq=False)
class AmbiguousNumber(Invalid):
    """{given} may mean two numbers; write it without grouping its digits."""

    given: str


@dataclass(eq=False)
class UnreadableDate(Invalid):
    """{given} is not a date like 2026-12-31 or 31/12/2026."""

    given: str
    suggestion: str | None = None


@dataclass(eq=False)
class MixedDates(Invalid):
    """{given} has the month first, but row {other_row} of this column the day first."""

    given: str
    other_row: int
    suggestion: str | None = None


@dataclass(eq=False)
class NotAChoice(Invalid):
    """{given} is not one of: {expected}."""

    given: str
    expected: str
    suggestion: str | None = None


@dataclass(eq=False)
class ContradictsRow(Invalid):
    """This differs from what row {other_row} says of the same thing."""

    other_row: int | str


class LoopInFile(Invalid):
    """The rows make this its own parent, directly or through others."""


@dataclass(eq=False)
class DependsOnFailedRow(Invalid):
    """What this belongs to does not fit, in row {other_row}."""

    other_row: int | str


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


@dataclass(eq=False)
class ImportNotFound(NotFound):
    """There is no import {import_id}, or it is not kept any more."""

    import_id: str


@dataclass(eq=False)
class ImportEnded(Conflict):
    """This import has ended already; it is {state}."""

    state: str


class NoFailedRows(Conflict):
    """This import has no failed rows to give back, or has not come that far."""


class SenderGone(Forbidden):
    """Who sent this import may do so no more: the credential was revoked, or the person left."""


@dataclass(eq=False)
class ImportGivenUp(Unavailable):
    """This import was begun {attempts} times and never came to its end; nothing of it is done."""

    attempts: int


@dataclass(eq=False)
class TooManyImportsWait(Throttled):
    """Already {limit} imports wait to be done; send it again in {retry_after} s, or cancel some."""

    limit: int

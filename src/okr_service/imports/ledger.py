"""What an import has done so far: each row's effects, what changed, and what failed."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from okr_service.imports.errors import DependsOnFailedRow
from okr_service.imports.kinds import Kind
from okr_service.imports.plan import Key, Plan, Thing
from okr_service.imports.shapes import Effect
from okr_service.kernel.errors import FieldError, InvalidInput, OkrError
from okr_service.kernel.spooled import Spooled

STRENGTH = [Effect.UNCHANGED, Effect.UPDATED, Effect.CREATED, Effect.FAILED]


@dataclass(frozen=True)
class CellChange:
    """What a cell changes: what was there, and what it says."""

    column: str
    was: str | None
    now_is: str | None


class Ledger:
    """Notes what each row did, and which things failed, so that nothing is built on them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._failed: dict[tuple[str, Key], int] = {}
        self._effects = bytearray(len(plan.rows))
        self.changes: Spooled[int, list[CellChange]] = Spooled()

    @property
    def effects(self) -> Iterator[tuple[int, Effect]]:
        """Yield what each row does, by its number."""
        return zip(self._plan.rows, map(STRENGTH.__getitem__, self._effects), strict=True)

    def count(self, effect: Effect) -> int:
        """Return how many rows do something."""
        return self._effects.count(STRENGTH.index(effect))

    def is_blocked(self, kind: Kind, thing: Thing, needs: Mapping[str, Key]) -> bool:
        """Say whether something that a thing needs has failed; it then fails, too."""
        for what, key in needs.items():
            if (failed := self._failed.get((what, key))) is not None:
                self._failed[kind.name, thing.key] = thing.row
                error = DependsOnFailedRow(self._plan.table.where(failed, thing.row))
                self._plan.fail(thing.row, kind.key, error)
                return True
        return False

    def created(self, thing: Thing) -> None:
        """Note that a thing is new, at the first row that tells of it."""
        self._note(thing.row, Effect.CREATED)

    def updated(self, thing: Thing, changes: Collection[CellChange]) -> None:
        """Note what of a thing changed, at the rows that say so."""
        for change in changes:
            row = thing.said_in(change.column)
            self._note(row, Effect.UPDATED)
            self.changes.setdefault(row, []).append(change)

    def failed(self, rows: Iterable[int]) -> None:
        """Note that rows do not fit."""
        for row in rows:
            self._note(row, Effect.FAILED)

    def _note(self, row: int, effect: Effect) -> None:
        place = bisect_left(self._plan.rows, row)  # rows are numbered in their order
        self._effects[place] = max(self._effects[place], STRENGTH.index(effect))

    def fail(self, kind: Kind, thing: Thing, error: OkrError) -> None:
        """Note what is wrong with a thing, at the cells that say it."""
        self._failed[kind.name, thing.key] = thing.row
        for found in _located(error):
            field = found.pointer.split("/")[1] if found.pointer else ""
            column = kind.columns.get(field, kind.key)
            self._plan.note(self._plan.table.located(thing.said_in(column), column, found))

    def block(self, kind: Kind, thing: Thing) -> None:
        """Let nothing be built on a thing of which it was said already what is wrong."""
        self._failed[kind.name, thing.key] = thing.row


def _located(error: OkrError) -> list[FieldError]:
    return error.errors if isinstance(error, InvalidInput) else [FieldError.of(error, "")]

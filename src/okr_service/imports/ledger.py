"""What an import has done so far: each row's effects, what changed, and what failed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from okr_service.imports.errors import DependsOnFailedRow
from okr_service.imports.kinds import Kind
from okr_service.imports.plan import Key, Plan, Thing
from okr_service.imports.shapes import Effect
from okr_service.kernel.errors import FieldError, InvalidInput, OkrError

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
        self._failed: dict[tuple[str, Key], Thing] = {}
        self.effects: dict[int, Effect] = {}
        self.changes: defaultdict[int, list[CellChange]] = defaultdict(list)

    @property
    def rows(self) -> Iterable[int]:
        """Return the numbers of all rows."""
        return self._plan.rows

    def is_blocked(self, kind: Kind, thing: Thing, needs: Mapping[str, Key]) -> bool:
        """Say whether something that a thing needs has failed; it then fails, too."""
        for what, key in needs.items():
            if (failed := self._failed.get((what, key))) is not None:
                self._failed[kind.name, thing.key] = thing
                error = DependsOnFailedRow(
                    self._plan.table.where(failed.row.number, thing.row.number)
                )
                self._plan.fail(thing.row, kind.key, error)
                return True
        return False

    def created(self, thing: Thing) -> None:
        """Note that a thing is new, at the first row that tells of it."""
        rows = {thing.row.number} | {row.number for row in thing.said_in.values()}
        self._note(min(rows), Effect.CREATED)

    def updated(self, thing: Thing, changes: Collection[CellChange]) -> None:
        """Note what of a thing changed, at the rows that say so."""
        for change in changes:
            row = thing.said_in.get(change.column, thing.row)
            self._note(row.number, Effect.UPDATED)
            self.changes[row.number].append(change)

    def _note(self, row: int, effect: Effect) -> None:
        present = self.effects.get(row, Effect.UNCHANGED)
        self.effects[row] = max(present, effect, key=STRENGTH.index)

    def fail(self, kind: Kind, thing: Thing, error: OkrError) -> None:
        """Note what is wrong with a thing, at the cells that say it."""
        self._failed[kind.name, thing.key] = thing
        for found in _located(error):
            field = found.pointer.split("/")[1] if found.pointer else ""
            column = kind.columns.get(field, kind.key)
            row = thing.said_in.get(column, thing.row)
            self._plan.errors.append(self._plan.table.located(row, column, found))

    def block(self, kind: Kind, thing: Thing) -> None:
        """Let nothing be built on a thing of which it was said already what is wrong."""
        self._failed[kind.name, thing.key] = thing


def _located(error: OkrError) -> list[FieldError]:
    return error.errors if isinstance(error, InvalidInput) else [FieldError.of(error, "")]

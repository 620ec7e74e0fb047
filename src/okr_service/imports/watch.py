"""How far an import has come, and stopping it: looked at from outside while it goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from okr_service.imports.shapes import Effect
from okr_service.imports.table import Row, Table
from okr_service.imports.work import Import

_LOOKS_EVERY = 1_000  # rows


class ImportStopped(Exception):
    """Whoever watches an import has it stop."""


@dataclass
class Watch:
    """What an import has done so far; it is written by the import, and read by another task."""

    rows_read: int = 0
    begun: bool = False
    under_way: Import | None = None
    cancelled: bool = False
    stopping: bool = False  # it is to stop, cancelled or not
    ending: bool = False  # what came of it is being written, and nothing else may be

    def begin(self, of: Import) -> None:
        """Go on with what is made so from now on."""
        self.under_way = of

    @property
    def progress(self) -> dict[str, object]:
        """Return how far it has come, as a job tells."""
        progress: dict[str, object] = {"rows_read": self.rows_read}
        if self.under_way is not None:
            plan = self.under_way.plan
            things = len(plan.objectives) + len(plan.key_results) + len(plan.actions)
            progress["rows_read"] = len(plan.rows)
            progress["rows_checked"] = len(plan.rows) * self.under_way.compared // max(things, 1)
            unchanged = self.under_way.ledger.count(Effect.UNCHANGED)
            progress["rows_written"] = len(plan.rows) - unchanged
        return progress

    def over(self, table: Table) -> Table:
        """Return a table that tells how much of it was read, and stops being read when asked."""

        def read() -> Iterator[Row]:
            place = 0
            for place, row in enumerate(table.rows, 1):
                if place % _LOOKS_EVERY == 0:
                    self._look(place)
                yield row
            self._look(place)

        return replace(table, read=read)

    def _look(self, place: int) -> None:
        if self.stopping:
            raise ImportStopped
        self.rows_read = max(self.rows_read, place)

"""What an import has done so far: each row's effects, and what failed."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError

from okr_service.imports.errors import DependsOnFailedRow
from okr_service.imports.plan import Key, Plan, Thing
from okr_service.imports.shapes import Effect
from okr_service.kernel.errors import FieldError, InvalidInput, OkrError
from okr_service.kernel.model import Resource
from okr_service.kernel.validation import field_errors

_R = TypeVar("_R", bound=Resource)

_KEY_COLUMN = {
    "unit": "unit",
    "cycle": "cycle",
    "objective": "objective",
    "key_result": "key_result",
    "check_in": "current",
    "action": "action",
}


class Ledger:
    """Notes what each row did, and which things failed, so that nothing is built on them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._failed: dict[tuple[str, Key], Thing] = {}
        self.effects: defaultdict[int, list[Effect]] = defaultdict(list)

    async def settle(
        self,
        kind: str,
        thing: Thing,
        row: _R | None,
        columns: Mapping[str, str],
        work: Callable[[], Awaitable[_R]],
        needs: Mapping[str, Key] | None = None,
    ) -> _R | None:
        """Do one thing's work and note its effect, or what is wrong with it."""
        for what, key in (needs or {}).items():
            if (failed := self._failed.get((what, key))) is not None:
                self._failed[kind, thing.key] = thing
                error = DependsOnFailedRow(failed.row.number)
                self._plan.fail(thing.row, _KEY_COLUMN[kind], error)
                return None
        version = row.version if row else None
        try:
            settled = await work()
        except ValidationError as error:
            for found in field_errors(error.errors()):
                self.fail(kind, thing, columns, found)
            return None
        except InvalidInput as error:
            for found in error.errors:
                self.fail(kind, thing, columns, found)
            return None
        except OkrError as error:
            self.fail(kind, thing, columns, FieldError.of(error, ""))
            return None
        if version is None:
            self.note(thing, Effect.CREATED)
        elif settled.version != version:
            self.note(thing, Effect.UPDATED)
        return settled

    def note(self, thing: Thing, effect: Effect) -> None:
        """Note what was done for a thing, at the row that says it."""
        rows = {thing.row.number} | {row.number for row in thing.said_in.values()}
        self.effects[min(rows) if effect is Effect.CREATED else max(rows)].append(effect)

    def fail(self, kind: str, thing: Thing, columns: Mapping[str, str], error: FieldError) -> None:
        """Note what is wrong with a thing, at the cell that says it."""
        self._failed[kind, thing.key] = thing
        field = error.pointer.split("/")[1] if error.pointer else ""
        column = columns.get(field, _KEY_COLUMN[kind])
        row = thing.said_in.get(column, thing.row)
        self._plan.errors.append(self._plan.table.located(row, column, error))

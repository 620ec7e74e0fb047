"""What is to be done about one kind of thing, and noting what came of it."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, select

from okr_service.access.policy import Principal
from okr_service.cycles.model import Cycle
from okr_service.imports.comparing import Differing, cell_changes
from okr_service.imports.frame import Frame
from okr_service.imports.kinds import Kind
from okr_service.imports.ledger import CellChange, Ledger
from okr_service.imports.plan import Key, Places, Plan, Thing, Things
from okr_service.imports.present import Present
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.fields import Input, Ref
from okr_service.kernel.references import EXTERNAL
from okr_service.kernel.spooled import Spooled
from okr_service.kernel.validation import merging
from okr_service.kernel.writes import Edited

_I = TypeVar("_I", bound=Input)
_T = TypeVar("_T")

Edit = Callable[[_I], _I]
Needs = Callable[[Thing], Mapping[str, Key]]

_BATCH = 1_000
_SEVERAL = 5
_TAKE_STOCK = select(func.okr_take_stock())


@dataclass
class Touched:
    """What is there already and will be changed, or have something hung from it."""

    objectives: set[UUID] = field(default_factory=set)
    objective_codes: set[str] = field(default_factory=set)
    key_result_keys: set[str] = field(default_factory=set)


@dataclass
class Import:
    """One import under way: its transaction, what the file says, what is known by now."""

    tx: Transaction
    who: Principal
    plan: Plan
    ledger: Ledger
    frame: Frame
    cycle_codes: Spooled[str, str] = field(default_factory=Spooled)  # by the objective's code
    touched: Touched = field(default_factory=Touched)
    compared: int = 0  # things, with what is there

    def cycle_of(self, thing: Thing) -> Cycle | None:
        """Return the cycle of a thing's objective, if that is known."""
        code = self.cycle_codes.get(thing.key[0])
        return None if code is None else self.frame.cycles.get(code)


class Found(IntEnum):
    """How a thing of the file compares with what is there."""

    SAME = 0
    NEW = 1
    DIFFERING = 2


class Work:
    """What is new of a kind, and what differs; and what each needs to be there."""

    def __init__(self, of: Import, kind: Kind, things: Things, needs: Needs) -> None:
        self.of, self.kind, self.things, self.needs = of, kind, things, needs
        self._found = bytearray(len(things))  # by place
        self._differing: Spooled[int, Differing] = Spooled()  # by place
        self._made, self._stock_at = 0, 4 * _BATCH

    def compare(
        self, thing: Thing, present: Present | None, more: Sequence[CellChange] = ()
    ) -> Found:
        """Sort out whether a thing is new, differs from what is there, or is the same."""
        self.of.compared += 1
        found = Found.SAME
        if present is None:
            found = Found.NEW
        elif changes := [*cell_changes(self.kind, thing, present, self.of.frame.people), *more]:
            found = Found.DIFFERING
            self._differing[thing.place] = Differing(thing, present, changes)
        self._found[thing.place] = found
        return found

    def is_new(self, key: Key) -> bool:
        """Say whether a thing of the file is new, once all are compared."""
        place = self.things.place(key)
        return place is not None and self._found[place] == Found.NEW

    def parts(self) -> Iterator[list[Thing]]:
        """Yield all things in parts that fit into one statement."""
        yield from map(self.things.at, batches(range(len(self.things))))

    def new(self, places: Iterable[int] | None = None) -> Iterator[list[Thing]]:
        """Yield the new things, of those at some places or of all, in such parts."""
        yield from map(self.things.at, batches(self._of(Found.NEW, places)))

    def differing(self, places: Iterable[int] | None = None) -> Iterator[list[Differing]]:
        """Yield the differing things likewise."""
        for part in batches(self._of(Found.DIFFERING, places)):
            yield [self._differing[place] for place in part]

    def _of(self, wanted: Found, places: Iterable[int] | None) -> Places:
        places = range(len(self.things)) if places is None else places
        return array("q", (place for place in places if self._found[place] == wanted))

    def is_blocked(self, thing: Thing) -> bool:
        """Say whether something that a thing needs has failed; it then fails, too."""
        return self.of.ledger.is_blocked(self.kind, thing, self.needs(thing))

    def inputs(
        self, things: Sequence[Thing], make: Callable[[Thing], _I]
    ) -> list[tuple[Thing, _I]]:
        """Return the inputs of those things that nothing hinders, and note what hinders others."""
        news: list[tuple[Thing, _I]] = []
        for thing in things:
            if self.is_blocked(thing):
                continue
            try:
                news.append((thing, make(thing)))
            except OkrError as error:
                self.of.ledger.fail(self.kind, thing, error)
        return news

    def edits(self, some: Sequence[Differing], shape: type[_I]) -> list[tuple[Differing, Edit[_I]]]:
        """Return the edits of those that nothing hinders, and note what hinders others."""
        edits: list[tuple[Differing, Edit[_I]]] = []
        for one in some:
            if self.is_blocked(one.thing):
                continue
            try:
                said = self.of.frame.said(self.kind, one.thing, one.changes)
                edits.append((one, merging(shape, said)))
            except OkrError as error:
                self.of.ledger.fail(self.kind, one.thing, error)
        return edits

    async def settle(self, things: Sequence[Thing], made: Sequence[UUID | OkrError]) -> None:
        """Note what came of new things.

        Each time that there are several times as many, PostgreSQL is to look at its tables
        again, which it would not before the end, to plan what is done with the next.
        """
        for thing, outcome in zip(things, made, strict=True):
            if isinstance(outcome, OkrError):
                self.of.ledger.fail(self.kind, thing, outcome)
            else:
                self.of.ledger.created(thing)
        self._made += len(things)
        if self._made >= self._stock_at:
            self._stock_at = self._made * _SEVERAL
            await self.of.tx.execute(_TAKE_STOCK)

    def settle_edits(
        self,
        edits: Sequence[tuple[Differing, Edit[_I]]],
        done: Mapping[UUID, Edited | OkrError],
    ) -> None:
        """Note what came of edits."""
        for one, _ in edits:
            outcome = done[one.present.id]
            if isinstance(outcome, OkrError):
                self.of.ledger.fail(self.kind, one.thing, outcome)
            elif outcome.after:
                self.of.ledger.updated(one.thing, one.changes)


def batches(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield things in parts that fit into one statement."""
    for start in range(0, len(things), _BATCH):
        yield things[start : start + _BATCH]


def external(key: str) -> Ref:
    """Return the reference to what has an external id."""
    return Ref(f"{EXTERNAL}{key}")

"""What is to be done about one kind of thing, and noting what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, select

from okr_service.access.policy import Principal
from okr_service.cycles.model import Cycle
from okr_service.imports.comparing import Differing, cell_changes
from okr_service.imports.frame import Frame
from okr_service.imports.kinds import Kind
from okr_service.imports.ledger import CellChange, Ledger
from okr_service.imports.plan import Key, Plan, Thing
from okr_service.imports.present import Present
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.fields import Input, Ref
from okr_service.kernel.references import EXTERNAL
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
class Import:
    """One import under way: its transaction, what the file says, what is known by now."""

    tx: Transaction
    who: Principal
    plan: Plan
    ledger: Ledger
    frame: Frame
    cycle_of: dict[str, Cycle] = field(default_factory=dict)  # of each objective, by its code
    compared: int = 0  # things, with what is there


@dataclass
class Work:
    """What is new of a kind, and what differs, by key; and what each needs to be there."""

    of: Import
    kind: Kind
    needs: Needs
    new: dict[Key, Thing] = field(default_factory=dict)
    differing: dict[Key, Differing] = field(default_factory=dict)
    made: int = 0
    stock_at: int = 4 * _BATCH

    def compare(
        self, thing: Thing, present: Present | None, more: Sequence[CellChange] = ()
    ) -> None:
        """Sort out whether a thing is new, differs from what is there, or is the same."""
        self.of.compared += 1
        if present is None:
            self.new[thing.key] = thing
            return
        changes = [*cell_changes(self.kind, thing, present, self.of.frame.people), *more]
        if changes:
            self.differing[thing.key] = Differing(thing, present, changes)

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
        self.made += len(things)
        if self.made >= self.stock_at:
            self.stock_at = self.made * _SEVERAL
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

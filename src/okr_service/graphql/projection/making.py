"""A statement in the making: what all its parts add to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind
from okr_service.graphql.projection.conditions import compiled
from okr_service.graphql.projection.cost import Scale
from okr_service.graphql.projection.levels import Level
from okr_service.graphql.projection.selections import Selecting
from okr_service.graphql.projection.statement import SLOT, Fill, Statement


@dataclass
class Making:
    """A statement in the making."""

    selecting: Selecting
    sees_everything: bool
    scale: Scale = field(default_factory=Scale)
    _cost: int = 0
    _levels: int = 0
    _slots: list[Fill] = field(default_factory=list)
    _needs: set[Permission] = field(default_factory=set)

    def statement(self, columns: Sequence[str]) -> Statement:
        """Return the statement that selects these, each as bytes of JSON."""
        # As bytes: to make a Python string of it and bytes of that again would cost as much.
        listed = ", ".join(f"convert_to(({column})::text, 'UTF8')" for column in columns)
        parts = f"SELECT {listed}".split(SLOT)
        return Statement(parts, tuple(self._slots), frozenset(self._needs), self._cost)

    def level(self, kind: Kind) -> Level:
        """Go to rows of a kind, which takes its permission."""
        self._needs.add(kind.permission)
        self._cost += self.scale.rows
        return self.level_just_written(kind)

    def level_just_written(self, kind: Kind) -> Level:
        """Go to a row that the caller has just written, which by itself takes no permission."""
        self._levels += 1
        return Level(kind, f"t{self._levels}")

    @contextmanager
    def within(self, scale: Scale) -> Iterator[None]:
        """Go on at another scale."""
        before, self.scale = self.scale, scale
        yield
        self.scale = before

    def slot(self, fill: Fill) -> str:
        """Leave a place for conditions that each request decides."""
        self._slots.append(fill)
        return f"{SLOT}{len(self._slots) - 1}{SLOT}"

    def seen(self, level: Level) -> list[str]:
        """Return the conditions that every row of a level meets."""
        conditions = level.seen(sees_everything=self.sees_everything)
        kind = level.kind
        if (own := kind.own) is not None:
            conditions.append(self.slot(lambda who, _: compiled(kind, own(who))))
        return conditions

    def select(self, level: Level, document: str, conditions: Sequence[str]) -> str:
        """Return a document of the one row that conditions name."""
        where = " AND ".join([*self.seen(level), *conditions])
        return f"(SELECT {document} FROM {level.source} WHERE {where})"

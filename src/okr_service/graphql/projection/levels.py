"""A row at hand: what it is called, what it is selected from, and who sees it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, literal_column, select
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.selectable import Join

from okr_service.graphql.kinds import Column, Kind
from okr_service.kernel.documents import within_reach
from okr_service.kernel.reach import Reach
from okr_service.kernel.references import alive
from okr_service.kernel.sql import DIALECT


@dataclass
class Level:
    """One row at hand: its kind, its name further in, and what is needed of it there."""

    kind: Kind
    name: str
    handed_in: dict[str, str] = field(default_factory=dict)
    joined: bool = False

    def text(self, expression: Column) -> str:
        """Return an expression as text, noting whether it needs what the collection joins."""
        found, joined = text_of(self.kind, expression)
        self.joined = self.joined or joined
        return found

    def hand_in(self, column: Column) -> str:
        """Return how a column of this row is called further in."""
        found = self.text(column)
        name = found.rpartition(".")[2]
        self.handed_in[name] = found
        return f"{self.name}.{name}"

    def seen(self, *, sees_everything: bool) -> list[str]:
        """Return the conditions that every row meets which is to be seen, but for one's own."""
        hidden = [f"({self.text(c)})" for c in _conditions(self.kind, sees_everything)]
        return [f"{self.kind.table}.tenant_id = $1", *hidden]

    @property
    def source(self) -> str:
        """Return what to select from."""
        source = _source(self.kind) if self.joined else self.kind.table
        if not self.handed_in:
            return source
        columns = ", ".join(f"{text} AS {name}" for name, text in self.handed_in.items())
        return f"{source} CROSS JOIN LATERAL (SELECT {columns}) AS {self.name}"


# What does not change from query to query, as text.


@cache
def text_of(kind: Kind, expression: Column) -> tuple[str, bool]:
    """Return an expression as text, and whether it needs what the kind's collection joins."""
    text = kind.collection.sql_of(expression)
    joined = any(re.search(rf"\b{name}\.", text) for name in _joined_names(kind))
    return text, joined


class _AnySight(Reach):
    """Stands for whatever the caller of a request sees."""

    def condition(
        self, unit_id: SQLColumnExpression[UUID], owner_id: SQLColumnExpression[UUID | None]
    ) -> ColumnElement[bool]:
        return within_reach(unit_id, owner_id)


_ANY_SIGHT = _AnySight()


@cache
def _conditions(kind: Kind, sees_everything: bool) -> Sequence[ColumnElement[bool]]:
    collection = kind.collection
    hidden = [] if sees_everything else collection.seen(_ANY_SIGHT)
    return [*alive(collection.model), *hidden]


@cache
def _joined_names(kind: Kind) -> Sequence[str]:
    source = kind.collection.source
    return [name for name in _names(source) if name != kind.table] if source is not None else []


def _names(source: FromClause) -> list[str]:
    if isinstance(source, Join):
        return [*_names(source.left), *_names(source.right)]
    return [str(getattr(source, "name", ""))]


@cache
def _source(kind: Kind) -> str:
    """Return what a kind's collection selects from."""
    source = kind.collection.source
    if source is None:
        return kind.table
    statement: Select[object] = select(literal_column("1")).select_from(source)
    whole = str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    return whole.partition("FROM ")[2]

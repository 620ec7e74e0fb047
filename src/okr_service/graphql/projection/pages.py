"""A page of a connection: which rows, and what is to be said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from okr_service.graphql.projection.levels import Level
from okr_service.graphql.projection.statement import Fill
from okr_service.graphql.relay import cursor_sql
from okr_service.kernel.documents import is_nullable


@dataclass
class Page:
    """A page in the making."""

    level: Level
    sort: str
    first: int
    fills: Mapping[str, Fill]  # a filter and a cursor, where they are given
    links: list[str] = field(default_factory=list)
    is_bounded: bool = False  # whether it is asked if there are more: then one more is read
    has_keys: bool = False  # whether cursors are asked for
    documents: dict[str, str] = field(default_factory=dict)

    def add(self, document: str) -> str:
        """Take on what is shown of each row; returns what that is called."""
        name = f"d{len(self.documents)}"
        self.documents[name] = document
        return name

    def gathered(self, item: str) -> str:
        """Return the list of the page's items, which are read in order."""
        bound = f" FILTER (WHERE place <= {self.first})" if self.is_bounded else ""
        return f"coalesce(json_agg({item}){bound}, '[]'::json)"

    def cursor(self) -> str:
        """Return the cursor of each row."""
        self.has_keys = True
        return cursor_sql(self.sort, "key", "row_id")

    def cursor_at(self, place: str) -> str:
        """Return the cursor of one of the page's rows."""
        self.has_keys = True
        key, row = (f"(array_agg({name}))[{place}]" for name in ("key", "row_id"))
        return f"CASE WHEN count(*) > 0 THEN {cursor_sql(self.sort, key, row)} END"

    def rows(self, conditions: list[str]) -> str:
        """Return the rows of the page that meet conditions, in order, as a subquery."""
        level, row = self.level, f"{self.level.kind.table}.id"
        key, order = self._order()
        columns = [f"{document} AS {name}" for name, document in self.documents.items()]
        if self.has_keys:
            columns += [f"({key})::text AS key", f"{row}::text AS row_id"]
        if self.is_bounded:
            columns.append(f"row_number() OVER (ORDER BY {order}) AS place")
        return (
            f"(SELECT {', '.join(columns) or '1'} FROM {level.source} "
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY {order} LIMIT {self.first + self.is_bounded}) AS page"
        )

    def _order(self) -> tuple[str, str]:
        row = f"{self.level.kind.table}.id"
        key, descending = self.level.kind.collection.place(self.sort)
        downwards = " DESC" if descending else ""
        if self.sort.removeprefix("-") == "id":
            return row, row + downwards
        text = self.level.text(key)
        last = " NULLS LAST" if is_nullable(key) else ""
        return text, f"{text}{downwards}{last}, {row}{downwards}"

"""The JSON object of a row, and the edges to single rows."""

from collections.abc import Sequence

from graphql import FieldNode
from okr_service.graphql.kinds import One
from okr_service.graphql.names import snake
from okr_service.graphql.projection.columns import column, object_of
from okr_service.graphql.projection.connections import connection_of
from okr_service.graphql.projection.levels import Level
from okr_service.graphql.projection.making import Making
from okr_service.graphql.projection.selections import Selections, inner
from okr_service.graphql.relay import global_id_sql


def document(making: Making, level: Level, selections: Selections) -> str:
    """Return the JSON object of what is selected of a row."""
    chosen = making.selecting.collect(level.kind.name, selections)
    return object_of({key: _member(making, level, nodes) for key, nodes in chosen.items()})


def _member(making: Making, level: Level, nodes: Sequence[FieldNode]) -> str:
    kind, name = level.kind, snake(nodes[0].name.value)
    if name == "__typename":
        return f"'{kind.name}'::text"
    if name == "id":
        return global_id_sql(kind.name, f"{kind.table}.id")
    if name in kind.ones:
        return _one(making, level, kind.ones[name], nodes)
    if name in kind.many:
        return connection_of(making, level, kind.many[name], nodes, document)
    return column(making, level, "id" if name == "row_id" else name, nodes)


def _one(making: Making, level: Level, edge: One, nodes: Sequence[FieldNode]) -> str:
    link = level.hand_in(edge.link)
    with making.within(making.scale.one(edge)):
        there = making.level(edge.to)
        shown = document(making, there, inner(nodes))
    only = [f"({there.text(condition)})" for condition in edge.only]
    order = f" ORDER BY {', '.join(map(there.text, edge.order))} LIMIT 1" if edge.order else ""
    conditions = [*making.seen(there), f"{there.text(edge.target)} = {link}", *only]
    return f"(SELECT {shown} FROM {there.source} WHERE {' AND '.join(conditions)}{order})"

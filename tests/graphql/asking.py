"""Asking in GraphQL, and queries that ask for all there is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from asyncpg.prepared_stmt import PreparedStatement

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
)
from okr_service.identity.provider import Algorithm

_OFTEN = 2  # how deep a type that holds itself is asked for
Json = dict[str, Any]  # what httpx gives
SCHEMA: GraphQLSchema = build_schema(
    (Path(__file__).parents[2] / "openapi" / "schema.graphql").read_text("utf-8")
)


async def asked(rest: httpx.AsyncClient, query: str, **variables: object) -> Json:
    """Ask, and return the whole response."""
    given = {"query": query, "variables": variables}
    response = await rest.post("/graphql", json=given)
    assert response.status_code == 200, response.text
    told: Json = response.json()
    return told


async def answered(rest: httpx.AsyncClient, query: str, **variables: object) -> Json:
    """Ask what must have an answer without errors, and return its data."""
    told = await asked(rest, query, **variables)
    assert "errors" not in told, told
    data: Json = told["data"]
    return data


def node(kind: str) -> GraphQLObjectType:
    """Return an object type of the schema."""
    found = SCHEMA.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    return found


def everything_of(kind: GraphQLObjectType, depth: int, within: tuple[str, ...] = ()) -> str:
    """Return a selection of all fields of a type, and of what they lead to, so deep."""
    within = (*within, kind.name)
    parts = (_part(name, field, depth, within) for name, field in kind.fields.items())
    return " ".join(["__typename", *(part for part in parts if part)])


def _part(name: str, field: GraphQLField, depth: int, within: tuple[str, ...]) -> str:
    inner = get_named_type(field.type)
    if is_leaf_type(inner):
        return name
    assert isinstance(inner, GraphQLObjectType)
    if inner.name.endswith("Connection"):
        return _connection(name, inner, depth, within)
    is_node = SCHEMA.type_map["Node"] in inner.interfaces
    if (is_node and depth == 0) or (not is_node and within.count(inner.name) > _OFTEN):
        return ""
    return f"{name} {{ {everything_of(inner, depth - is_node, within)} }}"


def _connection(
    name: str, connection: GraphQLObjectType, depth: int, within: tuple[str, ...]
) -> str:
    page = "totalCount pageInfo { hasNextPage endCursor }"
    if depth == 0:
        return f"{name}(first: 20) {{ {page} }}"
    of = get_named_type(connection.fields["nodes"].type)
    assert isinstance(of, GraphQLObjectType)
    inner = everything_of(of, depth - 1, within)
    return f"{name}(first: 20) {{ {page} nodes {{ {inner} }} }}"


def leaves_of(kind: GraphQLObjectType) -> str:
    """Return a selection of the fields of a node that tell of itself."""
    own = {n: f for n, f in kind.fields.items() if not _leads_on(f)}
    return " ".join(_part(name, field, 0, ()) for name, field in own.items())


def _leads_on(field: GraphQLField) -> bool:
    inner = get_named_type(field.type)
    is_node = SCHEMA.type_map["Node"] in getattr(inner, "interfaces", ())
    return is_node or inner.name.endswith("Connection")


def as_rest(value: object, of: object) -> object:
    """Return an answer as REST would show it: its names, its enumerations, its ids."""
    if isinstance(value, list):
        return [as_rest(item, of) for item in value]
    if isinstance(of, GraphQLEnumType) and isinstance(value, str):
        return Algorithm[value].value if of.name == "Algorithm" else value.lower()
    if not isinstance(of, GraphQLObjectType) or not isinstance(value, dict):
        return value
    told = {}
    for name, member in value.items():
        if name == "__typename" or (name == "id" and "rowId" in of.fields):
            continue
        told[_snake(name)] = as_rest(member, get_named_type(of.fields[name].type))
    return {"id" if name == "row_id" else name: member for name, member in told.items()}


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


_IS_ASKING = ContextVar("_IS_ASKING", default=False)  # not so for what goes on beside


def _note(query: str, noted: list[str]) -> None:
    if not _IS_ASKING.get():
        return
    # Who is calling is looked up now and then, and what they ask is counted.
    beside = any(name in query for name in ("api_keys.key_hash", "request_counts", "api_key_uses"))
    if not (query.startswith(("SET", "BEGIN", "COMMIT")) or beside):
        noted.append(query)


def _noting_prepared(way: str, noted: list[str]) -> Callable[..., object]:
    original = getattr(PreparedStatement, way)

    def noting(self: Any, *given: object, **more: object) -> object:
        _note(self.get_query(), noted)
        return original(self, *given, **more)

    return noting


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each statement of what is asked that goes to the database by whichever way."""
    noted: list[str] = []
    before = _IS_ASKING.set(True)
    for way in ("fetchrow", "fetch", "fetchval", "execute"):
        original = getattr(asyncpg.Connection, way)

        async def noting(
            self: object, query: str, *given: object, _way: Any = original, **more: object
        ) -> object:
            _note(query, noted)
            return await _way(self, query, *given, **more)

        monkeypatch.setattr(asyncpg.Connection, way, noting)
    for way in ("fetch", "fetchrow", "fetchval", "cursor"):
        monkeypatch.setattr(PreparedStatement, way, _noting_prepared(way, noted))
    yield noted
    _IS_ASKING.reset(before)
    monkeypatch.undo()

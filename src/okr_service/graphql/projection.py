"""What a query selects, as one SQL statement whose JSON PostgreSQL builds.

    { objectives(first: 2) { nodes { title owner { name } } } }

becomes, a level of braces at a time,

    SELECT json_build_object('nodes', coalesce(json_agg(d0), '[]'))
      FROM (SELECT json_build_object(
                     'title', objectives.title,
                     'owner', (SELECT json_build_object('name', people.name)
                                 FROM people
                                WHERE people.tenant_id = $1 AND people.id = t1.owner_id)) AS d0
              FROM objectives CROSS JOIN LATERAL (SELECT objectives.owner_id) AS t1
             WHERE objectives.tenant_id = $1 AND objectives.deleted_at IS NULL
             ORDER BY objectives.id LIMIT 2) AS page

Each level selects from its table by the table's own name, so that the expressions by
which REST shows a row (`kernel.documents.Collection`) can stand in it as they are; the
same table further in hides the one further out. What a level's edges need of its row it
therefore hands in under a name of its own, `t1`, `t2`, … (PostgreSQL plans that away).
Only where a field needs what the collection joins is it joined.

What a value of the request decides (a filter, a cursor, a reference) is a *slot* in the
text, filled for each request with conditions and bound parameters; the rest is written
once for each shape of a query (`operations`). Nothing of a caller's gets into the text
but names that GraphQL's grammar allows, and numbers.

A caller who does not see everything gets the collection's masks and conditions at every
level, in every edge, count and look-up by id.
"""

import enum
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Union, get_args, get_origin
from uuid import UUID

from graphql.execution.values import VariableValues
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, literal_column, select
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.selectable import Join

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
)
from okr_service.access.policy import Permission, Principal
from okr_service.graphql.errors import FirstOutOfRange, TooManyIds
from okr_service.graphql.faults import read
from okr_service.graphql.kinds import Column, Kind, Many, One
from okr_service.graphql.names import as_ours, snake
from okr_service.graphql.relay import cursor_sql, global_id_sql, read_global_id
from okr_service.graphql.types import Hint
from okr_service.kernel.documents import is_nullable, within_reach
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import Addressable
from okr_service.kernel.reach import PERSON, UNITS, Reach
from okr_service.kernel.references import alive, identifies, row_id
from okr_service.kernel.sql import DIALECT

FIRST, MOST = 50, 200
_MOST_PAIRS = 50  # of json_build_object: PostgreSQL's functions take 100 arguments
_MOST_IDS = 100
_MARK = "'where'"
_SLOT = "\0"
_OF_ROWS = frozenset({"nodes", "edges", "pageInfo"})

Condition = ColumnElement[bool]
Selections = Sequence[SelectionSetNode]
Arguments = Mapping[str, object]
Filled = tuple[str, list[object]]  # conditions as text, and the values of its $1, $2, …
Fill = Callable[[Principal, VariableValues], Filled]


class _AnySight(Reach):
    """Stands for whatever the caller of a request sees."""

    def condition(
        self, unit_id: SQLColumnExpression[UUID], owner_id: SQLColumnExpression[UUID | None]
    ) -> Condition:
        return within_reach(unit_id, owner_id)


_ANY_SIGHT = _AnySight()


@dataclass(frozen=True)
class Statement:
    """A statement with slots, the permissions it takes, and about how many nodes it shows."""

    parts: Sequence[str]  # every second one is the number of a slot
    slots: Sequence[Fill]
    needs: frozenset[Permission]
    cost: int

    def filled(self, who: Principal, variables: VariableValues) -> tuple[str, list[object]]:
        """Return the statement of one request and the values of its parameters."""
        values: list[object] = [who.tenant_id]
        text = list(self.parts)
        for place in range(1, len(text), 2):
            condition, given = self.slots[int(text[place])](who, variables)
            text[place] = _numbered_from(len(values), condition)
            values += given
        whole = "".join(text)
        if f":{UNITS}" in whole:
            place = len(values)
            values += who.sight.parameters.values()
            whole = whole.replace(f":{UNITS}", f"${place + 1}::uuid[]")
            whole = whole.replace(f":{PERSON}", f"${place + 2}::uuid")
        return whole, values


@dataclass
class _Level:
    """One row at hand: its kind, its name further in, and what is needed of it there."""

    kind: Kind
    name: str
    handed_in: dict[str, str] = field(default_factory=dict)
    joined: bool = False

    def text(self, expression: Column) -> str:
        """Return an expression as text, noting whether it needs what the collection joins."""
        found, joined = _text_of(self.kind, expression)
        self.joined = self.joined or joined
        return found

    def hand_in(self, column: Column) -> str:
        """Return how a column of this row is called further in."""
        found = self.text(column)
        name = found.rpartition(".")[2]
        self.handed_in[name] = found
        return f"{self.name}.{name}"

    @property
    def source(self) -> str:
        """Return what to select from."""
        source = _source(self.kind) if self.joined else self.kind.table
        if not self.handed_in:
            return source
        columns = ", ".join(f"{text} AS {name}" for name, text in self.handed_in.items())
        return f"{source} CROSS JOIN LATERAL (SELECT {columns}) AS {self.name}"


@dataclass
class Projection:
    """A statement in the making."""

    schema: GraphQLSchema
    kinds: Mapping[str, Kind]
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    sees_everything: bool
    cost: int = 0
    _levels: int = 0
    _around: int = 1  # how many rows the level at hand may stand for
    _slots: list[Fill] = field(default_factory=list)
    _needs: set[Permission] = field(default_factory=set)

    def statement(self, columns: Sequence[str]) -> Statement:
        """Return the statement that selects these, each as bytes of JSON."""
        # As bytes: to make a Python string of it and bytes of that again would cost as much.
        listed = ", ".join(f"convert_to(({column})::text, 'UTF8')" for column in columns)
        parts = f"SELECT {listed}".split(_SLOT)
        return Statement(parts, tuple(self._slots), frozenset(self._needs), self.cost)

    # What a selection holds.

    def collect(self, type_name: str, selections: Selections) -> dict[str, list[FieldNode]]:
        """Return the fields that a type has of selections, by response key (GraphQL 6.3.2)."""
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for selection in selections:
            self._collect(type_name, selection.selections, found, spread)
        return found

    def _collect(
        self,
        type_name: str,
        nodes: Iterable[SelectionNode],
        found: dict[str, list[FieldNode]],
        spread: set[str],
    ) -> None:
        for node in nodes:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
                continue
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in spread:
                    continue
                spread.add(node.name.value)
            part = self._part(node)
            if self._fits(type_name, part):
                self._collect(type_name, part.selection_set.selections, found, spread)

    def all_fields(self, type_name: str, selections: Selections) -> list[FieldNode]:
        """Return the fields that a type may have of selections, included or not."""
        found: list[FieldNode] = []
        for selection in selections:
            for node in selection.selections:
                if isinstance(node, FieldNode):
                    found.append(node)
                else:
                    found += self.all_fields(type_name, [self._part(node).selection_set])
        return found

    def _part(self, node: SelectionNode) -> InlineFragmentNode | FragmentDefinitionNode:
        if isinstance(node, InlineFragmentNode):
            return node
        assert isinstance(node, FragmentSpreadNode)
        return self.fragments[node.name.value]

    def _is_included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip or {}).get("if") and (include is None or bool(include["if"]))

    def _fits(self, type_name: str, part: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        if part.type_condition is None:
            return True
        asked = part.type_condition.name.value
        made = self.schema.type_map[type_name]
        assert isinstance(made, GraphQLObjectType)
        return asked == type_name or asked in {one.name for one in made.interfaces}

    def arguments(self, type_name: str, node: FieldNode) -> Arguments:
        """Return a field's arguments, coerced."""
        return get_argument_values(self._field(type_name, node), node, self.variables)

    def _field(self, type_name: str, node: FieldNode) -> GraphQLField:
        made = self.schema.type_map[type_name]
        assert isinstance(made, GraphQLObjectType)
        found: GraphQLField = made.fields[node.name.value]
        return found

    # Roots.

    def by_reference(self, kind: Kind, nodes: Sequence[FieldNode]) -> str:
        """Return the node of a kind that the argument `ref` names."""
        level = self._level(kind)
        document = self._document(level, _inner(nodes))
        node = nodes[0]
        asked = self._field("Query", node)

        def fill(who: Principal, variables: VariableValues) -> Filled:
            given = get_argument_values(asked, node, variables)
            return _named(kind, who, Ref(str(given["ref"])))

        return self._select(level, document, [self._slot(fill)])

    def written(self, kind: Kind, selections: Selections, row_id: Callable[[], UUID]) -> str:
        """Return the node that a write has just written; that by itself takes no permission."""
        self._levels += 1
        level = _Level(kind, f"t{self._levels}")
        document = self._document(level, selections)
        return self._select(level, document, [self._slot(lambda *_: _with_id(kind, row_id()))])

    def by_global_id(self, nodes: Sequence[FieldNode]) -> str:
        """Return the node that the argument `id` names, of whichever kind."""
        node = nodes[0]
        named = read_global_id(str(self.arguments("Query", node)["id"]))
        kind = self.kinds.get(named.kind) if named else None
        if kind is None:
            return "NULL"
        level = self._level(kind)
        document = self._document(level, _inner(nodes))
        asked = self._field("Query", node)

        def fill(_: Principal, variables: VariableValues) -> Filled:
            found = read_global_id(str(get_argument_values(asked, node, variables)["id"]))
            assert found is not None, "its kind was read off it"
            return _with_id(kind, found.row_id)

        return self._select(level, document, [self._slot(fill)])

    def by_global_ids(self, nodes: Sequence[FieldNode]) -> str:
        """Return the nodes that the argument `ids` names, in that order, null for absent ones."""
        ids = self.arguments("Query", nodes[0])["ids"]
        assert isinstance(ids, list)
        if len(ids) > _MOST_IDS:
            raise TooManyIds(len(ids), _MOST_IDS)
        found = [self._by_place(nodes, place, str(given)) for place, given in enumerate(ids)]
        return f"json_build_array({', '.join(found)})"

    def _by_place(self, nodes: Sequence[FieldNode], place: int, given: str) -> str:
        named, asked = read_global_id(given), self._field("Query", nodes[0])
        kind = self.kinds.get(named.kind) if named else None
        if kind is None:
            return "NULL::json"
        level = self._level(kind)
        document = self._document(level, _inner(nodes))

        def fill(_: Principal, variables: VariableValues) -> Filled:
            ids = get_argument_values(asked, nodes[0], variables)["ids"]
            found = read_global_id(str(ids[place]))
            assert found is not None, "its kind was read off it"
            return _with_id(kind, found.row_id)

        return self._select(level, document, [self._slot(fill)])

    def listed(self, kind: Kind, nodes: Sequence[FieldNode]) -> str:
        """Return a page of all rows of a kind."""
        return self._connection(kind, nodes, "Query", kind.collection.default_sort, None)

    # Levels.

    def _level(self, kind: Kind) -> _Level:
        self._needs.add(kind.permission)
        self._levels += 1
        self.cost += self._around
        return _Level(kind, f"t{self._levels}")

    def _slot(self, fill: Fill) -> str:
        self._slots.append(fill)
        return f"{_SLOT}{len(self._slots) - 1}{_SLOT}"

    def _select(self, level: _Level, document: str, conditions: Sequence[str]) -> str:
        where = " AND ".join([*self._seen(level), *conditions])
        return f"(SELECT {document} FROM {level.source} WHERE {where})"

    def _seen(self, level: _Level) -> list[str]:
        """Return the conditions that every row of a level meets."""
        conditions = [f"({level.text(c)})" for c in _conditions(level.kind, self.sees_everything)]
        if (own := level.kind.own) is not None:
            kind = level.kind
            conditions.append(self._slot(lambda who, _: _compiled(kind, own(who))))
        return [f"{level.kind.table}.tenant_id = $1", *conditions]

    def _document(self, level: _Level, selections: Selections) -> str:
        """Return the JSON object of what is selected of a row."""
        chosen = self.collect(level.kind.name, selections)
        return _object({key: self._member(level, nodes) for key, nodes in chosen.items()})

    def _member(self, level: _Level, nodes: Sequence[FieldNode]) -> str:
        kind, name = level.kind, snake(nodes[0].name.value)
        if name == "__typename":
            return f"'{kind.name}'::text"
        if name == "id":
            return global_id_sql(kind.name, f"{kind.table}.id")
        if name in kind.ones:
            return self._one(level, kind.ones[name], nodes)
        if name in kind.many:
            edge = kind.many[name]
            link = level.hand_in(kind.collection.model.id)
            return self._connection(edge.to, nodes, kind.name, edge.sort, (edge, link))
        return self._column(level, "id" if name == "row_id" else name, nodes)

    def _column(self, level: _Level, name: str, nodes: Sequence[FieldNode]) -> str:
        collection = level.kind.collection
        masked = not self.sees_everything and name in collection.masks
        text = level.text((collection.masks if masked else collection.document)[name])
        inner, is_list = _inner_type(_hint(level.kind.view, name))
        if isinstance(inner, type) and issubclass(inner, enum.Enum):
            return f"upper({text}::text)::text[]" if is_list else f"upper({text})"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return self._items(inner, text, nodes)
        return text

    def _items(self, view: type[BaseModel], text: str, nodes: Sequence[FieldNode]) -> str:
        """Return a list of objects with what is selected of each."""
        name = view.__name__.removesuffix("View")
        chosen = self.collect(name, _inner(nodes))
        members = {
            key: f"'{name}'::text"
            if found[0].name.value == "__typename"
            else f"item.value -> '{snake(found[0].name.value)}'"
            for key, found in chosen.items()
        }
        return (
            f"(SELECT coalesce(json_agg({_object(members)} ORDER BY item.place), '[]'::json) "
            f"FROM json_array_elements(({text})::json) WITH ORDINALITY AS item(value, place))"
        )

    def _one(self, level: _Level, edge: One, nodes: Sequence[FieldNode]) -> str:
        link = level.hand_in(edge.link)
        there = self._level(edge.to)
        document = self._document(there, _inner(nodes))
        only = [f"({there.text(condition)})" for condition in edge.only]
        order = f" ORDER BY {', '.join(map(there.text, edge.order))} LIMIT 1" if edge.order else ""
        conditions = [*self._seen(there), f"{there.text(edge.target)} = {link}", *only]
        where = " AND ".join(conditions)
        return f"(SELECT {document} FROM {there.source} WHERE {where}{order})"

    # Connections.

    def _connection(
        self,
        kind: Kind,
        nodes: Sequence[FieldNode],
        of: str,
        sort: str,
        edge: tuple[Many, str] | None,
    ) -> str:
        given = self.arguments(of, nodes[0])
        first = int(str(given.get("first", FIRST)))
        if not 0 < first <= MOST:
            raise FirstOutOfRange(first, MOST)
        asked = given.get("orderBy")
        sort = str(asked.value) if isinstance(asked, enum.Enum) else sort
        chosen = self.collect(f"{kind.name}Connection", _inner(nodes))
        before, self._around = self._around, self._around * first
        page = _Page(self._level(kind), sort, first, self._fills(kind, nodes[0], of, sort, given))
        page.is_bounded = any(found[0].name.value == "pageInfo" for found in chosen.values())
        if edge is not None:
            page.links = [f"{_text_of(kind, edge[0].target)[0]} = {edge[1]}"]
        shown = _object({key: self._of_page(page, found) for key, found in chosen.items()})
        self._around = before
        has_rows = any(found[0].name.value in _OF_ROWS for found in chosen.values())
        return self._rows(page, shown) if has_rows else f"(SELECT {shown})"

    def _fills(
        self, kind: Kind, node: FieldNode, of: str, sort: str, given: Arguments
    ) -> dict[str, Fill]:
        """Return what fills in the conditions of a filter and a cursor, where they are given."""
        asked = self._field(of, node)

        def filtered(who: Principal, variables: VariableValues) -> Filled:
            wanted = as_ours(get_argument_values(asked, node, variables)["filter"])
            return _compiled(kind, kind.wanted(who, read(kind.listing, wanted, "/filter")))

        def later(_: Principal, variables: VariableValues) -> Filled:
            cursor = str(get_argument_values(asked, node, variables)["after"])
            return _compiled(kind, [kind.collection.beyond(sort, cursor)])

        fills: dict[str, Fill] = {"filter": filtered, "after": later}
        return {name: fill for name, fill in fills.items() if given.get(name) is not None}

    def _of_page(self, page: "_Page", nodes: Sequence[FieldNode]) -> str:
        match nodes[0].name.value:
            case "nodes":
                return page.gathered(page.add(self._document(page.level, _inner(nodes))))
            case "edges":
                return page.gathered(self._edge(page, nodes))
            case "pageInfo":
                return self._page_info(page, nodes)
            case "totalCount":
                return self._count(page)
            case _:
                return f"'{page.level.kind.name}Connection'::text"

    def _edge(self, page: "_Page", nodes: Sequence[FieldNode]) -> str:
        name = f"{page.level.kind.name}Edge"
        members = {}
        for key, found in self.collect(name, _inner(nodes)).items():
            match found[0].name.value:
                case "node":
                    members[key] = page.add(self._document(page.level, _inner(found)))
                case "cursor":
                    page.has_keys = True
                    members[key] = cursor_sql(page.sort, "key", "row_id")
                case _:
                    members[key] = f"'{name}'::text"
        return _object(members)

    def _page_info(self, page: "_Page", nodes: Sequence[FieldNode]) -> str:
        members = {}
        for key, found in self.collect("PageInfo", _inner(nodes)).items():
            match found[0].name.value:
                case "hasNextPage":
                    members[key] = f"count(*) > {page.first}"
                case "hasPreviousPage":
                    members[key] = "true" if "after" in page.fills else "false"
                case "startCursor":
                    members[key] = page.cursor_at("1")
                case "endCursor":
                    members[key] = page.cursor_at(f"least({page.first}, count(*))")
                case _:
                    members[key] = "'PageInfo'::text"
        return _object(members)

    def _count(self, page: "_Page") -> str:
        level = _Level(page.level.kind, "")
        conditions = [*self._seen(level), *page.links]
        if "filter" in page.fills:
            level.joined = True
            conditions.append(self._slot(page.fills["filter"]))
        return f"(SELECT count(*) FROM {level.source} WHERE {' AND '.join(conditions)})"

    def _rows(self, page: "_Page", shown: str) -> str:
        level, row = page.level, f"{page.level.kind.table}.id"
        key, order = self._order(page)
        columns = [f"{document} AS {name}" for name, document in page.documents.items()]
        if page.has_keys:
            columns += [f"({key})::text AS key", f"{row}::text AS row_id"]
        if page.is_bounded:
            columns.append(f"row_number() OVER (ORDER BY {order}) AS place")
        conditions = [*self._seen(level), *page.links, *map(self._slot, page.fills.values())]
        level.joined = level.joined or bool(page.fills)
        return (
            f"(SELECT {shown} FROM (SELECT {', '.join(columns) or '1'} FROM {level.source} "
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY {order} LIMIT {page.first + page.is_bounded}) AS page)"
        )

    def _order(self, page: "_Page") -> tuple[str, str]:
        row = f"{page.level.kind.table}.id"
        key, descending = page.level.kind.collection.place(page.sort)
        downwards = " DESC" if descending else ""
        if page.sort.removeprefix("-") == "id":
            return row, row + downwards
        text = page.level.text(key)
        last = " NULLS LAST" if is_nullable(key) else ""
        return text, f"{text}{downwards}{last}, {row}{downwards}"


@dataclass
class _Page:
    """A page in the making: which rows, and what is to be said of them."""

    level: _Level
    sort: str
    first: int
    fills: Mapping[str, Fill]
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

    def cursor_at(self, place: str) -> str:
        """Return the cursor of one of the page's rows."""
        self.has_keys = True
        key, row = (f"(array_agg({name}))[{place}]" for name in ("key", "row_id"))
        return f"CASE WHEN count(*) > 0 THEN {cursor_sql(self.sort, key, row)} END"


# What does not change from query to query, as text.


@cache
def _text_of(kind: Kind, expression: Column) -> tuple[str, bool]:
    """Return an expression as text, and whether it needs what the kind's collection joins."""
    text = kind.collection.sql_of(expression)
    joined = any(re.search(rf"\b{name}\.", text) for name in _joined_names(kind))
    return text, joined


@cache
def _conditions(kind: Kind, sees_everything: bool) -> list[Condition]:
    collection = kind.collection
    hidden = [] if sees_everything else collection.seen(_ANY_SIGHT)
    return [*alive(collection.model), *hidden]


@cache
def _joined_names(kind: Kind) -> list[str]:
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


def _compiled(kind: Kind, conditions: Sequence[Condition]) -> Filled:
    """Return conditions as text with $1, $2, … and the values of these."""
    if not conditions:
        return "true", []
    model, source = kind.collection.model, kind.collection.source
    statement: Select[object] = select(literal_column("1")).select_from(
        model if source is None else source
    )
    # A mark, to find where the conditions begin; no value stands in the text.
    compiled = statement.where(literal_column(_MARK), *conditions).compile(dialect=DIALECT)
    state = compiled.construct_expanded_state()
    text = state.statement.partition(f"{_MARK} AND ")[2]
    # What is joined has parameters too, written before the mark.
    used = sorted({int(number) for number in re.findall(r"\$(\d+)", text)})
    places = {number: place for place, number in enumerate(used, 1)}
    given = list(state.positional_parameters)
    renumbered = re.sub(r"\$(\d+)", lambda found: f"${places[int(found[1])]}", text)
    return f"({renumbered})", [given[number - 1] for number in used]


def _named(kind: Kind, who: Principal, ref: Ref) -> Filled:
    """Return the condition that a row is the one that a reference names."""
    found = row_id(ref)
    if found is not None:
        return _with_id(kind, found)
    if not issubclass(kind.collection.model, Addressable):
        return "false", []
    return _compiled(kind, [identifies(kind.collection.model, who.tenant_id, ref)])


def _with_id(kind: Kind, found: UUID) -> Filled:
    return f"{kind.table}.id = $1::uuid", [found]


def _numbered_from(start: int, text: str) -> str:
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + start}", text)


def _object(members: Mapping[str, str]) -> str:
    """Return the JSON object of these; one of many is put together out of several."""
    pairs = [f"'{key}', {value}" for key, value in members.items()]
    parts = [pairs[start : start + _MOST_PAIRS] for start in range(0, len(pairs), _MOST_PAIRS)]
    built = [f"json_build_object({', '.join(part)})" for part in parts]
    if len(built) == 1:
        return built[0]
    inner = " || ', ' || ".join(f"substr(left({part}::text, -1), 2)" for part in built)
    return f"('{{' || {inner} || '}}')::json"


def _inner(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _hint(view: type[BaseModel], name: str) -> Hint:
    return view.model_fields[name].annotation


@cache
def _inner_type(annotation: Hint) -> tuple[object, bool]:
    """Return what a member's annotation is of at heart, and whether of several."""
    origin: object = get_origin(annotation)
    if origin is Annotated:
        return _inner_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _inner_type(next(p for p in get_args(annotation) if p is not type(None)))
    if origin is list:
        return _inner_type(get_args(annotation)[0])[0], True
    return annotation, False

"""Edges to many rows (Relay connections), each a page with what is to be said of it."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphql.execution.values import VariableValues

from graphql import FieldNode, get_argument_values
from okr_service.access.policy import Principal
from okr_service.graphql.errors import FirstOutOfRange
from okr_service.graphql.faults import read
from okr_service.graphql.kinds import Kind, Many
from okr_service.graphql.names import as_ours
from okr_service.graphql.projection.columns import object_of
from okr_service.graphql.projection.conditions import compiled
from okr_service.graphql.projection.cost import FIRST, MOST
from okr_service.graphql.projection.levels import Level, text_of
from okr_service.graphql.projection.making import Making
from okr_service.graphql.projection.pages import Page
from okr_service.graphql.projection.selections import Arguments, Selections, inner
from okr_service.graphql.projection.statement import Fill, Filled

Document = Callable[[Making, Level, Selections], str]
_OF_ROWS = frozenset({"nodes", "edges", "pageInfo"})


def connection(making: Making, kind: Kind, nodes: Sequence[FieldNode], document: Document) -> str:
    """Return a page of all rows of a kind; `document` shows one."""
    asked = _Asked.of(making, kind, "Query", nodes[0], kind.collection.default_sort)
    with making.within(making.scale.listed(asked.first)):
        return _Connection(making, asked.page(making, kind), document).shown(nodes)


def connection_of(
    making: Making, level: Level, edge: Many, nodes: Sequence[FieldNode], document: Document
) -> str:
    """Return a page of the rows that an edge leads to; `document` shows one."""
    kind, link = edge.to, level.hand_in(level.kind.collection.model.id)
    asked = _Asked.of(making, kind, level.kind.name, nodes[0], edge.sort)
    with making.within(making.scale.many(asked.first)):
        page = asked.page(making, kind)
        page.links = [f"{text_of(kind, edge.target)[0]} = {link}"]
        return _Connection(making, page, document).shown(nodes)


@dataclass(frozen=True)
class _Asked:
    """What the arguments of a connection ask for."""

    first: int
    sort: str
    fills: dict[str, Fill]

    @classmethod
    def of(cls, making: Making, kind: Kind, on: str, node: FieldNode, sort: str) -> "_Asked":
        given = making.selecting.arguments(on, node)
        first = int(str(given.get("first", FIRST)))
        if not 0 < first <= MOST:
            raise FirstOutOfRange(first, MOST)
        order = given.get("orderBy")
        sort = str(order.value) if isinstance(order, enum.Enum) else sort
        return cls(first, sort, _fills(making, kind, on, node, sort, given))

    def page(self, making: Making, kind: Kind) -> Page:
        return Page(making.level(kind), self.sort, self.first, self.fills)


def _fills(
    making: Making, kind: Kind, on: str, node: FieldNode, sort: str, given: Arguments
) -> dict[str, Fill]:
    """Return what fills in the conditions of a filter and a cursor, where they are given."""
    asked = making.selecting.field(on, node)

    def filtered(who: Principal, variables: VariableValues) -> Filled:
        wanted = as_ours(get_argument_values(asked, node, variables)["filter"])
        return compiled(kind, kind.wanted(who, read(kind.listing, wanted, "/filter")))

    def later(_: Principal, variables: VariableValues) -> Filled:
        cursor = str(get_argument_values(asked, node, variables)["after"])
        return compiled(kind, [kind.collection.beyond(sort, cursor)])

    fills: dict[str, Fill] = {"filter": filtered, "after": later}
    return {name: fill for name, fill in fills.items() if given.get(name) is not None}


@dataclass
class _Connection:
    making: Making
    page: Page
    document: Document

    def shown(self, nodes: Sequence[FieldNode]) -> str:
        """Return the JSON object of what is selected of the connection."""
        page, name = self.page, self.page.level.kind.name
        chosen = self.making.selecting.collect(f"{name}Connection", inner(nodes))
        asked = {found[0].name.value for found in chosen.values()}
        page.is_bounded = "pageInfo" in asked
        whole = object_of({key: self._member(found) for key, found in chosen.items()})
        if not asked & _OF_ROWS:
            return f"(SELECT {whole})"
        page.level.joined = page.level.joined or bool(page.fills)
        slots = [self.making.slot(fill) for fill in page.fills.values()]
        conditions = [*self.making.seen(page.level), *page.links, *slots]
        return f"(SELECT {whole} FROM {page.rows(conditions)})"

    def _member(self, nodes: Sequence[FieldNode]) -> str:
        match nodes[0].name.value:
            case "nodes":
                return self.page.gathered(self.page.add(self._node(nodes)))
            case "edges":
                return self.page.gathered(self._edge(nodes))
            case "pageInfo":
                return self._page_info(nodes)
            case "totalCount":
                return self._count()
            case _:
                return f"'{self.page.level.kind.name}Connection'::text"

    def _node(self, nodes: Sequence[FieldNode]) -> str:
        return self.document(self.making, self.page.level, inner(nodes))

    def _edge(self, nodes: Sequence[FieldNode]) -> str:
        name = f"{self.page.level.kind.name}Edge"
        members = {}
        for key, found in self.making.selecting.collect(name, inner(nodes)).items():
            match found[0].name.value:
                case "node":
                    members[key] = self.page.add(self._node(found))
                case "cursor":
                    members[key] = self.page.cursor()
                case _:
                    members[key] = f"'{name}'::text"
        return object_of(members)

    def _page_info(self, nodes: Sequence[FieldNode]) -> str:
        page, members = self.page, {}
        for key, found in self.making.selecting.collect("PageInfo", inner(nodes)).items():
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
        return object_of(members)

    def _count(self) -> str:
        level = Level(self.page.level.kind, "")
        conditions = [*self.making.seen(level), *self.page.links]
        if "filter" in self.page.fills:
            level.joined = True
            conditions.append(self.making.slot(self.page.fills["filter"]))
        return f"(SELECT count(*) FROM {level.source} WHERE {' AND '.join(conditions)})"

"""The way in: root fields of a query, and what a write shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from graphql.execution.values import VariableValues

from graphql import FieldNode, get_argument_values
from okr_service.access.policy import Principal
from okr_service.graphql.errors import TooManyIds
from okr_service.graphql.kinds import Kind
from okr_service.graphql.projection.conditions import named, with_id
from okr_service.graphql.projection.connections import connection
from okr_service.graphql.projection.levels import Level
from okr_service.graphql.projection.making import Making
from okr_service.graphql.projection.nodes import document
from okr_service.graphql.projection.selections import Selecting, Selections, inner
from okr_service.graphql.projection.statement import Fill, Filled, Statement
from okr_service.graphql.relay import read_global_id
from okr_service.kernel.fields import Ref

_MOST_IDS = 100
HAPPENED_TO = "\0"  # no name of a caller's


@dataclass(frozen=True)
class Projection:
    """Root fields as columns of one statement in the making."""

    kinds: Mapping[str, Kind]
    making: Making

    @property
    def selecting(self) -> Selecting:
        """Return what selections are read by."""
        return self.making.selecting

    def statement(self, columns: Sequence[str]) -> Statement:
        """Return the statement that selects these columns."""
        return self.making.statement(columns)

    def listed(self, kind: Kind, nodes: Sequence[FieldNode]) -> str:
        """Return a page of all rows of a kind."""
        return connection(self.making, kind, nodes, document)

    def by_reference(self, kind: Kind, nodes: Sequence[FieldNode]) -> str:
        """Return the node of a kind that the argument `ref` names."""
        asked = self.selecting.field("Query", nodes[0])

        def fill(who: Principal, variables: VariableValues) -> Filled:
            given = get_argument_values(asked, nodes[0], variables)
            return named(kind, who, Ref(str(given["ref"])))

        return self._select(self.making.level(kind), inner(nodes), fill)

    def written(self, kind: Kind, selections: Selections, row_id: Callable[[], UUID]) -> str:
        """Return the node that a write has just written; that by itself takes no permission."""
        level = self.making.level_just_written(kind)
        return self._select(level, selections, lambda *_: with_id(kind, row_id()))

    def told(self, kind: Kind, selections: Selections) -> str:
        """Return the node that something has just happened to: `HAPPENED_TO` of the variables."""

        def fill(_: Principal, variables: VariableValues) -> Filled:
            return with_id(kind, variables.coerced[HAPPENED_TO])

        return self._select(self.making.level(kind), selections, fill)

    def by_global_id(self, nodes: Sequence[FieldNode]) -> str:
        """Return the node that the argument `id` names, of whichever kind."""
        given = str(self.selecting.arguments("Query", nodes[0])["id"])
        return self._with_global_id(nodes, given, lambda arguments: arguments["id"])

    def by_global_ids(self, nodes: Sequence[FieldNode]) -> str:
        """Return the nodes that the argument `ids` names, in that order, null for absent ones."""
        ids = self.selecting.arguments("Query", nodes[0])["ids"]
        assert isinstance(ids, list)
        if len(ids) > _MOST_IDS:
            raise TooManyIds(len(ids), _MOST_IDS)
        found = [self._at(nodes, place, str(given)) for place, given in enumerate(ids)]
        return f"json_build_array({', '.join(found)})"

    def _at(self, nodes: Sequence[FieldNode], place: int, given: str) -> str:
        def taken(arguments: Mapping[str, object]) -> object:
            ids = arguments["ids"]
            assert isinstance(ids, list)
            return ids[place]

        return self._with_global_id(nodes, given, taken)

    def _with_global_id(
        self,
        nodes: Sequence[FieldNode],
        given: str,
        taken: Callable[[Mapping[str, object]], object],
    ) -> str:
        """Return the node with an id, which each request's arguments give anew."""
        told = read_global_id(given)
        kind = self.kinds.get(told.kind) if told else None
        if kind is None:
            return "NULL::json"
        asked = self.selecting.field("Query", nodes[0])

        def fill(_: Principal, variables: VariableValues) -> Filled:
            found = read_global_id(str(taken(get_argument_values(asked, nodes[0], variables))))
            assert found is not None, "its kind was read off it"
            return with_id(kind, found.row_id)

        return self._select(self.making.level(kind), inner(nodes), fill)

    def _select(self, level: Level, selections: Selections, fill: Fill) -> str:
        shown = document(self.making, level, selections)
        return self.making.select(level, shown, [self.making.slot(fill)])

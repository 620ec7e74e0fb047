"""How much an operation may ask for, told before it is validated or planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
)
from okr_service.graphql.errors import IntrospectionOff, TooDeep, TooManyAliases
from okr_service.settings import Settings

_OF_THE_SCHEMA = frozenset({"__schema", "__type"})  # deep by nature, and bounded by validation


@dataclass(frozen=True)
class Size:
    """How deep selections nest, and how many of their fields are aliases or repeated."""

    depth: int = 0
    aliases: int = 0


@dataclass
class _Measure:
    fragments: Mapping[str, FragmentDefinitionNode]
    asks_for_schema: bool = False
    _known: dict[str, Size] = field(default_factory=dict)

    def of(self, nodes: Sequence[SelectionNode]) -> Size:
        """Measure selections; a fragment is measured once, however often it is spread."""
        sizes = [self._of_one(node) for node in nodes]
        keys = [(n.alias or n.name).value for n in nodes if isinstance(n, FieldNode)]
        repeated = len(keys) - len(set(keys))
        depth = max((size.depth for size in sizes), default=0)
        return Size(depth, repeated + sum(size.aliases for size in sizes))

    def _of_one(self, node: SelectionNode) -> Size:
        if isinstance(node, FieldNode):
            return self._of_field(node)
        if isinstance(node, InlineFragmentNode):
            return self.of(node.selection_set.selections)
        assert isinstance(node, FragmentSpreadNode)
        name = node.name.value
        if name not in self._known:
            self._known[name] = Size()  # where it spreads itself: validation refuses that
            part = self.fragments.get(name)
            if part is not None:
                self._known[name] = self.of(part.selection_set.selections)
        return self._known[name]

    def _of_field(self, node: FieldNode) -> Size:
        alias = int(node.alias is not None)
        if node.name.value in _OF_THE_SCHEMA:
            self.asks_for_schema = True
            return Size(1, alias)
        inner = self.of(node.selection_set.selections) if node.selection_set else Size()
        return Size(inner.depth + 1, inner.aliases + alias)


def require_modest(
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    settings: Settings,
) -> None:
    """Let an operation through that stays within the limits.

    Raises:
        TooDeep, TooManyAliases, IntrospectionOff.
    """
    measure = _Measure(fragments)
    size = measure.of(operation.selection_set.selections)
    if size.depth > settings.graphql_depth_limit:
        raise TooDeep(size.depth, settings.graphql_depth_limit)
    if size.aliases > settings.graphql_alias_limit:
        raise TooManyAliases(size.aliases, settings.graphql_alias_limit)
    if measure.asks_for_schema and not settings.graphql_introspection:
        raise IntrospectionOff

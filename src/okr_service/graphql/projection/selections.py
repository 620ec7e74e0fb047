"""Which fields a selection comes to, through fragments, aliases and directives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphql.execution.values import VariableValues

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

Selections = Sequence[SelectionSetNode]
Arguments = Mapping[str, object]
_Part = InlineFragmentNode | FragmentDefinitionNode


@dataclass(frozen=True)
class Selecting:
    """What it takes to read selections: the schema, fragments, and values of variables."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

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

    def _part(self, node: SelectionNode) -> _Part:
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

    def _fits(self, type_name: str, part: _Part) -> bool:
        if part.type_condition is None:
            return True
        asked = part.type_condition.name.value
        made = self.schema.type_map[type_name]
        assert isinstance(made, GraphQLObjectType)
        return asked == type_name or asked in {one.name for one in made.interfaces}

    def arguments(self, type_name: str, node: FieldNode) -> Arguments:
        """Return a field's arguments, coerced."""
        return get_argument_values(self.field(type_name, node), node, self.variables)

    def field(self, type_name: str, node: FieldNode) -> GraphQLField:
        """Return what the schema says of a field."""
        made = self.schema.type_map[type_name]
        assert isinstance(made, GraphQLObjectType)
        found: GraphQLField = made.fields[node.name.value]
        return found


def inner(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    """Return what is selected of a field, wherever it is asked for."""
    return [node.selection_set for node in nodes if node.selection_set is not None]

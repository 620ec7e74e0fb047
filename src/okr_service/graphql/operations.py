"""Operations, read, judged and planned once, however often they are asked."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from graphql.execution.values import VariableValues

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_variable_values,
    parse,
    validate,
    visit,
)
from okr_service.graphql.errors import TooCostly, TooManyTokens
from okr_service.graphql.kinds import Kind
from okr_service.graphql.limits import require_modest
from okr_service.graphql.projection.making import Making
from okr_service.graphql.projection.root_fields import Projection
from okr_service.graphql.projection.selections import Selecting, inner
from okr_service.graphql.projection.statement import Statement
from okr_service.graphql.relay import read_global_id
from okr_service.graphql.schema import Roots
from okr_service.settings import Settings

_KEPT, _PLANS_KEPT, _LONGEST_KEPT = 500, 50, 20_000
_DECIDING = frozenset({"first", "orderBy", "id", "ids"})  # arguments that decide what is written


class DocumentErrors(Exception):
    """A document or its variables are not what the schema takes."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(str(errors[0]))
        self.errors = errors


@dataclass(frozen=True)
class Plan:
    """One statement for all root fields of a query: each a column, by response key."""

    statement: Statement | None
    columns: Mapping[str, tuple[FieldNode, Kind | None]]  # a kind: absent is an error
    names: tuple[str, ...]  # response keys whose value is the name of the query type


@dataclass(eq=False)
class Prepared:
    """An operation that has been read and judged."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    is_projectable: bool
    deciding: frozenset[str]
    plans: dict[Hashable, Plan] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """Return what the operation is called, if anything."""
        return self.operation.name.value if self.operation.name else None

    @property
    def is_query(self) -> bool:
        """Say whether it only reads."""
        return self.operation.operation is OperationType.QUERY

    @property
    def is_mutation(self) -> bool:
        """Say whether it writes."""
        return self.operation.operation is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Say whether it follows what happens."""
        return self.operation.operation is OperationType.SUBSCRIPTION


class Operations:
    """The operations that were asked lately, and their plans."""

    def __init__(self, schema: GraphQLSchema, roots: Roots, settings: Settings) -> None:
        self.schema, self.roots, self._settings = schema, roots, settings
        self._kept: dict[tuple[str, str | None], Prepared] = {}

    def prepare(self, text: str, name: str | None) -> Prepared:
        """Return an operation of a document, ready to be answered.

        Raises:
            DocumentErrors, TooManyTokens, TooDeep, TooManyAliases, IntrospectionOff.
        """
        known = self._kept.get((text, name))
        if known is not None:
            return known
        made = self._prepared(text, name)
        if len(text) <= _LONGEST_KEPT:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[text, name] = made
        return made

    def _prepared(self, text: str, name: str | None) -> Prepared:
        document = self._parsed(text)
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        operation = _chosen(document, name)
        require_modest(operation, fragments, self._settings)
        if errors := validate(self.schema, document, max_errors=10):
            raise DocumentErrors(errors)
        deciding = _Deciding()
        visit(document, deciding)
        prepared = Prepared(document, operation, fragments, False, frozenset(deciding.found))
        prepared.is_projectable = prepared.is_query and self._is_projectable(prepared)
        return prepared

    def _parsed(self, text: str) -> DocumentNode:
        limit = self._settings.graphql_token_limit
        try:
            return parse(text, max_tokens=limit)
        except GraphQLError as error:
            if "tokens. Parsing aborted" in error.message:
                raise TooManyTokens(limit) from error
            raise DocumentErrors([error]) from error
        except RecursionError as error:
            raise TooManyTokens(limit) from error

    def _is_projectable(self, prepared: Prepared) -> bool:
        known = {*self.roots.single, *self.roots.listed, "node", "nodes", "__typename"}
        everything = self.projection(prepared, VariableValues({}, {}), sees_everything=True)
        found = everything.selecting.all_fields("Query", [prepared.operation.selection_set])
        return all(node.name.value in known for node in found)

    def variables(self, prepared: Prepared, given: Mapping[str, object]) -> VariableValues:
        """Return the values of an operation's variables; raises DocumentErrors."""
        definitions = prepared.operation.variable_definitions
        if not definitions:
            return VariableValues({}, {})
        found = get_variable_values(self.schema, definitions, dict(given), max_errors=10)
        if isinstance(found, list):
            raise DocumentErrors(found)
        return found

    def projection(
        self, prepared: Prepared, variables: VariableValues, *, sees_everything: bool
    ) -> Projection:
        """Return a statement in the making for parts of an operation."""
        selecting = Selecting(self.schema, prepared.fragments, variables)
        return Projection(self.roots.kinds, Making(selecting, sees_everything))

    def plan(self, prepared: Prepared, variables: VariableValues, *, sees_everything: bool) -> Plan:
        """Return the plan of a query whose root fields can all be projected.

        Raises:
            TooCostly, FirstOutOfRange.
        """
        key = (sees_everything, *_decided(prepared, variables.coerced))
        if key not in prepared.plans:
            made = self._plan(prepared, variables, sees_everything=sees_everything)
            if len(prepared.plans) >= _PLANS_KEPT:
                prepared.plans.clear()
            prepared.plans[key] = made
        return prepared.plans[key]

    def _plan(
        self, prepared: Prepared, variables: VariableValues, *, sees_everything: bool
    ) -> Plan:
        making = self.projection(prepared, variables, sees_everything=sees_everything)
        columns: dict[str, tuple[FieldNode, Kind | None]] = {}
        texts, names = [], []
        chosen = making.selecting.collect("Query", [prepared.operation.selection_set])
        for key, nodes in chosen.items():
            if nodes[0].name.value == "__typename":
                names.append(key)
                continue
            text, kind = self.column(making, nodes)
            columns[key] = (nodes[0], kind)
            texts.append(text)
        statement = self.affordable(making.statement(texts)) if texts else None
        return Plan(statement, columns, tuple(names))

    def plan_told(
        self, prepared: Prepared, variables: VariableValues, *, sees_everything: bool
    ) -> Plan:
        """Return how what a subscription tells shows the row that something happened to.

        Raises:
            TooCostly, FirstOutOfRange.
        """
        key = (sees_everything, *_decided(prepared, variables.coerced))
        if key not in prepared.plans:
            made = self._plan_told(prepared, variables, sees_everything=sees_everything)
            if len(prepared.plans) >= _PLANS_KEPT:
                prepared.plans.clear()
            prepared.plans[key] = made
        return prepared.plans[key]

    def _plan_told(
        self, prepared: Prepared, variables: VariableValues, *, sees_everything: bool
    ) -> Plan:
        making = self.projection(prepared, variables, sees_everything=sees_everything)
        selecting, whole = making.selecting, [prepared.operation.selection_set]
        (roots,) = selecting.collect("Subscription", whole).values()
        name = roots[0].name.value
        kind = self.roots.followed[name].shows
        member = kind.name[0].lower() + kind.name[1:]
        told = selecting.collect(f"{name[0].upper()}{name[1:]}", inner(roots))
        nodes = {key: nodes for key, nodes in told.items() if nodes[0].name.value == member}
        texts = [making.told(kind, inner(each)) for each in nodes.values()]
        statement = self.affordable(making.statement(texts)) if texts else None
        return Plan(statement, {key: (each[0], kind) for key, each in nodes.items()}, ())

    def column(self, making: Projection, nodes: list[FieldNode]) -> tuple[str, Kind | None]:
        """Return a root field as SQL, and its kind where it is an error not to find it."""
        name = nodes[0].name.value
        if name in self.roots.single:
            kind = self.roots.single[name]
            return making.by_reference(kind, nodes), kind
        if name == "node":
            return making.by_global_id(nodes), None
        if name == "nodes":
            return making.by_global_ids(nodes), None
        return making.listed(self.roots.listed[name], nodes), None

    def affordable(self, statement: Statement) -> Statement:
        """Let a statement through that does not show too much; raises TooCostly."""
        limit = self._settings.graphql_cost_limit
        if statement.cost > limit:
            raise TooCostly(statement.cost, limit)
        return statement


class _Deciding(Visitor):
    """Finds the variables whose values decide what is written, not only what is filled in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self._note(*(argument.value for argument in node.arguments or ()))

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        if node.name.value in _DECIDING:
            self._note(node.value)

    def _note(self, *values: Node) -> None:
        for value in values:
            if isinstance(value, VariableNode):
                self.found.add(value.name.value)
            self._note(*getattr(value, "values", ()))


def _decided(prepared: Prepared, values: Mapping[str, object]) -> list[Hashable]:
    """Return what a request's variables decide: some by value, others by being given."""
    return [
        (name, _hashable(value) if name in prepared.deciding else value is not None)
        for name, value in values.items()
    ]


def _hashable(value: object) -> Hashable:
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, str):
        named = read_global_id(value)
        return value if named is None else named.kind
    return value if isinstance(value, Hashable) else repr(value)


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (name is None or (node.name is not None and node.name.value == name))
    ]
    if len(found) == 1:
        return found[0]
    told = "Say by operationName which operation is meant."
    if not found:
        told = "The document has no such operation."
    raise DocumentErrors([GraphQLError(told)])

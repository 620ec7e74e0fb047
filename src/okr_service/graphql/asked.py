"""An operation that somebody asks, and what answering any part of it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql.execution.values import VariableValues

from graphql import FieldNode, GraphQLResolveInfo, get_argument_values
from okr_service.access.policy import Principal, require
from okr_service.graphql.operations import Operations, Prepared
from okr_service.graphql.projection.root_fields import Projection
from okr_service.graphql.projection.statement import Statement
from okr_service.kernel.database import Reading, fetch_bytes
from okr_service.kernel.fields import Ref
from okr_service.kernel.messages import Language
from okr_service.kernel.replica import Reads
from okr_service.serving import Exchange, Service

Resolving = GraphQLResolveInfo[Any]


@dataclass(frozen=True)
class Asked:
    """One operation that somebody asks, with the values of its variables."""

    operations: Operations
    service: Service
    who: Principal
    language: Language
    prepared: Prepared
    raw_variables: Mapping[str, object]
    variables: VariableValues
    exchange: Exchange
    reads: Reads

    def projection(self) -> Projection:
        """Return a statement in the making for parts of the operation."""
        sees_everything = self.who.sight.everything
        return self.operations.projection(
            self.prepared, self.variables, sees_everything=sees_everything
        )

    def require(self, statement: Statement) -> None:
        """Let a statement through whose permissions the caller has; raises NotPermitted."""
        for permission in statement.needs:
            require(self.who, permission)

    async def read(self, statement: Statement) -> list[bytes | None]:
        """Return the columns of a statement that the caller may ask; raises NotPermitted."""
        self.require(statement)
        return await self.reads.read(self.who.tenant_id, lambda tx: self.fetch(tx, statement))

    async def fetch(self, tx: Reading, statement: Statement) -> list[bytes | None]:
        """Return the columns of a statement."""
        text, values = statement.filled(self.who, self.variables)
        return await fetch_bytes(tx, text, values)

    def arguments(self, raw: Resolving) -> Mapping[str, Any]:
        """Return the arguments of a root field."""
        field = raw.parent_type.fields[raw.field_name]
        return get_argument_values(field, raw.field_nodes[0], self.variables)

    def reference(self, node: FieldNode) -> Ref:
        """Return what the argument `ref` of a root field names."""
        field = self.operations.schema.query_type.fields[node.name.value]  # type: ignore[union-attr]
        return Ref(str(get_argument_values(field, node, self.variables)["ref"]))

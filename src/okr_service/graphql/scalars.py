"""Scalars: each takes text or numbers as they come; the shapes judge them, as for REST."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NewType
from uuid import UUID

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graphql import (
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    ValueNode,
    value_from_ast_untyped,
)
from okr_service.graphql.relay import reference
from okr_service.kernel.fields import Exact, Ref

Json = NewType("Json", object)


def _as_it_is(value: object) -> object:
    return value


def _reference(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("A reference is text.")
    return reference(value)


def _exactly(node: ValueNode, _: object = None) -> object:
    """Read a number in a document digit by digit; as a float it would lose some."""
    if isinstance(node, IntValueNode | FloatValueNode):
        return Decimal(node.value)
    return value_from_ast_untyped(node)


def _scalar(name: str, description: str, url: str | None = None) -> ScalarDefinition:
    return strawberry.scalar(
        name=name,
        description=description,
        specified_by_url=url,
        serialize=_as_it_is,
        parse_value=_as_it_is,
    )


_DECIMAL = strawberry.scalar(
    name="Decimal",
    description="An exact decimal in text, so that no digit is lost; numbers are taken too.",
    serialize=_as_it_is,
    parse_value=_as_it_is,
    parse_literal=_exactly,
)
SCALARS: Mapping[object, ScalarDefinition] = {
    Exact: _DECIMAL,
    Decimal: _DECIMAL,
    UUID: _scalar("UUID", "A UUID (RFC 9562).", "https://www.rfc-editor.org/rfc/rfc9562"),
    date: _scalar("Date", "A day, as 2026-09-30 (ISO 8601)."),
    datetime: _scalar(
        "DateTime",
        "A moment, as 2026-09-30T08:00:00Z (RFC 3339).",
        "https://www.rfc-editor.org/rfc/rfc3339",
    ),
    Json: _scalar("JSON", "Any JSON value."),
    Ref: strawberry.scalar(
        name="Ref",
        description="What names a thing: its `id`, its `rowId`, `external:` and the caller's own "
        "key, or, for cycles, the code.",
        serialize=_as_it_is,
        parse_value=_reference,
    ),
}

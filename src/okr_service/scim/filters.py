"""Filters and orders of SCIM as conditions and expressions of SQL.

They mean what `ScimFilter.match` means; the storage contract of scim2-server holds each
against it. A comparison with what is not there is false, never unknown, so that `not` turns it
round.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from scim2_models import InvalidFilterException, InvalidPathException, Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)
from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    cast,
    false,
    func,
    not_,
    or_,
    true,
)
from sqlalchemy.orm import QueryableAttribute

_ALIKE = "C"  # the order of code points, whatever the database's own
_IN_TEXT = {CompareOperator.co, CompareOperator.sw, CompareOperator.ew}
Condition = ColumnElement[bool]
Column = ColumnElement[Any]  # of any type: attributes differ

_COMPARED: Mapping[CompareOperator, Callable[[Any, Any], Condition]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
}


@dataclass(frozen=True)
class Columns:
    """Where the attributes of a resource are, by their paths without the schema of the resource.

    `many` says of an attribute with many values what the condition on one of them comes to
    for the resource; by those of `several`, which may be more than one, nothing sorts.
    `sought` narrows a text's `eq` down to rows that an index finds.
    """

    core: str
    values: Mapping[str, Column | QueryableAttribute[Any]]
    many: Mapping[str, Callable[[Condition], Condition]] = field(default_factory=dict)
    several: frozenset[str] = frozenset()
    sought: Mapping[str, Callable[[str], Condition]] = field(default_factory=dict)

    def name(self, binding: AttributeBinding) -> str:
        """Return what an attribute is called here."""
        return binding.urn.removeprefix(f"{self.core}:")

    def ordered(self, binding: AttributeBinding) -> Column:
        """Return what an attribute sorts by.

        Raises:
            InvalidPathException: it is nowhere in the database, or several times.
        """
        name = self.name(binding)
        if name not in self.values or name.partition(".")[0] in self.several:
            raise InvalidPathException(path=name, detail=f"'{name}' cannot be sorted by")
        value = self.value(name)
        if isinstance(value.type, Uuid):
            value = cast(value, Text)
        if isinstance(value.type, Text):
            return folded(value, exact=binding.case_exact).collate(_ALIKE)
        return value

    def value(self, name: str) -> Column:
        """Return where an attribute is; raises InvalidFilterException."""
        if name not in self.values:
            raise InvalidFilterException(detail=f"'{name}' cannot be filtered by")
        found = self.values[name]
        return found.expression if isinstance(found, QueryableAttribute) else found


def folded(value: Column, *, exact: bool) -> Column:
    """Return a text as it is compared."""
    return value if exact else func.lower(func.normalize(value))


def condition(columns: Columns, wanted: ScimFilter[Any] | None) -> Condition:
    """Return the condition that a filter is; raises InvalidFilterException."""
    return true() if wanted is None else _Conditions(columns, wanted).visit(wanted.ast)


class _Conditions(FilterVisitor[Condition]):
    """Makes a condition of each expression; `of` is the attribute whose values are selected."""

    def __init__(
        self, columns: Columns, wanted: ScimFilter[Resource[Any]], of: AttrPath | None = None
    ) -> None:
        self._columns, self._wanted, self._of = columns, wanted, of

    def _path(self, path: AttrPath) -> AttrPath:
        return path if self._of is None else AttrPath(self._of.attr, path.attr, self._of.uri)

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        terms: list[Condition] = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op == LogicalOperator.and_ else or_(*terms)

    def visit_value_path(self, node: ValuePath) -> Condition:
        inner = _Conditions(self._columns, self._wanted, node.attr_path)
        return self._of_many(node.attr_path.attr, inner.visit(node.val_filter))

    def visit_present(self, node: Present) -> Condition:
        binding = self._wanted.resolve(self._path(node.attr_path), strict=False)
        if binding is None:
            return false()
        name = self._columns.name(binding)
        parts = [part for part in self._columns.values if part.startswith(f"{name}.")] or [name]
        return self._of_values(binding, or_(*(_is_there(self._columns.value(p)) for p in parts)))

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._wanted.resolve_comparison(self._path(node.attr_path), strict=False)
        if binding is None:
            return false()
        if node.op == CompareOperator.ne and binding.is_multivalued and self._of is None:
            return not_(self._compared(binding, CompareOperator.eq, node.value))
        return self._compared(binding, node.op, node.value)

    def _compared(self, binding: AttributeBinding, op: CompareOperator, given: object) -> Condition:
        name = self._columns.name(binding)
        value = self._columns.value(name)
        if isinstance(given, str) and not storable(given):
            raise InvalidFilterException(detail=f"'{name}' is compared with no text")
        expected = binding.comparable(coerce_value(binding, given, op))
        if expected is None:
            there = self._of_values(binding, value.is_not(None))
            return {CompareOperator.eq: not_(there), CompareOperator.ne: there}.get(op, false())
        met: Condition
        if isinstance(value.type, Uuid) and op == CompareOperator.eq:
            met = _known(value, value == _id(expected))
        elif isinstance(value.type, Text | Uuid):
            text = value if isinstance(value.type, Text) else cast(value, Text)
            met = _text_meets(folded(text, exact=binding.case_exact), op, str(expected))
        elif op in _IN_TEXT or (isinstance(value.type, DateTime) and not hasattr(expected, "year")):
            met = false()
        else:
            met = _meets(value, op, expected)
        if op == CompareOperator.eq and name in self._columns.sought:
            met = and_(self._columns.sought[name](str(given)), met)
        return self._of_values(binding, met)

    def _of_values(self, binding: AttributeBinding, met: Condition) -> Condition:
        """Return what a condition on a value comes to for the resource, or within its attribute."""
        if self._of is not None or not binding.is_multivalued:
            return met
        return self._of_many(self._columns.name(binding).partition(".")[0], met)

    def _of_many(self, attribute: str, met: Condition) -> Condition:
        named = {name.lower(): name for name in self._columns.many}
        if attribute.lower() not in named:
            raise InvalidFilterException(detail=f"'{attribute}' cannot be filtered by")
        return self._columns.many[named[attribute.lower()]](met)


def storable(text: str) -> bool:
    """Say whether PostgreSQL could hold a text, and so be asked for it."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _is_there(value: Column) -> Condition:
    if isinstance(value.type, Text):
        return _known(value, value != "")
    return value.is_not(None)


def _text_meets(value: Column, op: CompareOperator, given: str) -> Condition:
    found: Condition
    match op:
        case CompareOperator.co:
            found = func.strpos(value, given) > 0
        case CompareOperator.sw:
            found = func.starts_with(value, given)
        case CompareOperator.ew:
            found = func.right(value, len(given)) == given
        case CompareOperator.eq | CompareOperator.ne:
            return _meets(value, op, given)
        case _:
            return _meets(value.collate(_ALIKE), op, given)
    return _known(value, found)


def _known(value: Column, met: Condition) -> Condition:
    """Return a condition that is false where there is no value; an index can answer it."""
    return and_(met, value.is_not(None))


def _meets(value: Column, op: CompareOperator, given: object) -> Condition:
    if op == CompareOperator.ne:
        return value.is_distinct_from(given)
    if isinstance(value.type, Boolean):  # what has an order was refused before
        return _known(value, value.is_(given))
    return _known(value, _COMPARED[op](value, given))


def _id(given: object) -> UUID | None:
    """Return the id that a text is; another way to write it is another text."""
    try:
        found = UUID(str(given))
    except ValueError:
        return None
    return found if str(found) == given else None

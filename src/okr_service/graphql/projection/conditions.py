"""Conditions as text with $1, $2, … and the values of these."""

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal_column, select

from okr_service.access.policy import Principal
from okr_service.graphql.kinds import Kind
from okr_service.graphql.projection.statement import Filled
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import Addressable
from okr_service.kernel.references import identifies, row_id
from okr_service.kernel.sql import DIALECT

Condition = ColumnElement[bool]
_MARK = "'where'"


def compiled(kind: Kind, conditions: Sequence[Condition]) -> Filled:
    """Return conditions on rows of a kind."""
    if not conditions:
        return "true", []
    model, source = kind.collection.model, kind.collection.source
    statement: Select[object] = select(literal_column("1")).select_from(
        model if source is None else source
    )
    # A mark, to find where the conditions begin; no value stands in the text.
    made = statement.where(literal_column(_MARK), *conditions).compile(dialect=DIALECT)
    state = made.construct_expanded_state()
    text = state.statement.partition(f"{_MARK} AND ")[2]
    # What is joined has parameters too, written before the mark.
    used = sorted({int(number) for number in re.findall(r"\$(\d+)", text)})
    places = {number: place for place, number in enumerate(used, 1)}
    given = list(state.positional_parameters)
    renumbered = re.sub(r"\$(\d+)", lambda found: f"${places[int(found[1])]}", text)
    return f"({renumbered})", [given[number - 1] for number in used]


def named(kind: Kind, who: Principal, ref: Ref) -> Filled:
    """Return the condition that a row is the one that a reference names."""
    found = row_id(ref)
    if found is not None:
        return with_id(kind, found)
    if not issubclass(kind.collection.model, Addressable):
        return "false", []
    return compiled(kind, [identifies(kind.collection.model, who.tenant_id, ref)])


def with_id(kind: Kind, found: UUID) -> Filled:
    """Return the condition that a row has an id."""
    return f"{kind.table}.id = $1::uuid", [found]

"""Pages of what a filter finds: by their places, or by a cursor (RFC 9865)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scim2_models import InvalidCursorException, SearchRequest
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    and_,
    func,
    or_,
)
from sqlalchemy.orm import InstrumentedAttribute

from okr_service.kernel.database import Reading
from okr_service.scim.filters import Column, Columns, condition

_NEXT, _PREVIOUS = "next", "previous"


@dataclass(frozen=True)
class Found:
    """The ids of a page, in their order, and the places of the pages around it."""

    total: int | None
    ids: Sequence[UUID]
    next: object = None
    previous: object = None


@dataclass(frozen=True)
class _Order:
    """By what rows are sorted: a value, those that have none last; then their ids."""

    value: Column | None
    row_id: Column
    descending: bool

    def by(self, *, backwards: bool) -> list[ColumnElement[Any]]:
        keys: list[Column] = [self.row_id]
        if self.value is not None:
            keys = [self.value.is_(None), self.value, self.row_id]
        down = self.descending != backwards
        return [key.desc() if down else key.asc() for key in keys]

    def beyond(self, value: object, row_id: UUID, *, backwards: bool) -> ColumnElement[bool]:
        """Return the condition that a row comes after a place, or before it."""
        down = self.descending != backwards
        further = self.row_id < row_id if down else self.row_id > row_id
        if self.value is None:
            return further
        none = self.value.is_(None)
        if value is None:
            return or_(none.is_(False), further) if down else and_(none, further)
        same = and_(self.value == value, further)
        if down:
            return or_(self.value < value, same)
        return or_(none, self.value > value, same)


async def page_of(
    tx: Reading,
    columns: Columns,
    asked: Callable[..., Select[Any]],
    row_id: InstrumentedAttribute[UUID],
    wanted: SearchRequest[Any],
    position: object,
) -> Found:
    """Find a page.

    Raises:
        InvalidFilterException, InvalidPathException: the filter or the order is of what is not
            in the database.
        InvalidCursorException: the position is none of this order.
    """
    order = _order(columns, row_id, wanted)
    met = condition(columns, wanted.filter)
    if wanted.cursor is None:
        total = await tx.scalar(asked(func.count()).where(met))
        if not wanted.count:
            return Found(total, [])
        of_page = asked(row_id).where(met).order_by(*order.by(backwards=False))
        of_page = of_page.limit(wanted.count).offset(wanted.start_index_0)
        return Found(total, list(await tx.scalars(of_page)))
    return await _by_cursor(tx, asked, order, met, wanted.count or 0, position)


def _order(
    columns: Columns, row_id: InstrumentedAttribute[UUID], wanted: SearchRequest[Any]
) -> _Order:
    descending = wanted.sort_order == SearchRequest.SortOrder.descending
    if wanted.sort_by is None:
        return _Order(None, row_id.expression, descending=False)
    binding = wanted.sort_binding(wanted.sort_by.models[0])
    assert binding is not None, "the request was validated"
    return _Order(columns.ordered(binding), row_id.expression, descending)


async def _by_cursor(
    tx: Reading,
    asked: Callable[..., Select[Any]],
    order: _Order,
    met: ColumnElement[bool],
    count: int,
    position: object,
) -> Found:
    if not count:
        return Found(None, [])
    backwards = False
    if position is not None:
        direction, value, row_id = _read(position, order)
        backwards = direction == _PREVIOUS
        met = and_(met, order.beyond(value, row_id, backwards=backwards))
    key = order.row_id if order.value is None else order.value
    of_page = asked(order.row_id, key.label("key")).where(met)
    ordered = of_page.order_by(*order.by(backwards=backwards)).limit(count + 1)
    rows = [
        (found, None if order.value is None else key) for found, key in await tx.execute(ordered)
    ]
    more, rows = len(rows) > count, rows[:count]
    if backwards:
        rows.reverse()
    return Found(
        None,
        [found for found, _ in rows],
        _place(_NEXT, rows[-1]) if rows and (more or backwards) else None,
        _place(_PREVIOUS, rows[0]) if rows and (more if backwards else position) else None,
    )


def _place(direction: str, row: tuple[UUID, object]) -> list[object]:
    row_id, value = row
    return [direction, value.isoformat() if isinstance(value, datetime) else value, str(row_id)]


def _read(position: object, order: _Order) -> tuple[str, object, UUID]:
    """Return a place that `_place` wrote; raises InvalidCursorException."""
    try:
        place: Any = position  # what JSON holds
        direction, value, row_id = place
        if order.value is not None and isinstance(order.value.type, DateTime) and value is not None:
            value = datetime.fromisoformat(value)
        return str(direction), value, UUID(row_id)
    except (TypeError, ValueError) as error:
        raise InvalidCursorException from error

"""Answers built by PostgreSQL as JSON, passed on as they are.

A `Collection` says once how a kind of row is shown, filtered, ordered and what
can be included, and which rows a caller sees; single answers and pages both come
from it, so that they cannot disagree.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TypeVar
from uuid import UUID

import orjson
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Label,
    LargeBinary,
    Numeric,
    Select,
    SQLColumnExpression,
    Text,
    TextClause,
    Uuid,
    and_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

from okr_service.kernel.database import Reading
from okr_service.kernel.errors import FieldError, InvalidCursor, InvalidQuery
from okr_service.kernel.model import TenantRow
from okr_service.kernel.reach import PERSON, UNITS, Reach, reach_parameters
from okr_service.kernel.references import alive
from okr_service.kernel.sql import DIALECT

_MADE = "made"
_SHAPES_KEPT = 1000
_BIGINT_BITS = 64
_MOST_DIGITS = 1000
_V = TypeVar("_V")
Expression = SQLColumnExpression[object]
Document = Mapping[str, Expression]
Seen = Callable[[Reach], list[ColumnElement[bool]]]  # the conditions that rows seen so far meet


def open_to_all(_: Reach) -> list[ColumnElement[bool]]:
    """Hide no row of the tenant's."""
    return []


def json_object(document: Document) -> Expression:
    """Build one JSON object out of named expressions."""
    pairs: list[object] = []
    for name, value in document.items():
        pairs += (literal(name, literal_execute=True), value)
    return func.json_build_object(*pairs)


def figure(column: SQLColumnExpression[Decimal | None]) -> Expression:
    """Show a figure as a string, so that no client loses a digit."""
    return cast(func.trim_scale(column), Text)


def ratio(column: SQLColumnExpression[Decimal | None]) -> Expression:
    """Show a progress or weight as a plain JSON number without trailing zeros."""
    return func.trim_scale(column)


@dataclass(frozen=True)
class PageRequest:
    """Which page of a list is wanted, and how its items are to look."""

    limit: int = 50
    cursor: str | None = None
    sort: str | None = None
    fields: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exact_count: bool = False


@dataclass(frozen=True)
class Representation:
    """One row as JSON text, with its version (1 for rows that never change)."""

    text: str
    version: int


@dataclass(frozen=True)
class Page:
    """A page as JSON in UTF-8, and where the next one starts."""

    data: bytes
    next_cursor: str | None
    total: int | None


@dataclass(frozen=True)
class Collection:
    """How one kind of row is shown, ordered and expanded, and which rows are seen.

    `masks` are what members and inclusions look like to those who do not see everything:
    links to what they do not see are null to them. They may use `reach_parameters`.
    """

    model: type[TenantRow]
    document: Document
    sorts: Mapping[str, Expression]
    seen: Seen
    includes: Document = field(default_factory=dict)
    masks: Document = field(default_factory=dict)
    default_sort: str = "id"
    _made: dict[tuple[tuple[str, ...], tuple[str, ...], bool], TextClause] = field(
        default_factory=dict, compare=False, repr=False
    )
    _first_pages: dict[tuple[UUID, PageRequest], Select[bytes, int, str, str]] = field(
        default_factory=dict, compare=False, repr=False
    )
    source: FromClause | None = None  # what to select from, when it is more than the model

    def rows(self, *columns: Expression, tenant_id: UUID) -> Select[*tuple[object, ...]]:
        """Select columns of the tenant's rows that are not deleted."""
        statement = select(*columns).where(self.model.tenant_id == tenant_id)
        if self.source is not None:
            statement = statement.select_from(self.source)
        return statement.where(*alive(self.model))

    async def one(
        self,
        tx: Reading,
        tenant_id: UUID,
        sight: Reach,
        condition: ColumnElement[bool],
        request: PageRequest | None = None,
    ) -> Representation | None:
        """Return one row, or None where no row that is seen meets the condition."""
        version = getattr(self.model, "version", literal(1)).label("version")
        shown = self.rows(version, tenant_id=tenant_id).add_columns(
            self._json(request or PageRequest(), sight)
        )
        row = shown.where(condition, *self.seen(sight)).subquery("shown")
        statement = select(literal_column("doc::text", Text()), row.c.version).select_from(row)
        found = (await tx.execute(statement, _given(sight))).one_or_none()
        return None if found is None else Representation(str(found[0]), int(str(found[1])))

    async def page(
        self,
        tx: Reading,
        tenant_id: UUID,
        sight: Reach,
        conditions: Sequence[ColumnElement[bool]],
        request: PageRequest,
    ) -> Page:
        """Return a page of the rows that are seen.

        Raises:
            InvalidQuery: the order, a field or an inclusion is not one this list knows.
            InvalidCursor: the cursor is not of this list in this order.
        """
        name, descending = self._order(request)
        conditions = [*conditions, *self.seen(sight)]
        statement = self._kept_statement(tenant_id, sight, conditions, request)
        data, count, last_key, last_id = (await tx.execute(statement, _given(sight))).one()
        more = count > request.limit
        cursor = encode_cursor(f"{'-' * descending}{name}", last_key, last_id) if more else None
        total = None
        if request.exact_count:
            counted = self.rows(func.count(), tenant_id=tenant_id).where(*conditions)
            total = int(str(await tx.scalar(counted)))
        return Page(data, cursor, total)

    def _kept_statement(
        self,
        tenant_id: UUID,
        sight: Reach,
        conditions: Sequence[ColumnElement[bool]],
        request: PageRequest,
    ) -> Select[bytes, int, str, str]:
        """Return the statement of a page; that of a first page without conditions is kept.

        It is kept for those who see everything, so that nobody gets another's.
        """
        if conditions or request.cursor or not sight.everything:
            return self.page_statement(tenant_id, sight, conditions, request)
        first = (tenant_id, request)
        if first not in self._first_pages:
            if len(self._first_pages) >= _SHAPES_KEPT:
                self._first_pages.clear()
            self._first_pages[first] = self.page_statement(tenant_id, sight, (), request)
        return self._first_pages[first]

    def page_statement(
        self,
        tenant_id: UUID,
        sight: Reach,
        conditions: Sequence[ColumnElement[bool]],
        request: PageRequest,
    ) -> Select[bytes, int, str, str]:
        """Return the statement of a page: its JSON, how many rows, the last one's place."""
        name, descending = self._order(request)
        key = self._key(name)
        order = [column.desc() if descending else column.asc() for column in (key, self.model.id)]
        if is_nullable(key):
            order[0] = order[0].nulls_last()
        wanted = (
            self.rows(
                cast(key, Text).label("key"),
                cast(self.model.id, Text).label("id"),
                func.row_number().over(order_by=order).label("place"),
                tenant_id=tenant_id,
            )
            .add_columns(self._json(request, sight))
            .where(*conditions)
            .order_by(*order)
            # Written out, so that PostgreSQL, which would expect far more rows, keeps one plan.
            .limit(literal(request.limit + 1, literal_execute=True))
        )
        if request.cursor:
            after, after_id = decode_cursor(request.cursor, f"{'-' * descending}{name}", key)
            wanted = wanted.where(self._after(key, after, after_id, descending))
        return select(*_gathered(request.limit)).select_from(wanted.subquery("wanted"))

    def place(self, sort: str) -> tuple[Expression, bool]:
        """Return what an order sorts by, and whether downwards; ids tell equals apart.

        Raises:
            InvalidQuery: it is not one that this list knows.
        """
        name, descending = self._order(PageRequest(sort=sort))
        return self._key(name), descending

    def beyond(self, sort: str, cursor: str) -> ColumnElement[bool]:
        """Return the condition that rows come after a cursor of an order.

        Raises:
            InvalidQuery, InvalidCursor.
        """
        key, descending = self.place(sort)
        after, after_id = decode_cursor(cursor, sort, key)
        return self._after(key, after, after_id, descending)

    def _after(
        self, key: Expression, value: object, row_id: UUID, descending: bool
    ) -> ColumnElement[bool]:
        beyond_id = self.model.id < row_id if descending else self.model.id > row_id
        if value is None:
            return and_(key.is_(None), beyond_id)
        after = literal(value, _type(key))
        if not is_nullable(key):
            here, there = tuple_(key, self.model.id), tuple_(after, literal(row_id))
            return here < there if descending else here > there
        beyond = key < after if descending else key > after
        return or_(beyond, and_(key == after, beyond_id), key.is_(None))

    def _order(self, request: PageRequest) -> tuple[str, bool]:
        sort = request.sort or self.default_sort
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        if name != "id" and name not in self.sorts:
            raise _unknown("sort", name, self.sorts)
        return name, descending

    def _key(self, name: str) -> Expression:
        return self.sorts.get(name, self.model.id)

    def _json(self, request: PageRequest, sight: Reach) -> TextClause:
        """Build a row's JSON object, `doc`, out of what is asked for.

        An object of thirty expressions takes SQLAlchemy longer to put together, and
        to know again, than PostgreSQL to run; so each shape is made into SQL once.
        """
        shape = (request.fields, request.include, sight.everything)
        if shape not in self._made:
            sql = self.sql_of(json_object(self._shown(request, sight)))
            if len(self._made) >= _SHAPES_KEPT:
                self._made.clear()
            doc = text(f"({sql}) AS doc")
            uses_reach = not sight.everything and UNITS in sql
            self._made[shape] = doc.bindparams(*reach_parameters()) if uses_reach else doc
        return self._made[shape]

    def sql_of(self, expression: Expression) -> str:
        """Return an expression as text, for a statement that selects from this collection."""
        made: Label[object] = expression.label(_MADE)
        whole = (
            select(made)
            .select_from(self.model if self.source is None else self.source)
            .compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
        )
        return str(whole).removeprefix("SELECT ").rpartition(f" AS {_MADE}")[0]

    def _shown(self, request: PageRequest, sight: Reach) -> dict[str, Expression]:
        for name in request.include:
            if name not in self.includes:
                raise _unknown("include", name, self.includes)
        everything = {**self.document, **{n: self.includes[n] for n in request.include}}
        if not sight.everything:
            everything |= {n: mask for n, mask in self.masks.items() if n in everything}
        if not request.fields:
            return everything
        for name in request.fields:
            if name not in self.document:
                raise _unknown("fields", name, self.document)
        kept = {"id", *request.fields, *request.include}
        return {name: value for name, value in everything.items() if name in kept}


def within_reach(unit_id: Expression, owner_id: Expression) -> ColumnElement[bool]:
    """Return the condition, for a mask, that a row of this unit and owner is within reach."""
    given: list[Expression] = [literal_column(f":{name}") for name in (UNITS, PERSON)]
    return func.okr_within(unit_id, owner_id, *given, type_=Boolean)


def _given(sight: Reach) -> dict[str, object]:
    return {} if sight.everything else sight.parameters


@cache
def _gathered(limit: int) -> tuple[Label[bytes], Label[int], Label[str], Label[str]]:
    """Return a page's columns over `wanted`, which has one row more than fits the page.

    The page is sent as bytes: making a Python string of it, to make bytes of that
    again, costs as much as all else that is done with it here.
    """
    docs = f"coalesce(json_agg(doc ORDER BY place) FILTER (WHERE place <= {limit:d})::text, '[]')"
    last = f"FILTER (WHERE place = {limit:d})"
    return (
        literal_column(f"convert_to({docs}, 'UTF8')", LargeBinary()).label("data"),
        literal_column("count(*)", Integer()).label("count"),
        literal_column(f"max(key) {last}", Text()).label("last_key"),
        literal_column(f"max(id) {last}", Text()).label("last_id"),
    )


def json_list(document: Document, condition: ColumnElement[bool], *order: Expression) -> Expression:
    """Build a JSON array of the related rows that meet a condition, in order."""
    listed = func.json_agg(aggregate_order_by(json_object(document), *order))
    empty = func.json_build_array()
    return select(func.coalesce(listed, empty)).where(condition).scalar_subquery()


def encode_cursor(sort: str, key: str | None, row_id: str | None) -> str:
    """Make an opaque cursor of an order and the last row's place in it."""
    return base64.urlsafe_b64encode(orjson.dumps([sort, key, row_id])).decode().rstrip("=")


def decode_cursor(cursor: str, sort: str, key: Expression) -> tuple[object, UUID]:
    """Return the sort key and the id a cursor was made of.

    Raises:
        InvalidCursor: it is not a cursor, or one of another order.
    """
    try:
        made_for, value, row_id = orjson.loads(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        if made_for != sort:
            raise InvalidCursor
        return (None if value is None else _typed(value, key)), UUID(row_id)
    except (ValueError, TypeError, ArithmeticError, AttributeError, binascii.Error) as error:
        raise InvalidCursor from error


def _typed(value: str, key: Expression) -> object:
    match _type(key):
        case DateTime():
            return datetime.fromisoformat(value).astimezone(UTC)
        case Date():
            return date.fromisoformat(value)
        case Integer():
            number = int(value)
            return _required(number, number.bit_length() < _BIGINT_BITS)
        case Numeric():
            figure = Decimal(value)
            return _required(figure, figure.is_finite() and abs(figure.adjusted()) < _MOST_DIGITS)
        case Uuid():
            return UUID(value)
        case _:
            return _required(str(value), "\0" not in value)


def _required(value: _V, fits: bool) -> _V:
    """Refuse what PostgreSQL has no value for."""
    if not fits:
        raise ValueError
    return value


def _type(key: Expression) -> TypeEngine[object]:
    found: TypeEngine[object] = key.type  # type: ignore[attr-defined] # each has one, undeclared
    return found


def is_nullable(key: Expression) -> bool:
    """Say whether rows may lack what they are sorted by; those come last."""
    return bool(getattr(key, "nullable", True))


def _unknown(parameter: str, name: str, known: Mapping[str, object]) -> InvalidQuery:
    facts: dict[str, object] = {"given": name, "expected": ", ".join(sorted(known))}
    return InvalidQuery([FieldError(f"/{parameter}", "not-allowed", facts)])

"""Writing a row: insert, change as one new version, delete; broken constraints named."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    ColumnClause,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from okr_service.kernel.database import Transaction, constraint_name
from okr_service.kernel.errors import ExternalIdTaken, StillInUse
from okr_service.kernel.model import Model, Resource
from okr_service.kernel.references import alive, among

_R = TypeVar("_R", bound=Resource)
_RECORDS = "records"


async def add(tx: Transaction, row: Model) -> None:
    """Insert a row.

    Raises:
        ExternalIdTaken: another row of its kind has its external id.
    """
    tx.add(row)
    await _flush(tx, row)


@dataclass(frozen=True)
class Edited:
    """What an edit changed, by column: the values before and after."""

    before: Mapping[str, object]
    after: Mapping[str, object]


def differences(row: object, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the wanted values that the row does not have yet, by column."""
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


async def change(
    tx: Transaction, row: Resource, changes: Mapping[str, object]
) -> dict[str, object]:
    """Write changes to a row as one new version; returns the values before.

    Raises:
        ExternalIdTaken: another row of its kind has the new external id.
    """
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = func.clock_timestamp()
    await _flush(tx, row)
    return before


async def add_all(
    tx: Transaction, model: type[Model], rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert many rows, all with values for the same columns, in one statement."""
    if not rows:
        return
    given = _given(model, rows[0])
    records = select(*(given.c[name] for name in rows[0]))
    written = insert(_table(model)).from_select(list(rows[0]), records)
    await tx.execute(written, {_RECORDS: _json(rows)})


async def taken(
    tx: Transaction, model: type[Resource], tenant_id: UUID, keys: Iterable[str | None]
) -> set[str]:
    """Return which external ids other rows of a kind have, seen or not."""
    wanted = sorted({key for key in keys if key is not None})
    if not wanted:
        return set()
    of = (model.tenant_id == tenant_id, among(model.external_id, wanted), *alive(model))
    return {str(key) for key in await tx.scalars(select(model.external_id).where(*of))}


async def change_all(
    tx: Transaction, changes: Sequence[tuple[_R, Mapping[str, object]]]
) -> list[dict[str, object]]:
    """Write changes to rows that are held, each as one new version; returns the values before.

    Raises:
        ExternalIdTaken: there is one change, and another row has the new external id.
    """
    if len(changes) <= 1:
        return [await change(tx, row, values) for row, values in changes]
    before = [{name: getattr(row, name) for name in values} for row, values in changes]
    alike: defaultdict[tuple[str, ...], list[dict[str, object]]] = defaultdict(list)
    for row, values in changes:
        alike[tuple(sorted(values))].append({"id": row.id, **values})
    model, tenant_id = type(changes[0][0]), changes[0][0].tenant_id
    table = _table(model)
    for names, rows in alike.items():
        given = _given(model, ["id", *names])
        written = (
            update(table)
            .where(table.c.tenant_id == tenant_id, table.c.id == given.c.id)
            .values({name: given.c[name] for name in names})
            .values(version=table.c.version + 1, updated_at=func.clock_timestamp())
        )
        await tx.execute(written, {_RECORDS: _json(rows)})
    of = (model.tenant_id == tenant_id, among(model.id, [row.id for row, _ in changes]))
    fresh = select(model).where(*of).execution_options(populate_existing=True)
    (await tx.scalars(fresh)).all()
    return before


def _table(model: type[Model]) -> Table:
    return Model.metadata.tables[model.__tablename__]


def _given(model: type[Model], names: Iterable[str]) -> TableValuedAlias:
    """Return rows of a table's shape, read from JSON; all values travel as one parameter."""
    table = _table(model)
    records = cast(bindparam(_RECORDS, type_=Text), JSON)
    shape: ColumnClause[object] = literal_column(f"CAST(NULL AS {table.name})")
    read = func.json_populate_recordset(shape, records)
    return read.table_valued(*(column(name, table.c[name].type) for name in names), name="given")


def _json(rows: Sequence[Mapping[str, object]]) -> str:
    return orjson.dumps(rows, default=_plain).decode()


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


async def delete(tx: Transaction, row: Model) -> None:
    """Delete a row.

    Raises:
        StillInUse: other rows refer to it.
    """
    await tx.delete(row)
    try:
        await tx.flush()
    except IntegrityError as error:
        raise StillInUse from error


async def _flush(tx: Transaction, row: Model) -> None:
    wanted = row.external_id if isinstance(row, Resource) else None  # unreadable once it failed
    try:
        await tx.flush()
    except IntegrityError as error:
        if "external_id" in constraint_name(error) and wanted is not None:
            raise ExternalIdTaken(wanted).at("/external_id") from error
        raise

"""Addressing a row by our id, by the caller's key, or by its code."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    SQLColumnExpression,
    Text,
    Uuid,
    and_,
    any_,
    false,
    literal,
    or_,
    select,
)

from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import NotFound, VersionMismatch
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import Addressable, TenantRow

EXTERNAL = "external:"
Versions = frozenset[int] | None  # the versions an edit is meant for; None: whichever it is
_R = TypeVar("_R", bound=Addressable)


def external_id(ref: Ref) -> str | None:
    """Return the external id that a reference names, or None when it names something else."""
    return ref[len(EXTERNAL) :] if ref.startswith(EXTERNAL) else None


def identifies(model: type[_R], tenant_id: UUID, ref: Ref | UUID) -> ColumnElement[bool]:
    """Return the condition for the row of this tenant that the reference names."""
    return and_(model.tenant_id == tenant_id, _names(model, ref), *alive(model))


def alive(model: type[TenantRow]) -> list[ColumnElement[bool]]:
    """Return the condition that a row is not deleted, for those that are kept when they are."""
    return [model.deleted_at.is_(None)] if hasattr(model, "deleted_at") else []


def _names(model: type[_R], ref: Ref | UUID) -> ColumnElement[bool]:
    if isinstance(ref, UUID):
        return model.id == ref
    if (key := external_id(ref)) is not None:
        return model.external_id == key
    if (found := row_id(ref)) is not None:
        return model.id == found
    code: ColumnElement[str] | None = getattr(model, "code", None)
    return false() if code is None else code == ref


async def resolve(
    tx: Reading,
    model: type[_R],
    tenant_id: UUID,
    ref: Ref | UUID,
    absent: NotFound,
    seen: Sequence[ColumnElement[bool]] = (),
) -> UUID:
    """Return the id of the row that a reference names; raises `absent` if none that is seen."""
    named = select(model.id).where(identifies(model, tenant_id, ref), *seen)
    found: UUID | None = await tx.scalar(named)
    if found is None:
        raise absent
    return found


@dataclass(frozen=True)
class Named:
    """The ids of rows, by the references that name them."""

    ids: Mapping[Ref, UUID]
    absent: Callable[[str], NotFound]

    def id(self, ref: Ref, pointer: str) -> UUID:
        """Return the id that a field's reference names; raises `absent` of it."""
        found = self.ids.get(ref)
        if found is None:
            raise self.absent(ref).at(pointer)
        return found

    def optional(self, ref: Ref | None, pointer: str) -> UUID | None:
        """Return the id that a field's reference names, if the field holds one."""
        return None if ref is None else self.id(ref, pointer)


async def name(
    tx: Reading,
    model: type[_R],
    tenant_id: UUID,
    refs: Iterable[Ref | None],
    absent: Callable[[str], NotFound],
    seen: Sequence[ColumnElement[bool]] = (),
) -> Named:
    """Find the rows that many references name, among those that are seen, in one statement."""
    ids, keys, codes = _sorted_out({ref for ref in refs if ref is not None})
    code: SQLColumnExpression[str] | None = getattr(model, "code", None)
    names = [
        *([among(model.id, list(ids.values()))] if ids else []),
        *([among(model.external_id, list(keys.values()))] if keys else []),
        *([among(code, codes)] if codes and code is not None else []),
    ]
    if not names:
        return Named({}, absent)
    columns = (model.id, model.external_id, literal(None) if code is None else code)
    named = select(*columns).where(model.tenant_id == tenant_id, or_(*names), *alive(model), *seen)
    rows = (await tx.execute(named)).all()
    by_id = {row[0]: row[0] for row in rows}
    by_key = {row[1]: row[0] for row in rows}
    by_code = {row[2]: row[0] for row in rows}
    found = {
        **{ref: by_id.get(value) for ref, value in ids.items()},
        **{ref: by_key.get(value) for ref, value in keys.items()},
        **{ref: by_code.get(str(ref)) for ref in codes},
    }
    return Named({ref: value for ref, value in found.items() if value is not None}, absent)


def _sorted_out(refs: Collection[Ref]) -> tuple[dict[Ref, UUID], dict[Ref, str], list[Ref]]:
    keys = {ref: key for ref in refs if (key := external_id(ref)) is not None}
    ids = {ref: found for ref in refs if ref not in keys and (found := row_id(ref))}
    return ids, keys, [ref for ref in refs if ref not in keys and ref not in ids]


def among(
    column: SQLColumnExpression[UUID]
    | SQLColumnExpression[UUID | None]
    | SQLColumnExpression[str]
    | SQLColumnExpression[str | None],
    values: Sequence[UUID] | Sequence[str],
) -> ColumnElement[bool]:
    """Return the condition that a column holds one of many values, as one parameter."""
    if not values:
        return false()
    kind = Uuid() if isinstance(values[0], UUID) else Text()
    return column == any_(literal(list(values), ARRAY(kind)))


async def lock(
    tx: Transaction,
    model: type[_R],
    tenant_id: UUID,
    ref: Ref | UUID,
    absent: NotFound,
    expected: Versions = None,
    seen: Sequence[ColumnElement[bool]] = (),
    permit: Callable[[_R], Awaitable[None]] | None = None,
) -> _R:
    """Return the row, held until the transaction ends.

    Raises:
        absent: there is no such row, or none that is seen.
        VersionMismatch: the row's version is not one of those expected.
        And what `permit` raises of a row that the caller may not write.
    """
    row = await tx.scalar(
        select(model)
        .where(identifies(model, tenant_id, ref), *seen)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise absent
    if permit is not None:
        await permit(row)
    if expected is not None and getattr(row, "version", 1) not in expected:
        raise VersionMismatch
    return row


def refers(
    column: SQLColumnExpression[UUID | None],
    model: type[_R],
    tenant_id: UUID,
    refs: Sequence[Ref],
) -> ColumnElement[bool]:
    """Return the condition that a link points to one of the rows that references name."""
    ids = [found for ref in refs if (found := row_id(ref))]
    if len(ids) == len(refs):
        return column.in_(ids)
    named = or_(*(_names(model, ref) for ref in refs))
    return column.in_(select(model.id).where(model.tenant_id == tenant_id, named, *alive(model)))


def row_id(ref: Ref) -> UUID | None:
    """Return the id that a reference names, or None when it names something else."""
    try:
        return UUID(ref)
    except ValueError:
        return None


def ref(row_id: UUID | None) -> Ref | None:
    """Return the reference that names a row by its id."""
    return None if row_id is None else Ref(str(row_id))

"""Addressing a row by our id, by the caller's key, or by its code."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, false, or_, select

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

"""Holding key results until the transaction ends, to change them or what hangs from them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    or_,
    select,
)

from okr_service.access.policy import Principal
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Versions, alive, among
from okr_service.objectives.access import key_result_seen, require_plans
from okr_service.objectives.errors import (
    KeyResultNotFound,
)
from okr_service.objectives.model import KeyResult


async def lock_key_result(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> KeyResult:
    """Return a key result that the caller may plan, held until the transaction ends.

    Raises:
        NotPermitted, KeyResultNotFound, VersionMismatch.
    """

    async def permit(row: KeyResult) -> None:
        await require_plans(tx, who, row.objective_id, row.owner_id)

    absent, seen = KeyResultNotFound(str(ref)), key_result_seen(who.sight)
    return await references.lock(tx, KeyResult, who.tenant_id, ref, absent, expected, seen, permit)


async def hold_key_result(tx: Transaction, who: Principal, key_result_id: UUID) -> KeyResult:
    """Return a key result, held for a change of what hangs from it; raises KeyResultNotFound."""
    absent, seen = KeyResultNotFound(str(key_result_id)), key_result_seen(who.sight)
    return await references.lock(tx, KeyResult, who.tenant_id, key_result_id, absent, seen=seen)


async def hold_key_results(
    tx: Transaction, who: Principal, key_result_ids: Collection[UUID]
) -> dict[UUID, KeyResult]:
    """Return those of key results that are seen, held for changes of what hangs from them."""
    if not key_result_ids:
        return {}
    return {row.id: row for row in await _hold(tx, who, among(KeyResult.id, list(key_result_ids)))}


async def hold_named(
    tx: Transaction, who: Principal, external_ids: Collection[str], ids: Collection[UUID]
) -> Sequence[KeyResult]:
    """Return the same by their external ids, or their ids."""
    if not external_ids and not ids:
        return []
    by_key, by_id = list(external_ids), list(ids)
    named = or_(among(KeyResult.external_id, by_key), among(KeyResult.id, by_id))
    return await _hold(tx, who, named)


async def _hold(tx: Transaction, who: Principal, which: ColumnElement[bool]) -> Sequence[KeyResult]:
    of = (KeyResult.tenant_id == who.tenant_id, which)
    seen = (*alive(KeyResult), *key_result_seen(who.sight))
    held = select(KeyResult).where(*of, *seen).order_by(KeyResult.id)
    fresh = held.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await tx.scalars(fresh)).all()

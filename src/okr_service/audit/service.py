"""Recording what a write changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert

from okr_service.access.policy import Principal
from okr_service.audit.model import AuditEvent
from okr_service.kernel.database import Transaction
from okr_service.kernel.model import new_id


@dataclass(frozen=True)
class Change:
    """What happened to one thing: `subject` is its kind, `before` and `after` what differs."""

    action: str
    subject: str
    subject_id: UUID
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


async def record(tx: Transaction, who: Principal, *changes: Change) -> None:
    """Write down changes in the transaction that made them."""
    await record_all(tx, who, changes)


async def record_all(tx: Transaction, who: Principal, changes: Iterable[Change]) -> None:
    """Write down many changes at once."""
    rows = [
        {
            "tenant_id": who.tenant_id,
            "id": new_id(),
            "action": change.action,
            "subject": change.subject,
            "subject_id": change.subject_id,
            "credential": who.credential,
            "request_id": who.request_id,
            "before": change.before,
            "after": change.after,
        }
        for change in changes
    ]
    if rows:
        await tx.execute(insert(AuditEvent), rows)

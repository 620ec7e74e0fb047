"""Recording what a write changed: in the audit, and in the feed that others read."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Text, Uuid, bindparam, cast, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB

from okr_service.access.policy import Principal
from okr_service.audit.model import AuditEvent, AuditPersonalData
from okr_service.events.published import type_of
from okr_service.kernel.database import Transaction
from okr_service.kernel.model import new_id

_LANE = "the lane that this transaction writes its audit events in"
_GATHERING = "audit events to write later"
_MOST_GATHERED = 5_000
_TENANT_ID = bindparam("tenant_id", type_=Uuid)
# Read once for both, which OFFSET 0 sees to: of an import it is megabytes.
_GIVEN = (
    select(cast(bindparam("changes", type_=Text), JSONB).label("changes"))
    .offset(literal_column("0"))
    .subquery("given")
)
_RECORD = select(
    func.okr_record(
        _TENANT_ID,
        bindparam("actor_id", type_=Uuid),
        bindparam("credential", type_=Text),
        bindparam("request_id", type_=Text),
        _GIVEN.c.changes,
        bindparam("preferred", type_=BigInteger),
    ),
    func.okr_publish(_TENANT_ID, _GIVEN.c.changes),
)


@dataclass(frozen=True)
class Change:
    """What happened to one thing: `subject` is its kind, `before` and `after` what differs.

    Of a `person` it is personal data, which is kept where it can be erased. Whoever knows
    which objective the thing hangs from may say so, and saves a look-up.
    """

    action: str
    subject: str
    subject_id: UUID
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    objective_id: UUID | None = None


_NOT_SAID = ("tenant_id", "id")


def created(subject: str) -> Callable[[Mapping[str, object]], Change]:
    """Return what makes the change of a new row, given with its tenant and id."""

    def change(row: Mapping[str, object]) -> Change:
        row_id = row["id"]
        assert isinstance(row_id, UUID)
        said = {name: value for name, value in row.items() if name not in _NOT_SAID}
        objective_id = row.get("objective_id")
        assert objective_id is None or isinstance(objective_id, UUID)
        return Change("created", subject, row_id, after=said, objective_id=objective_id)

    return change


@dataclass
class _Gathering:
    who: Principal
    changes: list[Change] = field(default_factory=list)


async def record(tx: Transaction, who: Principal, *changes: Change) -> None:
    """Write down changes in the transaction that made them."""
    await record_all(tx, who, changes)


async def record_all(tx: Transaction, who: Principal, changes: Iterable[Change]) -> None:
    """Write down many changes at once."""
    gathering: _Gathering | None = tx.info.get(_GATHERING)
    if gathering is None:
        await _write(tx, who, list(changes))
        return
    assert gathering.who == who, "a transaction is of one caller"
    gathering.changes.extend(changes)
    if len(gathering.changes) >= _MOST_GATHERED:
        await _write_gathered(tx, gathering)


@asynccontextmanager
async def gathered(tx: Transaction, who: Principal) -> AsyncIterator[None]:
    """Let the events of many changes wait, and write them together at the end of the block.

    Each `record` moves the head of its lane, and PostgreSQL gets slower with each time
    that one transaction writes the same row. Nothing is written where the block fails;
    what it takes back by itself, within, must have been written before.
    """
    if _GATHERING in tx.info:
        yield
        return
    gathering = tx.info[_GATHERING] = _Gathering(who)
    try:
        yield
    finally:
        del tx.info[_GATHERING]
    await _write_gathered(tx, gathering)


async def _write_gathered(tx: Transaction, gathering: _Gathering) -> None:
    changes, gathering.changes = gathering.changes, []
    await _write(tx, gathering.who, changes)


async def _write(tx: Transaction, who: Principal, changes: list[Change]) -> None:
    if not changes:
        return
    of = {
        "tenant_id": who.tenant_id,
        "actor_id": who.person_id,
        "credential": who.credential,
        "request_id": who.request_id,
        "changes": orjson.dumps([_event(change) for change in changes], default=_plain).decode(),
        "preferred": tx.info.get(_LANE),
    }
    # Only preferred: where a savepoint that took it was rolled back, others may have it.
    tx.info[_LANE] = await tx.scalar(_RECORD, of)


def _event(change: Change) -> dict[str, object]:
    return {
        "id": new_id(),
        "action": change.action,
        "subject": change.subject,
        "subject_id": change.subject_id,
        "type": type_of(change.subject, change.action),
        "objective_id": change.objective_id,
        "before": change.before,
        "after": change.after,
    }


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


async def is_known(tx: Transaction, who: Principal, subject: str, subject_id: UUID) -> bool:
    """Say whether there is an event about a thing, which may be gone itself."""
    about = select(AuditEvent.id).where(
        AuditEvent.tenant_id == who.tenant_id,
        AuditEvent.subject_id == subject_id,
        AuditEvent.subject == subject,
    )
    return await tx.scalar(about.limit(1)) is not None


async def erase_personal_data(tx: Transaction, who: Principal, person_id: UUID) -> int:
    """Erase what events say of a person, for good; returns of how many events.

    The events themselves stay, and so does the proof that they are what they were.
    """
    erased = await tx.execute(
        delete(AuditPersonalData)
        .where(
            AuditPersonalData.tenant_id == who.tenant_id,
            AuditPersonalData.person_id == person_id,
        )
        .returning(AuditPersonalData.event_id)
        .execution_options(synchronize_session=False)
    )
    return len(erased.all())

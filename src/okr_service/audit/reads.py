"""How audit events are shown, found and exported."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, join, select, tuple_

from okr_service.audit.model import AuditEvent, AuditPersonalData
from okr_service.audit.shapes import AuditEventsWanted
from okr_service.kernel.database import Database
from okr_service.kernel.documents import Collection, json_object, open_to_all

_WITH_PERSONAL_DATA = join(
    AuditEvent,
    AuditPersonalData,
    and_(
        AuditPersonalData.tenant_id == AuditEvent.tenant_id,
        AuditPersonalData.event_id == AuditEvent.id,
    ),
    isouter=True,
)

AUDIT_EVENTS = Collection(
    AuditEvent,
    {
        "id": AuditEvent.id,
        "occurred_at": AuditEvent.occurred_at,
        "action": AuditEvent.action,
        "subject": AuditEvent.subject,
        "subject_id": AuditEvent.subject_id,
        "actor_id": AuditEvent.actor_id,
        "credential": AuditEvent.credential,
        "request_id": AuditEvent.request_id,
        "before": func.coalesce(AuditEvent.before, AuditPersonalData.before),
        "after": func.coalesce(AuditEvent.after, AuditPersonalData.after),
        "erased": and_(
            AuditEvent.personal_digest.is_not(None), AuditPersonalData.event_id.is_(None)
        ),
        "lane": AuditEvent.lane,
        "place": AuditEvent.place,
        "hash": func.encode(AuditEvent.hash, "hex"),
        "personal_digest": func.encode(AuditEvent.personal_digest, "hex"),
    },
    seen=open_to_all,
    sorts={"occurred_at": AuditEvent.occurred_at},
    default_sort="-occurred_at",
    source=_WITH_PERSONAL_DATA,
)
_LINE = cast(
    json_object(
        {**AUDIT_EVENTS.document, "personal_salt": func.encode(AuditPersonalData.salt, "hex")}
    ),
    Text,
)


def audit_events_wanted(wanted: AuditEventsWanted) -> list[ColumnElement[bool]]:
    """Return the conditions that audit events must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.subject:
        conditions.append(AuditEvent.subject.in_(wanted.subject))
    if wanted.subject_id:
        conditions.append(AuditEvent.subject_id == wanted.subject_id)
    if wanted.action:
        conditions.append(AuditEvent.action.in_(wanted.action))
    if wanted.actor_id:
        conditions.append(AuditEvent.actor_id == wanted.actor_id)
    if wanted.credential:
        conditions.append(AuditEvent.credential == wanted.credential)
    if wanted.request_id:
        conditions.append(AuditEvent.request_id == wanted.request_id)
    if wanted.occurred_from:
        conditions.append(AuditEvent.occurred_at >= wanted.occurred_from)
    if wanted.occurred_until:
        conditions.append(AuditEvent.occurred_at < wanted.occurred_until)
    return conditions


async def exported(
    database: Database,
    tenant_id: UUID,
    conditions: Sequence[ColumnElement[bool]],
    at_once: int = 1_000,
) -> AsyncIterator[bytes]:
    """Give audit events until now as lines of JSON, the oldest first, so many at once.

    Each part is read by itself, so that a slow reader holds neither a connection nor a
    snapshot. Of each lane it gives all until some place: who recorded later than now in
    a lane has waited for those before.
    """
    async with database.reading(tenant_id) as connection:
        now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    until_now = [*conditions, AuditEvent.occurred_at < now]
    after: tuple[datetime, UUID] | None = None
    while True:
        async with database.reading(tenant_id) as connection:
            wanted = _part(tenant_id, until_now, after).limit(at_once)
            rows = (await connection.execute(wanted)).all()
        if not rows:
            return
        yield "".join(f"{line}\n" for line, _, _ in rows).encode()
        after = rows[-1][1], rows[-1][2]


def _part(
    tenant_id: UUID,
    conditions: Sequence[ColumnElement[bool]],
    after: tuple[datetime, UUID] | None,
) -> Select[str, datetime, UUID]:
    place = (AuditEvent.occurred_at, AuditEvent.id)
    wanted = (
        select(_LINE, *place)
        .select_from(_WITH_PERSONAL_DATA)
        .where(AuditEvent.tenant_id == tenant_id, *conditions)
        .order_by(*place)
    )
    return wanted if after is None else wanted.where(tuple_(*place) > after)

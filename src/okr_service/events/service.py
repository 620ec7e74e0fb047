"""Appending events that no write records, placing events in the feed, and forgetting them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from okr_service.events.model import Event, EventFeed
from okr_service.events.shapes import EventType
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.model import new_id
from okr_service.kernel.telemetry import counter

PLACED_AT_ONCE = 5_000  # events
_placed = counter("okr.events.placed", "Events that got their place in a tenant's feed.")
_forgotten = counter("okr.events.forgotten", "Events deleted, for they were kept long enough.")
_TENANT_ID = bindparam("tenant_id", type_=Uuid)
_MOST = bindparam("most", type_=Integer)
_PUBLISH = select(func.okr_publish(_TENANT_ID, cast(bindparam("told", type_=Text), JSONB)))
_PLACE = select(func.okr_place_events(_TENANT_ID, _MOST))
_FORGET = select(
    func.okr_forget_events(_TENANT_ID, bindparam("older", type_=DateTime(timezone=True)), _MOST)
)
_LAST_PLACE = (
    select(func.coalesce(func.max(EventFeed.last_place), 0))
    .where(EventFeed.tenant_id == _TENANT_ID)
    .scalar_subquery()
)
_IS_UNPLACED = (
    select(Event.recorded).where(Event.tenant_id == _TENANT_ID, Event.place.is_(None)).exists()
)
_HEAD = select(_LAST_PLACE, _IS_UNPLACED)


@dataclass(frozen=True)
class Told:
    """An event of which there is no change to record: what of a thing, and what is said of it."""

    type: EventType
    subject: str
    subject_id: UUID
    objective_id: UUID
    after: Mapping[str, object]
    id: UUID = field(default_factory=new_id)


async def publish(tx: Transaction, tenant_id: UUID, told: Sequence[Told]) -> None:
    """Append events, in this order."""
    given = orjson.dumps([asdict(one) for one in told], default=str).decode()
    await tx.execute(_PUBLISH, {"tenant_id": tenant_id, "told": given})


async def head(tx: Reading, tenant_id: UUID) -> tuple[int, bool]:
    """Return the last place of a tenant's feed, and whether events wait for theirs."""
    last_place, unplaced = (await tx.execute(_HEAD, {"tenant_id": tenant_id})).one()
    return last_place, unplaced


async def place_events(tx: Transaction, tenant_id: UUID, most: int) -> int:
    """Give committed events their places in the feed; returns how many."""
    placed = await tx.scalar(_PLACE, {"tenant_id": tenant_id, "most": most}) or 0
    _placed.add(placed)
    return placed


async def last_place(tx: Transaction, tenant_id: UUID) -> int:
    """Return the place of the last event that is committed, once each has its place."""
    while await place_events(tx, tenant_id, PLACED_AT_ONCE) == PLACED_AT_ONCE:
        pass
    place, _ = await head(tx, tenant_id)
    return place


async def forget_events(tx: Transaction, tenant_id: UUID, older: datetime, most: int) -> int:
    """Delete the oldest events, those recorded before some moment; returns how many."""
    of = {"tenant_id": tenant_id, "older": older, "most": most}
    gone = await tx.scalar(_FORGET, of) or 0
    _forgotten.add(gone)
    return gone


async def erase_from_events(tx: Transaction, tenant_id: UUID, person_id: UUID) -> None:
    """Erase what events say of a person; the events stay."""
    # Who places events writes the same rows, and holds the head before.
    head = select(EventFeed.last_place).where(EventFeed.tenant_id == tenant_id)
    await tx.execute(head.with_for_update(key_share=True))
    await tx.execute(
        update(Event)
        .where(
            Event.tenant_id == tenant_id,
            Event.subject_id == person_id,
            Event.objective_id.is_(None),
        )
        .values(before=None, after=None)
        .execution_options(synchronize_session=False)
    )

"""Which events of a tenant are to be published next, and keeping how far that has come."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, cast, func, select, update

from okr_service.access.policy import Principal, Scope, granted
from okr_service.broker.model import BrokerCursor
from okr_service.events.cursors import Cursor
from okr_service.events.model import Event, EventFeed
from okr_service.events.reads import Happened, part_of_feed
from okr_service.events.service import PLACED_AT_ONCE, place_events
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.queue import Task

TURN = "broker_turn"  # the kind of job
_AT_ONCE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Next:
    """What is to be published next."""

    after: int  # the place up to which all is published
    last: int  # the place at which the feed ends
    events: Sequence[Happened]
    more: bool


def turn_of(tenant_id: UUID) -> Task:
    """Return the job that publishes a tenant's events, as `okr_begin_broker_turn` names it."""
    return Task(tenant_id, tenant_id)


async def turns_of(tx: Reading, tenant_id: UUID) -> Sequence[Task]:  # noqa: ARG001 - others ask
    """Return the turns that a tenant has: one."""
    return [turn_of(tenant_id)]


async def next_events(tx: Transaction, tenant_id: UUID) -> Next:
    """Return what follows in the feed, from the oldest kept on; nobody forgets it meanwhile."""
    placed = await place_events(tx, tenant_id, PLACED_AT_ONCE)  # and holds the feed's head
    feed = await tx.get_one(EventFeed, tenant_id)
    after = await _place(tx, feed)
    everything = Principal(tenant_id, "broker", granted([Scope.ADMIN]), "broker")
    wanted = EventsWanted(after=str(Cursor(after)), limit=_AT_ONCE)
    part = await part_of_feed(tx, everything, wanted)
    return Next(after, feed.last_place, part.events(), part.more or placed == PLACED_AT_ONCE)


async def _place(tx: Transaction, feed: EventFeed) -> int:
    """Return where to go on, and keep it where that is not where it was."""
    cursor = await tx.get(BrokerCursor, feed.tenant_id)
    if cursor is None:
        cursor = BrokerCursor(tenant_id=feed.tenant_id, place=feed.forgotten_place)
        tx.add(cursor)
    elif cursor.place < feed.forgotten_place:
        lost = feed.forgotten_place - cursor.place
        _log.warning("%s events of tenant %s were forgotten unpublished", lost, feed.tenant_id)
    # A feed that was restored from an older copy may end before.
    cursor.place = max(min(cursor.place, feed.last_place), feed.forgotten_place)
    await tx.flush()
    return cursor.place


async def published(tx: Transaction, tenant_id: UUID, place: int) -> None:
    """Keep that all is published up to a place."""
    of = (BrokerCursor.tenant_id == tenant_id, BrokerCursor.place < place)
    moved = update(BrokerCursor).where(*of).values(place=place)
    await tx.execute(moved.execution_options(synchronize_session=False))


async def is_of_feed(tx: Reading, tenant_id: UUID, cursor: Cursor) -> bool:
    """Say whether a tenant's feed has the event that a cursor stands for."""
    mark = select(func.right(cast(Event.id, Text), 12))
    found = await tx.scalar(mark.where(Event.tenant_id == tenant_id, Event.place == cursor.place))
    return found is not None and cursor.fits(found)

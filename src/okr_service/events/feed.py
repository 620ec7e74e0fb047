"""The feed of each tenant as one process reads it: parts, waiting for more, and forgetting."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from opentelemetry.metrics import Observation
from sqlalchemy.exc import DBAPIError

from okr_service.access.policy import Permission, Principal, require
from okr_service.events.broadcast import Broadcast
from okr_service.events.cursors import Cursor
from okr_service.events.happenings import Stretch, next_stretch
from okr_service.events.reads import Happened, Part, part_of_feed
from okr_service.events.service import PLACED_AT_ONCE, forget_events, head, place_events
from okr_service.events.shapes import LATEST, LONGEST_WAIT, EventsWanted, EventType
from okr_service.events.wakeups import Wakeups
from okr_service.kernel.database import Database, is_retryable
from okr_service.kernel.telemetry import Lately, gauge

Recognise = Callable[[], Awaitable[Principal]]

_LONGEST_PAUSE = 1.0  # seconds before looking again, where what happened was not wanted
_log = logging.getLogger(__name__)
_unplaced_since = Lately()  # by tenant


def _unplaced() -> list[Observation]:
    now = time.monotonic()
    return [Observation(max((now - since for since in _unplaced_since.values()), default=0.0))]


gauge(
    "okr.events.unplaced",
    "How long this process has seen events of some tenant wait for their place.",
    _unplaced,
    "s",
)


class Feed:
    """Reads tenants' feeds, and forgets what is older than it is to be kept."""

    def __init__(
        self,
        database: Database,
        kept: timedelta,
        told: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._kept = kept
        self._told = told  # of each tenant in which this process committed something
        self._wakeups = Wakeups(self._look)
        self.broadcast = Broadcast(self._stretch, self._wakeups.beyond)

    async def read(self, who: Principal, wanted: EventsWanted) -> Part:
        """Return the next events that a caller wants and sees; waits for none.

        Raises:
            InvalidCursor, EventsForgotten, CursorOfAnotherFeed.
        """
        part = await self._read(who, wanted)
        if part.unplaced and not part.more:
            placed = await self._place(who.tenant_id)
            # From now on means after all that was committed, however much of it waits.
            while wanted.after == LATEST and placed == PLACED_AT_ONCE:
                placed = await self._place(who.tenant_id)
            part = await self._read(who, wanted)
        return part

    async def start(self, who: Principal, after: str | None) -> Cursor:
        """Return where a caller goes on who follows from a cursor on, or from now on.

        Raises:
            InvalidCursor, EventsForgotten, CursorOfAnotherFeed.
        """
        found = await self.read(who, EventsWanted(after=after or LATEST, limit=1))
        return Cursor.read(after) if after else found.until

    async def await_events(
        self, recognise: Recognise, wanted: EventsWanted, seconds: float
    ) -> Part:
        """Return the next events, once there are any or so many seconds are over.

        The caller is recognised anew each time that something was waited for.

        Raises:
            NotPermitted, what `recognise` raises, and what `read` does.
        """
        ends, pause = time.monotonic() + seconds, 0.0
        while True:
            who = await recognise()
            require(who, Permission.READ)
            part = await self.read(who, wanted)
            left = ends - time.monotonic()
            if part.data or left <= 0:
                return part
            wanted = wanted.model_copy(update={"after": str(part.until)})
            if part.more:
                continue
            if not await self._wakeups.beyond(who.tenant_id, part.until.place, left):
                return part
            await asyncio.sleep(max(0.0, min(pause, ends - time.monotonic())))
            pause = min(_LONGEST_PAUSE, 2 * pause + self._wakeups.every)

    async def follow(
        self, recognise: Recognise, after: str | None = None, types: Sequence[EventType] = ()
    ) -> AsyncIterator[Happened]:
        """Give one event after the other, as they happen, for good.

        Holds a hundred in memory at most, and no connection while it waits or while
        whoever reads does something else. The caller is recognised anew before each part
        is read, at least every half minute.

        Raises:
            NotPermitted, what `recognise` raises, and what `read` does.
        """
        wanted = EventsWanted(after=after, types=list(types))
        while True:
            part = await self.await_events(recognise, wanted, LONGEST_WAIT)
            for event in part.events():
                yield event
            wanted = wanted.model_copy(update={"after": str(part.until)})

    async def beyond(self, tenant_id: UUID, place: int, seconds: float) -> bool:
        """Wait until a feed goes beyond a place; False where time was up before."""
        return await self._wakeups.beyond(tenant_id, place, seconds)

    def wrote(self, tenant_id: UUID) -> None:
        """Take note that this process committed something: who waits need not wait longer."""
        self._wakeups.wrote(tenant_id)
        self._told(tenant_id)

    async def forget(self, tenant_id: UUID) -> int:
        """Delete what is older than it is to be kept; returns how many events."""
        older, forgotten = datetime.now(UTC) - self._kept, 0
        while True:
            async with self._database.transaction(tenant_id) as tx:
                gone = await forget_events(tx, tenant_id, older, PLACED_AT_ONCE)
            forgotten += gone
            if not gone:
                return forgotten

    async def close(self) -> None:
        """Stop what goes on in the background."""
        await self.broadcast.close()
        await self._wakeups.close()

    async def _read(self, who: Principal, wanted: EventsWanted) -> Part:
        async with self._database.reading(who.tenant_id) as connection:
            return await part_of_feed(connection, who, wanted)

    async def _stretch(self, tenant_id: UUID, after: Cursor) -> Stretch:
        found = await self._next_stretch(tenant_id, after)
        if found.unplaced and not found.more and not found.happenings:
            await self._place(tenant_id)
            found = await self._next_stretch(tenant_id, after)
        return found

    async def _next_stretch(self, tenant_id: UUID, after: Cursor) -> Stretch:
        async with self._database.reading(tenant_id) as connection:
            return await next_stretch(connection, tenant_id, after)

    async def _look(self, tenant_id: UUID) -> int:
        async with self._database.reading(tenant_id) as connection:
            last_place, unplaced = await head(connection, tenant_id)
        return last_place + (await self._place(tenant_id) if unplaced else 0)

    async def _place(self, tenant_id: UUID) -> int:
        _unplaced_since.note_first(tenant_id)
        try:
            async with self._database.transaction(tenant_id) as tx:
                placed = await place_events(tx, tenant_id, PLACED_AT_ONCE)
        except DBAPIError as error:
            if not is_retryable(error):
                raise
            return 0  # somebody else is at it
        _unplaced_since.over(tenant_id)
        return placed

"""What happens in each tenant, read once for all who follow it in this process.

Whoever follows keeps a cursor and asks for what comes next. Those who stand at the same
place, as all do who keep up, share one wait, one look and one stretch of the feed. Who falls
behind asks from a place of its own, and reads the feed from there: nothing is kept for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID

from okr_service.events.cursors import Cursor
from okr_service.events.happenings import Stretch

Read = Callable[[UUID, Cursor], Awaitable[Stretch]]
Beyond = Callable[[UUID, int, float], Awaitable[bool]]

PATIENCE = 10.0  # seconds until whoever waits is told that nothing happened
_AGAIN = 0.2  # seconds until it is read again where too many wait already
_KEPT_SECONDS = 2.0
_KEPT = 64  # stretches
_Key = tuple[UUID, Cursor]


class Broadcast:
    """Lets any number of followers read the feeds of tenants together."""

    def __init__(self, read: Read, beyond: Beyond, *, patience: float = PATIENCE) -> None:
        self._read = read
        self._beyond = beyond
        self._patience = patience
        self._stretches: dict[_Key, asyncio.Task[Stretch]] = {}

    async def after(self, tenant_id: UUID, cursor: Cursor) -> Stretch:
        """Return what happened after a cursor, once there is something; nothing after a while.

        Raises:
            EventsForgotten, CursorOfAnotherFeed, Unavailable.
        """
        key = (tenant_id, cursor)
        reading = self._stretches.get(key)
        if reading is None:
            reading = self._stretches[key] = asyncio.create_task(self._next(tenant_id, cursor))
            reading.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(reading)

    def kept(self, tenant_id: UUID, cursor: Cursor) -> Stretch | None:
        """Return what happened after a cursor, if that was read just now."""
        reading = self._stretches.get((tenant_id, cursor))
        if reading is None or not reading.done() or reading.cancelled() or reading.exception():
            return None
        return reading.result()

    async def close(self) -> None:
        """Read no more."""
        reading = list(self._stretches.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _next(self, tenant_id: UUID, cursor: Cursor) -> Stretch:
        ends = monotonic() + self._patience
        while True:
            found = await self._read(tenant_id, cursor)
            left = ends - monotonic()
            if found.until.place > cursor.place or left <= 0:
                return found
            if not await self._beyond(tenant_id, cursor.place, left):
                await asyncio.sleep(min(_AGAIN, left))

    def _keep(self, key: _Key, done: asyncio.Task[Stretch]) -> None:
        """Keep a stretch for those who stand where it begins, for a short time."""
        if done.cancelled() or done.exception() or done.result().until == key[1]:
            self._forget(key, done)
            return
        finished = [(each, task) for each, task in self._stretches.items() if task.done()]
        for each, task in finished[: max(0, len(finished) - _KEPT)]:
            self._forget(each, task)
        asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._forget, key, done)

    def _forget(self, key: _Key, task: asyncio.Task[Stretch]) -> None:
        if self._stretches.get(key) is task:
            del self._stretches[key]

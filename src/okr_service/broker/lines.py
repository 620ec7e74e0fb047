"""What of one tenant's feed is in the stream, and storing what is not."""

import logging
from collections.abc import Awaitable, Callable

from okr_service.broker.errors import Away, Overtaken
from okr_service.broker.stream import Message, Stored, Stream
from okr_service.events.cursors import Cursor

_TRIES = 5
_log = logging.getLogger(__name__)

IsOfFeed = Callable[[Cursor], Awaitable[bool]]


class Line:
    """One tenant's messages, as far as whoever publishes knows them; made anew each turn."""

    def __init__(self, stream: Stream, subjects: str, is_of_feed: IsOfFeed) -> None:
        self._stream = stream
        self._subjects = subjects
        self._is_of_feed = is_of_feed
        self._reached: int | None = None  # the place up to which all is stored
        self._last: dict[str, int] = {}  # the number of each subject's last message
        self._told = False

    async def store(self, message: Message) -> None:
        """Store an event, if it is not there; those before it are.

        Raises:
            Away, Refused.
        """
        place = message.cursor.place
        if self._reached is None:
            self._reached = 0
            await self._look_at(await self._stream.last(self._subjects), place)
        for _ in range(_TRIES):
            if place > self._reached:
                after = await self._last_of(message)
            if place <= self._reached:
                return
            try:
                self._last[message.subject] = await self._stream.store(message, after)
            except Overtaken:
                del self._last[message.subject]
            else:
                self._reached = place
        raise Away("somebody else publishes to the same subjects")

    async def _last_of(self, message: Message) -> int:
        known = self._last.get(message.subject)
        if known is None:
            found = await self._stream.last(message.subject)
            await self._look_at(found, message.cursor.place)
            known = self._last[message.subject] = 0 if found is None else found.sequence
        return known

    async def _look_at(self, found: Stored | None, place: int) -> None:
        """Learn from a message how much is stored, if it is an event of this feed."""
        cursor = None if found is None else found.cursor
        if cursor is None or cursor.place < place:
            return
        if await self._is_of_feed(cursor):
            self._reached = max(self._reached or 0, cursor.place)
        elif not self._told:
            self._told = True
            _log.warning("%s has events that the feed never had, or not any more", self._subjects)

"""Responses that several subscribers share: made once, kept for a moment."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

_SECONDS = 2.0
_BYTES = 8_000_000


@dataclass
class Renditions:
    """The responses made lately in this process, by what they are made of."""

    _made: dict[Hashable, "asyncio.Future[bytes | None]"] = field(default_factory=dict)
    _size: int = 0

    async def made(
        self, key: Hashable, make: Callable[[], Awaitable[bytes | None]]
    ) -> bytes | None:
        """Return the response of this key; one maker makes it for all who ask meanwhile."""
        making = self._made.get(key)
        if making is None:
            making = self._made[key] = asyncio.ensure_future(make())
            making.add_done_callback(lambda done: self._keep(key, done))
        return making.result() if making.done() else await asyncio.shield(making)

    def _keep(self, key: Hashable, done: "asyncio.Future[bytes | None]") -> None:
        size = 0 if done.cancelled() or done.exception() else len(done.result() or b"")
        if not size or self._size + size > _BYTES:
            self._made.pop(key, None)
            return
        self._size += size
        asyncio.get_running_loop().call_later(_SECONDS, self._forget, key, size)

    def _forget(self, key: Hashable, size: int) -> None:
        self._made.pop(key, None)
        self._size -= size

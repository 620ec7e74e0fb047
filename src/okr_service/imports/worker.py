"""A process's share in the jobs of all."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from okr_service.access.gatekeeper import Gatekeeper
from okr_service.imports.running import Imports
from okr_service.kernel.database import Database
from okr_service.kernel.queue import PATIENCE, Queue
from okr_service.settings import Settings

_CONNECTIONS = 5  # two jobs, what each tells meanwhile, and looking for the next


class Worker:
    """Does jobs, over connections of its own, from `start` until `close`."""

    def __init__(
        self,
        settings: Settings,
        gatekeeper: Gatekeeper,
        wrote: Callable[[UUID], None],
        patience: timedelta = PATIENCE,
    ) -> None:
        self._database = Database(settings.model_copy(update={"pool_size": _CONNECTIONS}))
        self.imports = Imports(self._database, gatekeeper, settings, wrote)
        self._queue = Queue(self._database, self.imports.works, patience)
        self._running: asyncio.Task[None] | None = None

    def start(self) -> "asyncio.Task[None]":
        """Begin to look for jobs; returns what ends once it is closed."""
        self._running = self._running or asyncio.create_task(self._queue.run())
        return self._running

    async def close(self) -> None:
        """Put back what is being done, and let go of the connections."""
        self._queue.stop()
        if self._running is not None:
            await asyncio.wait({self._running})
        await self._database.close()

"""A process's share in the jobs of all."""

import asyncio
from datetime import timedelta

from okr_service.access.gatekeeper import Gatekeeper
from okr_service.broker.stream import Stream
from okr_service.broker.turns import Publishing
from okr_service.events.feed import Feed
from okr_service.imports.running import Imports
from okr_service.kernel.database import Database
from okr_service.kernel.outgoing import Outgoing
from okr_service.kernel.queue import PATIENCE, Queue, Task
from okr_service.organisation.tenant import HOURLY
from okr_service.reminders.telling import Reminders
from okr_service.settings import Settings
from okr_service.webhooks.secrets import Secrets
from okr_service.webhooks.turns import Turns

_IMPORTS, _TURNS, _PUBLISHING, _HOURLY = 2, 50, 20, 2  # at once
_LOOK_UPS = 100  # of names, so that a name server that does not answer holds up its own
_CONNECTIONS = (
    8  # two imports and what each tells meanwhile, looking for jobs, turns, each hour's work
)


class Worker:
    """Does jobs, over connections of its own, from `start` until `close`."""

    def __init__(
        self,
        settings: Settings,
        gatekeeper: Gatekeeper,
        feed: Feed,
        patience: timedelta = PATIENCE,
    ) -> None:
        own = settings.model_copy(update={"pool_size": _CONNECTIONS})
        self._database = Database(own, name="jobs")
        self.imports = Imports(self._database, gatekeeper, settings, feed.wrote)
        self.turns = Turns(
            self._database,
            feed,
            Outgoing(allow_private=settings.allow_private_webhooks, look_ups_at_once=_LOOK_UPS),
            Secrets.of(settings),
            timedelta(days=settings.webhook_deliveries_kept_days),
        )
        self._stream = Stream(settings)
        self.publishing = Publishing(
            self._database, feed, self._stream, settings.broker_subject_prefix
        )
        self._feed = feed
        self.reminders = Reminders(self._database, feed.wrote)
        # Apart, so that none holds up another: large imports, slow addresses, large tenants.
        self._queues = [
            Queue(self._database, self.imports.works, _IMPORTS, patience),
            Queue(self._database, self.turns.works, _TURNS, patience),
            Queue(self._database, {HOURLY: self._each_hour}, _HOURLY, patience),
        ]
        if settings.broker_url:
            self._queues.append(Queue(self._database, self.publishing.works, _PUBLISHING, patience))
        self._running: asyncio.Task[None] | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of jobs that are done in this installation."""
        return frozenset(kind for queue in self._queues for kind in queue.kinds)

    def start(self) -> "asyncio.Task[None]":
        """Begin to look for jobs; returns what ends once it is closed."""
        self._running = self._running or asyncio.create_task(self._run())
        return self._running

    async def close(self) -> None:
        """Put back what is being done, and let go of the connections."""
        for queue in self._queues:
            queue.stop()
        if self._running is not None:
            await asyncio.wait({self._running})
        await self._stream.close()
        await self._database.close()

    async def _run(self) -> None:
        keeping = asyncio.create_task(self.reminders.keep())
        await asyncio.gather(*(queue.run() for queue in self._queues))
        keeping.cancel()
        await asyncio.wait({keeping})

    async def _each_hour(self, task: Task) -> None:
        """Forget what a tenant has kept for long enough, and tell what is due there."""
        await self._feed.forget(task.tenant_id)
        await self.turns.forget(task.tenant_id)
        await self.reminders.do(task)

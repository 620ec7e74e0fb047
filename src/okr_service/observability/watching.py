"""Letting operators watch a process, as its settings say, for as long as it runs."""

import asyncio
import logging
from collections.abc import Collection

from okr_service.kernel.database import Database
from okr_service.kernel.statements import PATIENCE
from okr_service.observability import providers
from okr_service.observability.port import Port, Ready, app_of
from okr_service.observability.queue import QueueWatch
from okr_service.settings import Settings

_log = logging.getLogger(__name__)


class Watching:
    """Tells what the process does, from `start` until `close`."""

    def __init__(self, settings: Settings, ready: Ready, kinds: Collection[str]) -> None:
        PATIENCE.seconds = settings.slow_statement_ms / 1000
        self._settings, self._ready, self._kinds = settings, ready, kinds
        self._database: Database | None = None
        self._port: Port | None = None

    def start(self) -> None:
        """Begin to count and to answer; raises OSError where the port is taken."""
        if providers.are_traced():
            providers.trace_from_now_on()
        if self._settings.metrics_port:
            # One connection of its own, so that figures come when all others are lent.
            own = self._settings.model_copy(update={"pool_size": 1})
            self._database = Database(own, name="figures")
            queue = QueueWatch(self._database, self._kinds)
            app = app_of(providers.figures(), queue, self._ready)
            self._port = Port(app, self._settings.metrics_host, self._settings.metrics_port)
            try:
                self._port.open()
            except OSError as error:
                _log.error(
                    "port %d for figures cannot be opened: %s",
                    self._settings.metrics_port,
                    error.strerror,
                )
                raise

    async def close(self) -> None:
        """Answer no more, and send the spans that are left."""
        if self._port is not None:
            await self._port.close()
        if self._database is not None:
            await self._database.close()
        if providers.are_traced():
            await asyncio.to_thread(providers.send_what_is_left)

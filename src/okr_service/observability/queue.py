"""How the queue stands and whether the database answers, as last looked at."""

import asyncio
import time
from collections.abc import Collection, Iterable
from weakref import WeakSet

from opentelemetry.metrics import Observation

from okr_service.kernel.database import FAILURES, Database
from okr_service.kernel.queue import Standing, standings
from okr_service.kernel.telemetry import gauge

_FRESH = 5.0  # seconds in which it is not looked again, however often it is asked
_PATIENCE = 5.0  # seconds
_KIND, _STATE = "kind", "state"


class QueueWatch:
    """Looks at the queue when somebody asks for figures, and keeps what it saw."""

    def __init__(self, database: Database, kinds: Collection[str]) -> None:
        self._database = database
        self._kinds = kinds  # that somebody takes: where there is no broker, nobody does its jobs
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        self.answered = False
        self.seen: list[Standing] = []
        _WATCHES.add(self)

    async def look(self) -> None:
        """See how the queue stands; where the database does not answer, that is what it sees."""
        async with self._looking:
            if time.monotonic() - self._looked < _FRESH:
                return
            self._looked = time.monotonic()
            try:
                async with asyncio.timeout(_PATIENCE):
                    found = await standings(self._database)
                self.seen = [one for one in found if one.kind in self._kinds]
                self.answered = True
            except (*FAILURES, TimeoutError):
                self.seen, self.answered = [], False


_WATCHES: WeakSet[QueueWatch] = WeakSet()


def _up() -> Iterable[Observation]:
    return [Observation(int(all(watch.answered for watch in _WATCHES)))] if _WATCHES else []


def _standings() -> Iterable[Standing]:
    for watch in list(_WATCHES):
        yield from watch.seen


def _jobs() -> Iterable[Observation]:
    for one in _standings():
        counts = {"due": one.due, "later": one.later, "running": one.running}
        for state, count in counts.items():
            yield Observation(count, {_KIND: one.kind, _STATE: state})


def _overdue() -> Iterable[Observation]:
    return [Observation(one.overdue, {_KIND: one.kind}) for one in _standings()]


def _oldest() -> Iterable[Observation]:
    return [Observation(one.oldest, {_KIND: one.kind}) for one in _standings()]


gauge("okr.database.up", "Whether the database answered when it was last asked.", _up)
gauge("okr.queue.jobs", "Jobs in the queue: due, for later, running.", _jobs)
gauge("okr.queue.overdue", "How long the oldest job that is due was not taken.", _overdue, "s")
gauge("okr.queue.oldest", "How long ago the oldest job that waits was put there.", _oldest, "s")

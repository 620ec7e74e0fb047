"""How the queue stands and whether the database answers, as last looked at."""

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from weakref import WeakSet

from opentelemetry.metrics import Observation
from sqlalchemy import text

from okr_service.kernel.database import FAILURES, Database
from okr_service.kernel.queue import SCHEMA
from okr_service.kernel.telemetry import gauge

_FRESH = 5.0  # seconds in which it is not looked again, however often it is asked
_PATIENCE = 5.0  # seconds
_KIND, _STATE = "kind", "state"

_STANDING = text(f"""
    SELECT entrypoint AS kind,
           count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS due,
           count(*) FILTER (WHERE status = 'queued' AND execute_after > now()) AS later,
           count(*) FILTER (WHERE status = 'picked') AS running,
           coalesce(extract(epoch FROM now() - min(execute_after)
               FILTER (WHERE status = 'queued' AND execute_after <= now())), 0) AS overdue,
           coalesce(extract(epoch FROM now() - min(created)
               FILTER (WHERE status = 'queued')), 0) AS oldest
      FROM {SCHEMA}.pgqueuer
     GROUP BY entrypoint
""")  # noqa: S608 - a name of ours


@dataclass(frozen=True)
class Standing:
    """How many jobs of a kind are in the queue, and how many seconds the oldest waits."""

    kind: str
    due: int
    later: int  # not to be taken before their time
    running: int
    overdue: float  # seconds since the oldest could have been taken
    oldest: float  # seconds since the oldest that waits was first put into it


async def standings(database: Database) -> list[Standing]:
    """Return how the queue stands, of all tenants; only what its own tables tell."""
    async with database.reading() as connection:
        return [
            Standing(
                row.kind, row.due, row.later, row.running, float(row.overdue), float(row.oldest)
            )
            for row in await connection.execute(_STANDING)
        ]


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

"""Doing the turns of tenants at the broker: publishing what is new, while there is something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from uuid import UUID

import orjson
from opentelemetry.metrics import Observation

from okr_service.broker.errors import Away, Refused
from okr_service.broker.lines import Line
from okr_service.broker.patience import Patience
from okr_service.broker.service import TURN, Next, is_of_feed, next_events, published
from okr_service.broker.stream import Message, Stream
from okr_service.events.cursors import Cursor
from okr_service.events.feed import Feed
from okr_service.events.reads import Happened
from okr_service.events.turns import Round, Turn
from okr_service.kernel.database import Database
from okr_service.kernel.queue import NotYet, Task, Work
from okr_service.kernel.telemetry import Lately, counter, gauge

_ROUND_SECONDS = 2.0  # after which the cursor is moved, so that whoever is stopped soon ends
_LOOKS_EVERY = timedelta(minutes=5)  # as all tenants do, also those in which nothing happens

_published = counter("okr.broker.events", "Events published to the broker.")
_failures = counter("okr.broker.failures", "How often the broker took nothing.")
_lags = Lately()  # by tenant


def _lag() -> list[Observation]:
    return [Observation(sum(_lags.values()))]


gauge(
    "okr.broker.lag.events",
    "Events that tenants' feeds had and the broker had not, when this process last looked.",
    _lag,
)


@dataclass(frozen=True)
class Publishing:
    """Publishes the events of tenants, each tenant's as a job."""

    database: Database
    feed: Feed
    stream: Stream
    prefix: str
    patience: Patience = field(default_factory=Patience)

    @property
    def works(self) -> Mapping[str, Work]:
        """Return what is done about each kind of job."""
        return {TURN: self.do}

    async def do(self, task: Task) -> None:
        """Publish a tenant's events until there is nothing new.

        Raises:
            NotYet: there is nothing to publish now, or no way to.
        """
        line = Line(
            self.stream,
            f"{self._subjects(task.tenant_id)}.>",
            partial(self._is_of_feed, task.tenant_id),
        )
        publish = partial(self._round, line)
        turn = Turn(self.database, self.feed, TURN, publish, _LOOKS_EVERY)
        await turn.take(task)

    def _subjects(self, tenant_id: UUID) -> str:
        return f"{self.prefix}.{tenant_id}"

    async def _round(self, line: Line, task: Task) -> Round:
        """Publish some events, and keep how far that came."""
        tenant_id = task.tenant_id
        self._require_patience(tenant_id)
        async with self.database.transaction(tenant_id) as tx:
            found = await next_events(tx, tenant_id)
        _lags.note(tenant_id, found.last - found.after)
        if not found.events:
            return Round(found.after, did=False, more=found.more)
        reached = await self._publish(line, tenant_id, found)
        if reached > found.after:
            async with self.database.transaction(tenant_id) as tx:
                await published(tx, tenant_id, reached)
        _lags.note(tenant_id, found.last - reached)
        self._require_patience(tenant_id)
        return Round(reached, did=True)

    async def _publish(self, line: Line, tenant_id: UUID, found: Next) -> int:
        """Publish one event after the other; returns the place up to which that was done."""
        reached, ends = found.after, monotonic() + _ROUND_SECONDS
        for happened in found.events:
            message = self._message(tenant_id, happened)
            try:
                await line.store(message)
            except Away as error:
                _failures.add(1, {"reason": "away"})
                self.patience.met(None, str(error))
                break
            except Refused as error:
                _failures.add(1, {"reason": "refused"})
                self.patience.met(tenant_id, str(error))
                break
            self.patience.over(tenant_id)
            _published.add(1)
            reached = message.cursor.place
            if monotonic() > ends:
                break
        return reached

    def _message(self, tenant_id: UUID, happened: Happened) -> Message:
        return Message(
            subject=f"{self._subjects(tenant_id)}.{happened.type}",
            id=str(happened.event["id"]),
            cursor=Cursor.read(happened.cursor),
            body=orjson.dumps(happened.event),
        )

    def _require_patience(self, tenant_id: UUID) -> None:
        if left := self.patience.left(tenant_id):
            raise NotYet(left)

    async def _is_of_feed(self, tenant_id: UUID, cursor: Cursor) -> bool:
        async with self.database.reading(tenant_id) as tx:
            return await is_of_feed(tx, tenant_id, cursor)

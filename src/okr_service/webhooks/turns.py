"""Doing the turns of webhooks: sending what is due, for as long as there is something."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from opentelemetry.metrics import Observation

from okr_service.events.cursors import Cursor
from okr_service.events.errors import CursorOfAnotherFeed, EventsForgotten
from okr_service.events.feed import Feed
from okr_service.events.reads import part_of_feed
from okr_service.events.shapes import EventsWanted
from okr_service.events.turns import Round, Turn
from okr_service.kernel.database import Database
from okr_service.kernel.outgoing import NoAnswer, Outgoing
from okr_service.kernel.queue import Task, Work, to_its_end
from okr_service.kernel.telemetry import MINUTES, Lately, counter, durations, gauge
from okr_service.webhooks.deliveries import (
    FIRST,
    LONGEST_SECONDS,
    Batch,
    Delivery,
    Outcome,
    as_whom,
    forget,
    next_batch,
    settle,
)
from okr_service.webhooks.model import Webhook
from okr_service.webhooks.secrets import Secrets
from okr_service.webhooks.service import PING, TURN

_LOOKS_EVERY = timedelta(minutes=1)
_LONGEST_PATIENCE = timedelta(hours=8)  # that a receiver may ask for
_FORGOTTEN, _WITHHELD = "event-forgotten", "event-withheld"

_deliveries = counter("okr.webhook.deliveries", "Attempts to deliver, by what came of them.")
_ages = durations(
    "okr.webhook.delivery.age", "How long after it was handed out a delivery was taken.", MINUTES
)
_waiting_since = Lately()  # by webhook


def _oldest() -> list[Observation]:
    now = datetime.now(UTC).timestamp()
    return [Observation(max((now - since for since in _waiting_since.values()), default=0.0))]


gauge(
    "okr.webhook.oldest_waiting",
    "How long the oldest delivery has waited that this process attempted lately, in vain.",
    _oldest,
    "s",
)


@dataclass(frozen=True)
class Turns:
    """Does the turns of webhooks, each as a job."""

    database: Database
    feed: Feed
    outgoing: Outgoing
    secrets: Secrets
    kept: timedelta
    reached: dict[UUID, UUID] = field(default_factory=dict)  # the line, by turn

    @property
    def works(self) -> Mapping[str, Work]:
        """Return what is done about each kind of job."""
        return {TURN: self.do}

    async def do(self, task: Task) -> None:
        """Send what is due until there is nothing.

        Raises:
            NotYet: there is nothing to send now.
        """
        turn = Turn(self.database, self.feed, TURN, self._round, _LOOKS_EVERY)
        await turn.take(task)

    async def forget(self, tenant_id: UUID) -> None:
        """Delete what is logged of a tenant's webhooks for longer than it is to be."""
        while await to_its_end(self._forget_some(tenant_id)):
            pass

    async def _forget_some(self, tenant_id: UUID) -> int:
        async with self.database.transaction(tenant_id) as tx:
            return await forget(tx, tenant_id, self.kept)

    async def _round(self, task: Task) -> Round | None:
        """Take what is due, send it, and write down what came of it."""
        async with self.database.transaction(task.tenant_id) as tx:
            batch = await next_batch(tx, task, self.reached.pop(task.job_id, FIRST))
        if batch is None:
            return None
        if batch.deliveries:
            self.reached[task.job_id] = batch.until
            await self._send_all(task, batch)
        elif batch.due_at is None:
            _waiting_since.over(batch.webhook.id)
        else:
            _waiting_since.seen(batch.webhook.id)
        due = timedelta.max if batch.due_at is None else batch.due_at - datetime.now(UTC)
        return Round(
            place=batch.webhook.place,
            did=bool(batch.deliveries),
            more=batch.more,
            due=due,
            lingers=batch.webhook.paused_until is None,
        )

    async def _send_all(self, task: Task, batch: Batch) -> None:
        bodies = await self._bodies(batch)
        sent = (
            self._send(batch.webhook, *one) for one in zip(batch.deliveries, bodies, strict=True)
        )
        outcomes = await asyncio.gather(*sent)
        _count(batch.webhook, outcomes)
        async with self.database.transaction(task.tenant_id) as tx:
            disabled = await settle(tx, task, batch.webhook.url, outcomes)
        if disabled:
            self.feed.wrote(task.tenant_id)

    async def _bodies(self, batch: Batch) -> list[bytes | str]:
        """Return what is to be sent for each delivery; or why nothing is."""
        return [await self._body(batch.webhook, one) for one in batch.deliveries]

    async def _body(self, webhook: Webhook, delivery: Delivery) -> bytes | str:
        if delivery.type == PING:
            return _ping(webhook, delivery)
        after = str(Cursor(delivery.place - 1))
        async with self.database.reading(webhook.tenant_id) as tx:
            try:
                part = await part_of_feed(tx, as_whom(webhook), EventsWanted(after=after, limit=1))
            except (EventsForgotten, CursorOfAnotherFeed):
                return _FORGOTTEN
        found = [one.event for one in part.events()]
        if not found or found[0]["id"] != str(delivery.event_id):
            return _WITHHELD
        return orjson.dumps(found[0])

    async def _send(self, webhook: Webhook, delivery: Delivery, body: bytes | str) -> Outcome:
        if isinstance(body, str):
            return Outcome(delivery, reason=body, hopeless=True)
        headers = {
            "Content-Type": "application/cloudevents+json",
            **self.secrets.headers(webhook, delivery.event_id, body),
        }
        try:
            taken = await self.outgoing.post(webhook.url, body, headers, LONGEST_SECONDS)
        except NoAnswer as error:
            return Outcome(delivery, reason=error.why)
        patience = _asked_patience(taken.headers.get("retry-after", ""))
        return Outcome(delivery, taken.status, not_before=patience)


def _count(webhook: Webhook, outcomes: Sequence[Outcome]) -> None:
    now = datetime.now(UTC)
    for one in outcomes:
        _deliveries.add(1, {"outcome": _came_of(one)})
        if one.is_taken:
            _ages.record((now - one.delivery.created_at).total_seconds())
    waiting = [o.delivery.created_at for o in outcomes if not (o.is_taken or o.hopeless)]
    if waiting:
        _waiting_since.note(webhook.id, min(waiting).timestamp())
    else:
        _waiting_since.over(webhook.id)


def _came_of(outcome: Outcome) -> str:
    if outcome.is_taken:
        return "taken"
    if outcome.hopeless:
        return "given_up"
    return "unanswered" if outcome.status is None else "refused"


def _ping(webhook: Webhook, delivery: Delivery) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(delivery.event_id),
            "source": f"urn:uuid:{webhook.tenant_id}",
            "type": PING,
            "subject": f"webhooks/{webhook.id}",
            "time": delivery.created_at,
            "datacontenttype": "application/json",
            "data": {},
        }
    )


def _asked_patience(retry_after: str) -> timedelta:
    """Return how long a receiver asks to be left alone: Retry-After in seconds (RFC 9110)."""
    if not (retry_after.isascii() and retry_after.isdigit()):
        return timedelta(0)
    return min(timedelta(seconds=int(retry_after[:9])), _LONGEST_PATIENCE)

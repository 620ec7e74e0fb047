"""Doing the turns of webhooks: sending what is due, for as long as there is something."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson

from okr_service.events.cursors import Cursor
from okr_service.events.errors import CursorOfAnotherFeed, EventsForgotten
from okr_service.events.feed import Feed
from okr_service.events.reads import part_of_feed
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.database import Database
from okr_service.kernel.outgoing import NoAnswer, Outgoing
from okr_service.kernel.queue import NotYet, Task, Work, are_waiting, to_its_end
from okr_service.webhooks.deliveries import (
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

_TURN_SECONDS = 30.0  # after which others are let in, should they wait
_LETS_IN = timedelta(seconds=3)  # longer than the queue takes to look again
_LINGERS = 10.0  # seconds after the last event, for the next is likely near
_STEP = 1.0  # seconds
_SOON, _LOOKS_EVERY = timedelta(seconds=5), timedelta(minutes=1)
_SOONEST = timedelta(milliseconds=200)
_LONGEST_PATIENCE = timedelta(hours=8)  # that a receiver may ask for
_FORGOTTEN, _WITHHELD = "event-forgotten", "event-withheld"


@dataclass(frozen=True)
class Turns:
    """Does the turns of webhooks, each as a job."""

    database: Database
    feed: Feed
    outgoing: Outgoing
    secrets: Secrets
    kept: timedelta

    @property
    def works(self) -> Mapping[str, Work]:
        """Return what is done about each kind of job."""
        return {TURN: self.do}

    async def do(self, task: Task) -> None:
        """Send what is due until there is nothing.

        Raises:
            NotYet: there is nothing to send now.
        """
        ends = monotonic() + _TURN_SECONDS
        lingers_until = 0.0  # not at all, before there was anything
        while True:
            if monotonic() > ends:
                await to_its_end(self._forget(task))
                await to_its_end(self._let_others_in(task))
                ends = monotonic() + _TURN_SECONDS
            batch = await to_its_end(self._round(task))
            if batch is None:
                return
            if batch.deliveries:
                lingers_until = monotonic() + _LINGERS
            elif not batch.more:
                await self._await_more(task, batch, lingers_until - monotonic())

    async def _let_others_in(self, task: Task) -> None:
        """Raise NotYet where other turns wait for theirs."""
        async with self.database.transaction(task.tenant_id) as tx:
            if await are_waiting(tx, TURN):
                raise NotYet(_LETS_IN)

    async def _forget(self, task: Task) -> None:
        async with self.database.transaction(task.tenant_id) as tx:
            await forget(tx, task, self.kept)

    async def _await_more(self, task: Task, batch: Batch, lingers: float) -> None:
        """Wait for what is likely near; raises NotYet where that is nothing."""
        due = timedelta.max if batch.due_at is None else batch.due_at - datetime.now(UTC)
        if batch.webhook.paused_until is None and lingers > 0:
            if lingers < _LINGERS - _STEP:
                await to_its_end(self._let_others_in(task))
            until = monotonic() + min(_STEP, lingers, max(due, _SOONEST).total_seconds())
            place, seconds = batch.webhook.place, until - monotonic()
            if not await self.feed.beyond(task.tenant_id, place, seconds):
                await asyncio.sleep(max(0.0, until - monotonic()))  # where too many wait already
            return
        await to_its_end(self._forget(task))
        # What was committed as a turn ends finds nobody to hasten.
        raise NotYet(min(max(due, _SOONEST), _SOON if lingers > -_STEP else _LOOKS_EVERY))

    async def _round(self, task: Task) -> Batch | None:
        """Take what is due, send it, and write down what came of it."""
        async with self.database.transaction(task.tenant_id) as tx:
            batch = await next_batch(tx, task)
        if batch is None or not batch.deliveries:
            return batch
        bodies = await self._bodies(batch)
        sent = (
            self._send(batch.webhook, *one) for one in zip(batch.deliveries, bodies, strict=True)
        )
        outcomes = await asyncio.gather(*sent)
        async with self.database.transaction(task.tenant_id) as tx:
            await settle(tx, task, batch.webhook.url, outcomes)
        self.feed.wrote(task.tenant_id)
        return batch

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

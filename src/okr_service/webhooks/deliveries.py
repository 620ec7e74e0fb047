"""What a webhook is handed out, what of it is due, and what came of sending it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Interval,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    select,
    update,
)

from okr_service.access.policy import Principal, Scope, granted
from okr_service.audit.service import Change, record
from okr_service.events.model import EventFeed
from okr_service.events.service import place_events
from okr_service.kernel.database import Transaction
from okr_service.kernel.queue import Task
from okr_service.kernel.sql import load_sql
from okr_service.kernel.writes import change
from okr_service.webhooks.model import Webhook, WebhookDelivery
from okr_service.webhooks.shapes import DeliveryState, DisabledReason

_HANDED_OUT_AT_ONCE = 1_000
_SENT_AT_ONCE = 16
_FORGOTTEN_AT_ONCE = 5_000
LONGEST_SECONDS = 15.0  # that an address may take to answer
_LEASE = timedelta(seconds=60)
_GIVEN_UP_AFTER = timedelta(days=3)
_WAITS = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)]
_PAUSES_FROM = 3  # failures in a row
_LONGEST_PAUSE = timedelta(minutes=5)
_TAKEN, _GONE = range(200, 300), 410
FIRST = UUID(int=0)  # before all lines
_ID = bindparam("webhook_id", type_=Uuid)
_TENANT_ID = bindparam("tenant_id", type_=Uuid)
_HAND_OUT = load_sql(__package__, "hand_out").bindparams(
    _TENANT_ID,
    _ID,
    bindparam("after", type_=BigInteger),
    bindparam("until", type_=BigInteger),
    bindparam("types", type_=ARRAY(Text)),
    bindparam("unit_id", type_=Uuid),
    bindparam("include_private", type_=Boolean),
)
_TAKE_DUE = load_sql(__package__, "take_due").bindparams(
    _TENANT_ID,
    _ID,
    bindparam("most", type_=Integer),
    bindparam("lease", type_=Interval),
    bindparam("after", type_=Uuid),
)


@dataclass(frozen=True)
class Delivery:
    """An event to send now: the how many-eth time, and when that was first tried."""

    id: UUID
    place: int
    event_id: UUID
    type: str
    attempts: int
    first_attempt_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class Outcome:
    """How a delivery was taken: a status, or why there was none; when to try again at soonest."""

    delivery: Delivery
    status: int | None = None
    reason: str | None = None
    not_before: timedelta = timedelta(0)
    hopeless: bool = False  # there is nothing to send any more

    @property
    def is_taken(self) -> bool:
        """Say whether the receiver has it."""
        return self.status in _TAKEN


@dataclass(frozen=True)
class Batch:
    """What is to be done for a webhook now, and when it is to be looked at again."""

    webhook: Webhook
    deliveries: Sequence[Delivery]
    more: bool  # it was not handed out all there is
    due_at: datetime | None  # when something waits for its next attempt
    until: UUID = FIRST  # the last line of which something was taken


def as_whom(webhook: Webhook) -> Principal:
    """Return whom a webhook sees with, and who is said to have disabled it."""
    scope = Scope.ADMIN if webhook.include_private else Scope.READ
    request_id = f"webhook/{webhook.id}"
    return Principal(webhook.tenant_id, "webhooks", granted([scope]), request_id)


async def next_batch(tx: Transaction, task: Task, after: UUID = FIRST) -> Batch | None:
    """Hand out what is new and take what is due; None where the turn is not this job's any more.

    So that none of many lines is left out, those after one are taken first.
    """
    turn = _of_turn(task)
    webhook = await tx.scalar(select(Webhook).where(*turn, Webhook.enabled).with_for_update())
    if webhook is None:
        return None
    more = await _hand_out(tx, webhook)
    now = datetime.now(UTC)
    if webhook.paused_until is not None and webhook.paused_until > now:
        return Batch(webhook, [], more, webhook.paused_until)
    given = {
        "tenant_id": webhook.tenant_id,
        "webhook_id": webhook.id,
        "most": 1 if webhook.failures >= _PAUSES_FROM else _SENT_AT_ONCE,
        "lease": _LEASE,
    }
    return await _taken(tx, webhook, more, given, after)


async def _taken(
    tx: Transaction, webhook: Webhook, more: bool, given: Mapping[str, object], after: UUID
) -> Batch:
    """Take what is due of the lines after one, and from the first on where that is too little."""
    *rows, last = (await tx.execute(_TAKE_DUE, {**given, "after": after})).all()
    if not rows and after != FIRST:
        return await _taken(tx, webhook, more, given, FIRST)
    deliveries = [Delivery(*row[:-2]) for row in rows]
    until = max((row.line for row in rows), default=FIRST)
    return Batch(webhook, deliveries, more, None if rows else last.next_due_at, until)


def _of_turn(task: Task) -> tuple[ColumnElement[bool], ...]:
    return (Webhook.tenant_id == task.tenant_id, Webhook.turn_id == task.job_id)


async def _hand_out(tx: Transaction, webhook: Webhook) -> bool:
    placed = await place_events(tx, webhook.tenant_id, _HANDED_OUT_AT_ONCE)
    of_feed = EventFeed.tenant_id == webhook.tenant_id
    feed = (await tx.execute(select(EventFeed).where(of_feed))).scalar_one_or_none()
    if feed is None:
        return False
    # A feed that was restored from an older copy ends before what was handed out of it.
    after = max(min(webhook.place, feed.last_place), feed.forgotten_place)
    until = min(after + _HANDED_OUT_AT_ONCE, feed.last_place)
    if until > after:
        given = {
            "tenant_id": webhook.tenant_id,
            "webhook_id": webhook.id,
            "after": after,
            "until": until,
            "types": webhook.types,
            "unit_id": webhook.unit_id,
            "include_private": webhook.include_private,
        }
        await tx.execute(_HAND_OUT, given)
    webhook.place = until
    await tx.flush()
    return until < feed.last_place or placed == _HANDED_OUT_AT_ONCE


async def settle(tx: Transaction, task: Task, url: str, outcomes: Sequence[Outcome]) -> bool:
    """Write down what came of sending to an address; one that takes nothing is disabled.

    Returns whether it was, which is an event itself.
    """
    webhook = await tx.scalar(select(Webhook).where(*_of_turn(task)).with_for_update())
    if webhook is None:
        return False
    now, dead = datetime.now(UTC), False
    for outcome in outcomes:
        values = _settled(outcome, now)
        dead = dead or (values["state"] == DeliveryState.DEAD and not outcome.hopeless)
        named = (
            WebhookDelivery.tenant_id == task.tenant_id,
            WebhookDelivery.id == outcome.delivery.id,
            # Unless somebody else took it, who thought that this sender was dead.
            WebhookDelivery.state == DeliveryState.WAITING,
            WebhookDelivery.attempts == outcome.delivery.attempts,
        )
        await tx.execute(update(WebhookDelivery).where(*named).values(values))
    if webhook.url != url:  # nothing of this is the new address's
        return False
    _note(webhook, [one for one in outcomes if not one.hopeless], now)
    await tx.flush()
    since, fails = webhook.failing_since, dead or webhook.failures >= _PAUSES_FROM
    if any(outcome.status == _GONE for outcome in outcomes):
        await _disable(tx, webhook, DisabledReason.GONE)
        return True
    if fails and since is not None and since <= now - _GIVEN_UP_AFTER:
        await _disable(tx, webhook, DisabledReason.FAILING)
        return True
    return False


def _settled(outcome: Outcome, now: datetime) -> dict[str, object]:
    said: dict[str, object] = {"status": outcome.status, "reason": outcome.reason}
    if outcome.is_taken:
        return said | {"state": DeliveryState.DELIVERED, "finished_at": now}
    due_at = now + max(_wait(outcome.delivery.attempts), outcome.not_before)
    if outcome.hopeless or due_at > outcome.delivery.first_attempt_at + _GIVEN_UP_AFTER:
        return said | {"state": DeliveryState.DEAD, "finished_at": now}
    return said | {"state": DeliveryState.WAITING, "due_at": due_at}


def _wait(attempts: int) -> timedelta:
    return _WAITS[min(attempts, len(_WAITS)) - 1]


def _note(webhook: Webhook, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note whether anything was taken; a webhook pauses once nothing is, again and again.

    Of one delivery that alone is not taken only the first attempt counts, so that it does not
    hold up the others.
    """
    if any(outcome.is_taken for outcome in outcomes):
        webhook.failures, webhook.failing_since, webhook.paused_until = 0, None, None
    elif outcomes:
        is_one_again = len(outcomes) == 1 and outcomes[0].delivery.attempts > 1
        webhook.failures += not is_one_again or webhook.failures >= _PAUSES_FROM
        webhook.failing_since = webhook.failing_since or now
        pause = max(one.not_before for one in outcomes)
        if webhook.failures >= _PAUSES_FROM:
            pause = max(pause, min(_wait(webhook.failures - _PAUSES_FROM + 1), _LONGEST_PAUSE))
        webhook.paused_until = now + pause if pause else None


async def _disable(tx: Transaction, webhook: Webhook, reason: DisabledReason) -> None:
    changes = {
        "enabled": False,
        "disabled_at": func.clock_timestamp(),
        "disabled_reason": reason.value,
    }
    await change(tx, webhook, changes)
    said = {"name": webhook.name, "disabled_reason": reason.value}
    event = Change("disabled", "webhook", webhook.id, {"enabled": True}, {"enabled": False, **said})
    await record(tx, as_whom(webhook), event)


async def forget(tx: Transaction, tenant_id: UUID, kept: timedelta) -> int:
    """Delete the log of what was finished long ago, some of it at a time; returns how much."""
    is_old = (WebhookDelivery.finished_at < func.now() - kept,)
    all_there_are = select(Webhook.id).where(Webhook.tenant_id == tenant_id).scalar_subquery()
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.tenant_id == tenant_id, *is_old)
        .where(WebhookDelivery.webhook_id == any_(func.array(all_there_are)))
        .limit(_FORGOTTEN_AT_ONCE)
    )
    of = (WebhookDelivery.tenant_id == tenant_id, WebhookDelivery.id.in_(old.scalar_subquery()))
    # Said twice, for it may be replayed meanwhile.
    gone = delete(WebhookDelivery).where(*of, *is_old).returning(WebhookDelivery.id)
    return len((await tx.execute(gone.execution_options(synchronize_session=False))).all())

"""Keeping webhooks: what they are told, their secrets, trying them and replaying."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import Change, record
from okr_service.events.service import last_place
from okr_service.events.shapes import EventType
from okr_service.kernel import references
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import new_id
from okr_service.kernel.queue import Task, hasten, put
from okr_service.kernel.references import Versions, row_id
from okr_service.kernel.writes import add, change, delete, differences
from okr_service.organisation.errors import UnitNotFound
from okr_service.organisation.model import Unit
from okr_service.webhooks.errors import (
    DeliveryNotFound,
    DeliveryWaits,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
)
from okr_service.webhooks.model import Webhook, WebhookDelivery
from okr_service.webhooks.secrets import Secrets
from okr_service.webhooks.shapes import (
    DeliveryState,
    NewWebhook,
    SecretRotation,
    WebhookSecret,
)

TURN = "webhook_turn"  # the kind of job
PING = "okr.webhook.ping"
MOST = 100  # of a tenant
_WELL: dict[str, object] = {"failures": 0, "failing_since": None, "paused_until": None}
_BY_SERVICE = ("disabled_at", "disabled_reason")


async def turns_of(tx: Reading, tenant_id: UUID) -> Sequence[Task]:
    """Return the turns that are a tenant's webhooks'."""
    of = (Webhook.tenant_id == tenant_id, Webhook.enabled)
    found = await tx.scalars(select(Webhook.turn_id).where(*of))
    return [Task(tenant_id, one) for one in found]


async def create_webhook(tx: Transaction, who: Principal, new: NewWebhook) -> Webhook:
    """Have an address told what happens from now on.

    Raises:
        NotPermitted, TooManyWebhooks, UnitNotFound, ExternalIdTaken.
    """
    require(who, Permission.ADMINISTER)
    there = select(func.count()).where(Webhook.tenant_id == who.tenant_id)
    if (await tx.scalar(there) or 0) >= MOST:  # each is looked after by itself
        raise TooManyWebhooks(MOST)
    values = await _values(tx, who, new)
    place = await last_place(tx, who.tenant_id)
    row = Webhook(tenant_id=who.tenant_id, turn_id=new_id(), place=place, **values)
    await add(tx, row)
    if row.enabled:
        await put(tx, TURN, Task(who.tenant_id, row.turn_id))
    await record(tx, who, Change("created", "webhook", row.id, after=values))
    return row


async def edit_webhook(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewWebhook], NewWebhook],
    expected: Versions = None,
) -> Webhook:
    """Change a webhook into what `edit` makes of it.

    Raises:
        NotPermitted, WebhookNotFound, UnitNotFound, VersionMismatch, ExternalIdTaken.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, expected)
    changes = differences(row, await _values(tx, who, edit(_input(row))))
    if not changes:
        return row
    told = dict(changes)
    if {"enabled", "url"} & changes.keys():
        changes |= _WELL
    if changes.get("enabled"):
        # The job of before, should it still be there, is nobody's any more.
        changes |= {"turn_id": new_id(), **dict.fromkeys(_BY_SERVICE)}
    before = await change(tx, row, changes)
    if {"enabled", "url"} & changes.keys():
        await _try_anew(tx, row)
    if changes.get("enabled"):
        await put(tx, TURN, Task(who.tenant_id, row.turn_id))
    was = {name: before[name] for name in told}
    await record(tx, who, Change("updated", "webhook", row.id, was, told))
    return row


async def delete_webhook(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Tell an address nothing more, and forget what it was told.

    Raises:
        NotPermitted, WebhookNotFound, VersionMismatch.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, expected)
    before = _input(row).model_dump(mode="json")
    await delete(tx, row)
    await record(tx, who, Change("deleted", "webhook", row.id, before))


async def webhook_secret(tx: Reading, who: Principal, ref: Ref, secrets: Secrets) -> WebhookSecret:
    """Return what a webhook's receiver verifies with; raises NotPermitted, WebhookNotFound."""
    require(who, Permission.ADMINISTER)
    columns = (Webhook.tenant_id, Webhook.id, Webhook.secret_number, Webhook.previous_secret_until)
    named = references.identifies(Webhook, who.tenant_id, ref)
    found = (await tx.execute(select(*columns).where(named))).mappings().one_or_none()
    if found is None:
        raise WebhookNotFound(ref)
    return secrets.shown(Webhook(**found))


async def rotate_secret(
    tx: Transaction, who: Principal, ref: Ref, rotation: SecretRotation
) -> Webhook:
    """Give a webhook another secret; the old one goes on for the overlap.

    Raises:
        NotPermitted, WebhookNotFound.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, None)
    until = datetime.now(UTC) + timedelta(seconds=rotation.overlap_seconds)
    changes = {"secret_number": row.secret_number + 1, "previous_secret_until": until}
    before = await change(tx, row, changes)
    await record(tx, who, Change("rotated", "webhook", row.id, before, changes))
    return row


async def ping_webhook(tx: Transaction, who: Principal, ref: Ref) -> UUID:
    """Send a webhook a message of no consequence; returns the delivery's id.

    Raises:
        NotPermitted, WebhookNotFound, WebhookDisabled.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, None)
    message = new_id()
    delivery = WebhookDelivery(
        tenant_id=who.tenant_id,
        id=message,
        webhook_id=row.id,
        place=0,
        event_id=message,
        type=PING,
        line=message,
    )
    tx.add(delivery)
    await tx.flush()
    await _begin_turn(tx, row)
    return message


async def replay_delivery(tx: Transaction, who: Principal, ref: Ref) -> UUID:
    """Have a finished delivery sent again, under the id it had.

    Raises:
        NotPermitted, DeliveryNotFound, WebhookDisabled.
        DeliveryWaits: it is not finished.
    """
    require(who, Permission.ADMINISTER)
    delivery_id = row_id(ref)
    named = (WebhookDelivery.tenant_id == who.tenant_id, WebhookDelivery.id == delivery_id)
    found = select(WebhookDelivery.webhook_id, WebhookDelivery.state).where(*named)
    row = (await tx.execute(found)).one_or_none() if delivery_id else None
    if row is None or delivery_id is None:
        raise DeliveryNotFound(ref)
    webhook = await _held(tx, who, row.webhook_id, None)
    if not await _put_back(tx, webhook, WebhookDelivery.id == delivery_id):
        raise DeliveryWaits
    return delivery_id


async def replay_dead(tx: Transaction, who: Principal, ref: Ref) -> int:
    """Have all of a webhook's dead deliveries sent again; returns how many.

    Raises:
        NotPermitted, WebhookNotFound, WebhookDisabled.
    """
    require(who, Permission.ADMINISTER)
    webhook = await _held(tx, who, ref, None)
    return await _put_back(tx, webhook, WebhookDelivery.state == DeliveryState.DEAD)


async def _put_back(tx: Transaction, webhook: Webhook, which: ColumnElement[bool]) -> int:
    finished = WebhookDelivery.state != DeliveryState.WAITING
    of = (
        WebhookDelivery.tenant_id == webhook.tenant_id,
        WebhookDelivery.webhook_id == webhook.id,
    )
    again = {
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "due_at": func.now(),
        "first_attempt_at": None,
        "finished_at": None,
    }
    put_back = update(WebhookDelivery).where(*of, which, finished).values(again)
    returned = (await tx.execute(put_back.returning(WebhookDelivery.id))).all()
    await _begin_turn(tx, webhook)
    return len(returned)


async def _try_anew(tx: Transaction, webhook: Webhook) -> None:
    """Let what waits be sent at once, and be given up no sooner than if it were new."""
    waiting = (
        WebhookDelivery.tenant_id == webhook.tenant_id,
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.state == DeliveryState.WAITING,
    )
    anew = {"due_at": func.now(), "attempts": 0, "first_attempt_at": None}
    await tx.execute(update(WebhookDelivery).where(*waiting).values(anew))


async def _begin_turn(tx: Transaction, webhook: Webhook) -> None:
    if not webhook.enabled:
        raise WebhookDisabled
    webhook.paused_until = None
    await tx.flush()
    await hasten(tx, TURN, [Task(webhook.tenant_id, webhook.turn_id)])


async def _held(tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions) -> Webhook:
    absent = WebhookNotFound(str(ref))
    return await references.lock(tx, Webhook, who.tenant_id, ref, absent, expected)


async def _values(tx: Transaction, who: Principal, new: NewWebhook) -> dict[str, object]:
    values = new.model_dump() | {"types": [each.value for each in dict.fromkeys(new.types)]}
    if new.unit_id is not None:
        absent = UnitNotFound(new.unit_id).at("/unit_id")
        values["unit_id"] = await references.resolve(tx, Unit, who.tenant_id, new.unit_id, absent)
    return values


def _input(row: Webhook) -> NewWebhook:
    return NewWebhook(
        external_id=row.external_id,
        name=row.name,
        url=row.url,
        types=[EventType(each) for each in row.types],
        unit_id=references.ref(row.unit_id),
        include_private=row.include_private,
        enabled=row.enabled,
    )

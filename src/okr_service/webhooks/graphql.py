"""Webhooks in GraphQL."""

from typing import Any

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Question, ReadCall, Room, Write, WriteCall
from okr_service.graphql.writes import Kept
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Listing
from okr_service.organisation.graphql import UNIT
from okr_service.webhooks import service
from okr_service.webhooks.errors import DeliveryNotFound, WebhookNotFound
from okr_service.webhooks.model import Webhook, WebhookDelivery
from okr_service.webhooks.reads import DELIVERIES, WEBHOOKS, deliveries_wanted
from okr_service.webhooks.secrets import Secrets
from okr_service.webhooks.shapes import (
    DeliveryListing,
    DeliveryView,
    NewWebhook,
    Replayed,
    SecretRotation,
    WebhookSecret,
    WebhookView,
)

WEBHOOK = Kind(
    "Webhook",
    "webhooks",
    WEBHOOKS,
    WebhookView,
    Permission.ADMINISTER,
    Listing,
    lambda *_: [],
    WebhookNotFound,
    NewWebhook,
)
WEBHOOK.link("unit", Webhook.unit_id, UNIT, "The unit, with those beneath, that it is told of.")
DELIVERY = Kind(
    "WebhookDelivery",
    "webhookDeliveries",
    DELIVERIES,
    DeliveryView,
    Permission.ADMINISTER,
    DeliveryListing,
    lambda who, wanted: deliveries_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    DeliveryNotFound,
)
DELIVERY.link(
    "webhook", WebhookDelivery.webhook_id, WEBHOOK, "The webhook that is told.", required=True
)
_webhooks = Kept(
    WEBHOOK, NewWebhook, Permission.ADMINISTER,
    service.create_webhook, service.edit_webhook, service.delete_webhook,
)  # fmt: skip


def room(secrets: Secrets) -> Room:
    """Return what there is of webhooks, whose secrets are these."""

    async def secret(call: ReadCall, ref: Ref, _: Any) -> str:
        found = await service.webhook_secret(call.tx, call.who, ref, secrets)
        return found.model_dump_json()

    admin = Permission.ADMINISTER
    return Room(
        [WEBHOOK, DELIVERY],
        questions=[
            Question(
                "webhookSecret", "What the receiver of a webhook verifies signatures with.",
                admin, WebhookSecret, secret,
            ),
        ],
        writes=[
            *_webhooks.writes("a webhook"),
            Write(
                "rotateWebhookSecret",
                "Give a webhook another secret; until the overlap is over both sign.",
                admin, _rotate, SecretRotation, versioned=False, shows=WEBHOOK,
            ),
            Write(
                "pingWebhook", "Send a webhook a message of no consequence.", admin, _ping,
                versioned=False, shows=DELIVERY,
            ),
            Write(
                "replayWebhook", "Send all dead deliveries of a webhook again.", admin,
                _replay_dead, versioned=False, also=Replayed,
            ),
            Write(
                "replayWebhookDelivery", "Send a finished delivery again, under the id it had.",
                admin, _replay, versioned=False, shows=DELIVERY,
            ),
        ],
    )  # fmt: skip


async def _rotate(call: WriteCall, rotation: SecretRotation) -> Done:
    return Done((await service.rotate_secret(call.tx, call.who, call.ref, rotation)).id)


async def _ping(call: WriteCall, _: Any) -> Done:
    return Done(await service.ping_webhook(call.tx, call.who, call.ref))


async def _replay(call: WriteCall, _: Any) -> Done:
    return Done(await service.replay_delivery(call.tx, call.who, call.ref))


async def _replay_dead(call: WriteCall, _: Any) -> Done:
    return Done(told={"replayed": await service.replay_dead(call.tx, call.who, call.ref)})

"""How webhooks and their deliveries are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement

from okr_service.kernel.documents import Collection, open_to_all
from okr_service.kernel.references import refers
from okr_service.webhooks.model import Webhook, WebhookDelivery
from okr_service.webhooks.shapes import DeliveryListing

WEBHOOKS = Collection(
    Webhook,
    {
        "id": Webhook.id,
        "external_id": Webhook.external_id,
        "version": Webhook.version,
        "created_at": Webhook.created_at,
        "updated_at": Webhook.updated_at,
        "name": Webhook.name,
        "url": Webhook.url,
        "types": Webhook.types,
        "unit_id": Webhook.unit_id,
        "include_private": Webhook.include_private,
        "enabled": Webhook.enabled,
        "disabled_at": Webhook.disabled_at,
        "disabled_reason": Webhook.disabled_reason,
        "previous_secret_until": Webhook.previous_secret_until,
        "failures": Webhook.failures,
        "failing_since": Webhook.failing_since,
        "paused_until": Webhook.paused_until,
    },
    seen=open_to_all,
    sorts={
        "name": Webhook.name,
        "created_at": Webhook.created_at,
        "updated_at": Webhook.updated_at,
    },
)
DELIVERIES = Collection(
    WebhookDelivery,
    {
        "id": WebhookDelivery.id,
        "webhook_id": WebhookDelivery.webhook_id,
        "event_id": WebhookDelivery.event_id,
        "type": WebhookDelivery.type,
        "state": WebhookDelivery.state,
        "attempts": WebhookDelivery.attempts,
        "created_at": WebhookDelivery.created_at,
        "due_at": WebhookDelivery.due_at,
        "first_attempt_at": WebhookDelivery.first_attempt_at,
        "last_attempt_at": WebhookDelivery.last_attempt_at,
        "finished_at": WebhookDelivery.finished_at,
        "status": WebhookDelivery.status,
        "reason": WebhookDelivery.reason,
    },
    seen=open_to_all,
    sorts={"created_at": WebhookDelivery.created_at},
    default_sort="-created_at",
)


def deliveries_wanted(tenant_id: UUID, wanted: DeliveryListing) -> list[ColumnElement[bool]]:
    """Return the conditions that deliveries must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.webhook_id:
        of = refers(WebhookDelivery.webhook_id, Webhook, tenant_id, wanted.webhook_id)
        conditions.append(of)
    if wanted.state:
        conditions.append(WebhookDelivery.state.in_(wanted.state))
    return conditions

"""Webhooks over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Listing, Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies
from okr_service.rest.answers import computed, no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room
from okr_service.serving import Service
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

router = room("webhooks")
DeliveryId = Annotated[UUID, Path(description="The delivery's id.")]


@router.get("/webhook-deliveries", response_model=PageOf[DeliveryView])
@needs(Permission.ADMINISTER)
async def list_webhook_deliveries(
    wanted: Annotated[DeliveryListing, Query()], call: Read
) -> Response:
    """List what webhooks were told, and are to be told; the latest first."""
    conditions = deliveries_wanted(call.who.tenant_id, wanted)
    return await page(call, DELIVERIES, conditions, wanted.page())


@router.get("/webhook-deliveries/{delivery_id}", response_model=DeliveryView)
@needs(Permission.ADMINISTER)
async def get_webhook_delivery(delivery_id: DeliveryId, call: Read) -> Response:
    """Show what came of a delivery."""
    absent = DeliveryNotFound(str(delivery_id))
    return await show(call, DELIVERIES, WebhookDelivery.id == delivery_id, absent)


@router.post("/webhook-deliveries/{delivery_id}:replay", response_model=DeliveryView)
@needs(Permission.ADMINISTER)
async def replay_webhook_delivery(delivery_id: DeliveryId, call: Write) -> Response:
    """Send a finished delivery again, under the id it had."""
    replayed = await service.replay_delivery(call.tx, call.who, Ref(str(delivery_id)))
    return await written(call, DELIVERIES, replayed)


@router.get("/webhooks", response_model=PageOf[WebhookView])
@needs(Permission.ADMINISTER)
async def list_webhooks(wanted: Annotated[Listing, Query()], call: Read) -> Response:
    """List webhooks."""
    return await page(call, WEBHOOKS, [], wanted.page())


@router.post("/webhooks", status_code=201, response_model=WebhookView)
@needs(Permission.ADMINISTER)
async def create_webhook(body: NewWebhook, call: Write) -> Response:
    """Have an address told what happens from now on, signed by Standard Webhooks."""
    made = await service.create_webhook(call.tx, call.who, body)
    return await written(call, WEBHOOKS, made.id, "/v1/webhooks")


@router.get("/webhooks/{ref:path}/secret", response_model=WebhookSecret)
@needs(Permission.ADMINISTER)
async def get_webhook_secret(ref: PathRef, call: Read) -> Response:
    """Show what the receiver of a webhook verifies signatures with."""
    home: Service = call.request.app.state.service
    secrets = Secrets.of(home.settings)
    found = await service.webhook_secret(call.tx, call.who, ref, secrets)
    return computed(found.model_dump())


@router.post("/webhooks/{ref:path}:rotate-secret", response_model=WebhookView)
@needs(Permission.ADMINISTER)
async def rotate_webhook_secret(
    ref: PathRef, call: Write, body: SecretRotation | None = None
) -> Response:
    """Give a webhook another secret; until the overlap is over both sign what is sent."""
    rotated = await service.rotate_secret(call.tx, call.who, ref, body or SecretRotation())
    return await written(call, WEBHOOKS, rotated.id)


@router.post("/webhooks/{ref:path}:ping", status_code=202, response_model=DeliveryView)
@needs(Permission.ADMINISTER)
async def ping_webhook(ref: PathRef, call: Write) -> Response:
    """Send a webhook a message of no consequence, `okr.webhook.ping`."""
    message = await service.ping_webhook(call.tx, call.who, ref)
    answer = await written(call, DELIVERIES, message)
    answer.status_code = 202
    return answer


@router.post("/webhooks/{ref:path}:replay", response_model=Replayed)
@needs(Permission.ADMINISTER)
async def replay_webhook(ref: PathRef, call: Write) -> Response:
    """Send all dead deliveries of a webhook again, under the ids they had."""
    replayed = await service.replay_dead(call.tx, call.who, ref)
    return computed({"replayed": replayed})


@router.get("/webhooks/{ref:path}", response_model=WebhookView)
@needs(Permission.ADMINISTER)
async def get_webhook(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a webhook, and how it takes what it is told."""
    named = identifies(Webhook, call.who.tenant_id, ref)
    return await show(call, WEBHOOKS, named, WebhookNotFound(ref), shape.shape())


@router.put(
    "/webhooks/{ref:path}",
    response_model=WebhookView,
    responses={201: {"model": WebhookView}},
)
@needs(Permission.ADMINISTER)
async def put_webhook(ref: PathRef, body: NewWebhook, call: Write) -> Response:
    """Replace a webhook, or create it under the caller's own key."""

    async def create(new: NewWebhook) -> Webhook:
        return await service.create_webhook(call.tx, call.who, new)

    async def replace(new: NewWebhook) -> Webhook:
        expected = expected_versions(call)
        return await service.edit_webhook(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, WEBHOOKS, ref, body, WebhookNotFound(ref), create, replace)


@router.patch(
    "/webhooks/{ref:path}", response_model=WebhookView, openapi_extra=patch_of(NewWebhook)
)
@needs(Permission.ADMINISTER)
async def patch_webhook(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a webhook (JSON Merge Patch)."""
    edit, expected = patched(NewWebhook, body), expected_versions(call)
    changed = await service.edit_webhook(call.tx, call.who, ref, edit, expected)
    return await written(call, WEBHOOKS, changed.id)


@router.delete("/webhooks/{ref:path}", status_code=204)
@needs(Permission.ADMINISTER)
async def delete_webhook(ref: PathRef, call: Write) -> Response:
    """Delete a webhook: its address is told nothing more."""
    await service.delete_webhook(call.tx, call.who, ref, expected_versions(call))
    return no_content()

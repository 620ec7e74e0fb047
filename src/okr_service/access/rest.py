"""Tenants and API keys over REST."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Path, Query
from starlette.responses import Response

from okr_service.access import service
from okr_service.access.errors import ApiKeyNotFound
from okr_service.access.model import ApiKey
from okr_service.access.policy import Permission
from okr_service.access.reads import API_KEYS
from okr_service.access.shapes import ApiKeyMade, ApiKeyView, NewApiKey, NewTenant, TenantMade
from okr_service.kernel.paging import Listing
from okr_service.rest.answers import computed, page, show, written
from okr_service.rest.endpoint import Read, Service, Write, needs
from okr_service.rest.routing import PageOf, room

router = room("access")

KeyId = Annotated[UUID, Path(description="The key's id; not the key itself.")]


@router.post("/tenants", status_code=201, response_model=TenantMade)
@needs(Permission.OPERATE)
async def create_tenant(body: NewTenant, call: Write) -> Response:
    """Take on a customer; the answer holds its first admin key, shown this once."""
    tenant, key = await service.create_tenant(call.tx, call.who, body)
    shown = {
        "id": tenant.tenant_id,
        "name": tenant.name,
        "created_at": tenant.created_at,
        "api_key": key,
    }
    return computed(shown, 201)


@router.get("/api-keys", response_model=PageOf[ApiKeyView])
@needs(Permission.ADMINISTER)
async def list_api_keys(wanted: Annotated[Listing, Query()], call: Read) -> Response:
    """List API keys, without their secrets."""
    return await page(call, API_KEYS, [], wanted.page())


@router.post("/api-keys", status_code=201, response_model=ApiKeyMade)
@needs(Permission.ADMINISTER)
async def create_api_key(body: NewApiKey, call: Write) -> Response:
    """Make an API key; the answer holds its secret, shown this once."""
    row, key = await service.create_api_key(call.tx, call.who, body)
    shown = await API_KEYS.one(call.tx, call.who.tenant_id, call.who.sight, ApiKey.id == row.id)
    assert shown is not None, "what was written can be read"
    made = orjson.loads(shown.text) | {"key": key}
    return computed(made, 201, {"Location": f"/v1/api-keys/{row.id}"})


@router.post("/api-keys/{key_id}:revoke", response_model=ApiKeyView)
@needs(Permission.ADMINISTER)
async def revoke_api_key(key_id: KeyId, call: Write) -> Response:
    """Stop an API key from working."""
    revoked = await service.revoke_api_key(call.tx, call.who, key_id)
    serving: Service = call.request.app.state.service
    serving.gatekeeper.forget(str(revoked.id))
    return await written(call, API_KEYS, revoked.id)


@router.get("/api-keys/{key_id}", response_model=ApiKeyView)
@needs(Permission.ADMINISTER)
async def get_api_key(key_id: KeyId, call: Read) -> Response:
    """Show an API key, without its secret."""
    return await show(call, API_KEYS, ApiKey.id == key_id, ApiKeyNotFound(str(key_id)))

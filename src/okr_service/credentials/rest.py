"""Tenants and API keys over REST."""

from functools import partial
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Path, Query
from sqlalchemy import and_
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.access.serving import Service
from okr_service.credentials import service, tenants
from okr_service.credentials.errors import ApiKeyNotFound
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.model import ApiKey
from okr_service.credentials.reads import API_KEYS, api_keys_wanted, keys_of
from okr_service.credentials.shapes import (
    ApiKeyListing,
    ApiKeyMade,
    ApiKeyView,
    NewApiKey,
    NewTenant,
    Rotation,
    TenantMade,
)
from okr_service.organisation.tenant import tenant_view
from okr_service.rest.answers import page, show, shown_once, written
from okr_service.rest.endpoint import Read, Write, WriteCall, needs
from okr_service.rest.routing import PageOf, room

router = room("credentials")

KeyId = Annotated[UUID, Path(description="The key's id; not the key itself.")]


@router.post("/tenants", status_code=201, response_model=TenantMade)
@needs(Permission.OPERATE)
async def create_tenant(body: NewTenant, call: Write) -> Response:
    """Take on a customer; the answer holds its first admin key, shown this once."""
    issuing = Issuing.by(_service(call).settings)
    tenant, row, key = await tenants.create_tenant(call.tx, call.who, body, issuing)
    return shown_once(
        {**tenant_view(tenant).model_dump(mode="json"), "api_key_id": row.id, "api_key": key}
    )


@router.get("/api-keys", response_model=PageOf[ApiKeyView])
@needs(Permission.OWN_KEYS)
async def list_api_keys(wanted: Annotated[ApiKeyListing, Query()], call: Read) -> Response:
    """List API keys, without their secrets; who is no admin sees their own."""
    conditions = [*keys_of(call.who), *api_keys_wanted(call.who.tenant_id, wanted)]
    return await page(call, API_KEYS, conditions, wanted.page())


@router.post("/api-keys", status_code=201, response_model=ApiKeyMade)
@needs(Permission.OWN_KEYS)
async def create_api_key(body: NewApiKey, call: Write) -> Response:
    """Make an API key; the answer holds its secret, shown this once."""
    issuing = Issuing.by(_service(call).settings)
    return await _made(call, *await service.create_api_key(call.tx, call.who, body, issuing))


@router.post("/api-keys/{key_id}:rotate", status_code=201, response_model=ApiKeyMade)
@needs(Permission.OWN_KEYS)
async def rotate_api_key(key_id: KeyId, call: Write, body: Rotation | None = None) -> Response:
    """Make an API key's successor, shown this once; the old key goes on for an overlap."""
    issuing = Issuing.by(_service(call).settings)
    rotation = body or Rotation()
    made = await service.rotate_api_key(call.tx, call.who, key_id, rotation, issuing)
    _forget_once_committed(call, key_id)
    return await _made(call, *made)


@router.post("/api-keys/{key_id}:revoke", response_model=ApiKeyView)
@needs(Permission.OWN_KEYS)
async def revoke_api_key(key_id: KeyId, call: Write) -> Response:
    """Stop an API key from working."""
    revoked = await service.revoke_api_key(call.tx, call.who, key_id)
    _forget_once_committed(call, key_id)
    return await written(call, API_KEYS, revoked.id)


@router.get("/api-keys/{key_id}", response_model=ApiKeyView)
@needs(Permission.OWN_KEYS)
async def get_api_key(key_id: KeyId, call: Read) -> Response:
    """Show an API key, without its secret."""
    named = (ApiKey.id == key_id, *keys_of(call.who))
    return await show(call, API_KEYS, and_(*named), ApiKeyNotFound(str(key_id)))


async def _made(call: WriteCall, row: ApiKey, key: str) -> Response:
    shown = await API_KEYS.one(call.tx, call.who.tenant_id, call.who.sight, ApiKey.id == row.id)
    assert shown is not None, "what was written can be read"
    return shown_once(orjson.loads(shown.text) | {"key": key}, f"/v1/api-keys/{row.id}")


def _forget_once_committed(call: WriteCall, key_id: UUID) -> None:
    call.afterwards.append(partial(_service(call).gatekeeper.forget, str(key_id)))


def _service(call: WriteCall) -> Service:
    serving: Service = call.request.app.state.service
    return serving

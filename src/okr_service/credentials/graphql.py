"""Tenants and API keys in GraphQL."""

from functools import partial
from typing import Any
from uuid import UUID

from okr_service.access.policy import Permission
from okr_service.credentials import service, tenants
from okr_service.credentials.errors import ApiKeyNotFound
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.model import ApiKey
from okr_service.credentials.reads import API_KEYS, api_keys_wanted, keys_of
from okr_service.credentials.shapes import (
    ApiKeyListing,
    ApiKeyView,
    NewApiKey,
    NewTenant,
    Rotation,
    TenantMade,
)
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.kernel.fields import View
from okr_service.kernel.references import row_id
from okr_service.organisation.graphql import PERSON
from okr_service.organisation.tenant import tenant_view

API_KEY = Kind(
    "ApiKey",
    "apiKeys",
    API_KEYS,
    ApiKeyView,
    Permission.OWN_KEYS,
    ApiKeyListing,
    lambda who, wanted: api_keys_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    ApiKeyNotFound,
    NewApiKey,
    own=keys_of,
)
API_KEY.link("person", ApiKey.person_id, PERSON, "The person it stands for.")
API_KEY.link("replaces", ApiKey.replaces_id, API_KEY, "The key that it was rotated from.")


class Secret(View):
    """An API key's secret."""

    key: str


async def _create_tenant(call: WriteCall, new: NewTenant) -> Done:
    tenant, row, key = await tenants.create_tenant(call.tx, call.who, new, _issuing(call))
    shown = tenant_view(tenant).model_dump(mode="json")
    return Done(told=shown | {"api_key_id": str(row.id), "api_key": key})


async def _create_api_key(call: WriteCall, new: NewApiKey) -> Done:
    row, key = await service.create_api_key(call.tx, call.who, new, _issuing(call))
    return Done(row.id, told={"key": key})


async def _rotate(call: WriteCall, rotation: Rotation) -> Done:
    old, issuing = _named(call), _issuing(call)
    row, key = await service.rotate_api_key(call.tx, call.who, old, rotation, issuing)
    _forget_once_committed(call, old)
    return Done(row.id, told={"key": key})


async def _revoke(call: WriteCall, _: Any) -> Done:
    revoked = await service.revoke_api_key(call.tx, call.who, _named(call))
    _forget_once_committed(call, revoked.id)
    return Done(revoked.id)


def _named(call: WriteCall) -> UUID:
    named: UUID | None = row_id(call.ref)
    if named is None:
        raise ApiKeyNotFound(call.ref)
    return named


def _issuing(call: WriteCall) -> Issuing:
    return Issuing.by(call.service.settings)


def _forget_once_committed(call: WriteCall, key_id: UUID) -> None:
    call.afterwards.append(partial(call.service.gatekeeper.forget, str(key_id)))


_OWN = Permission.OWN_KEYS
ROOM = Room(
    [API_KEY],
    writes=[
        Write(
            "createTenant", "Take on a customer; its first admin key is shown this once.",
            Permission.OPERATE, _create_tenant, NewTenant,
            about_one=False, also=TenantMade, shows_secret=True,
        ),
        Write(
            "createApiKey", "Make an API key; its secret is shown this once.",
            _OWN, _create_api_key, NewApiKey,
            about_one=False, shows=API_KEY, also=Secret, shows_secret=True,
        ),
        Write(
            "rotateApiKey",
            "Make an API key's successor, shown this once; the old key goes on for an overlap.",
            _OWN, _rotate, Rotation,
            versioned=False, shows=API_KEY, also=Secret, shows_secret=True,
        ),
        Write(
            "revokeApiKey", "Stop an API key from working.", _OWN, _revoke,
            versioned=False, shows=API_KEY,
        ),
    ],
)  # fmt: skip

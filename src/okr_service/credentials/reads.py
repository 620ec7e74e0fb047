"""How API keys are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select

from okr_service.access.policy import Permission, Principal
from okr_service.credentials.model import ApiKey, ApiKeyUse
from okr_service.credentials.shapes import ApiKeyListing
from okr_service.kernel.documents import Collection, open_to_all
from okr_service.kernel.references import refers
from okr_service.organisation.model import Person

_LAST_USED = (
    select(ApiKeyUse.last_used_at)
    .where(ApiKeyUse.tenant_id == ApiKey.tenant_id, ApiKeyUse.api_key_id == ApiKey.id)
    .scalar_subquery()
)

API_KEYS = Collection(
    ApiKey,
    {
        "id": ApiKey.id,
        "name": ApiKey.name,
        "beginning": ApiKey.beginning,
        "scopes": ApiKey.scopes,
        "person_id": ApiKey.person_id,
        "replaces_id": ApiKey.replaces_id,
        "created_at": ApiKey.created_at,
        "expires_at": ApiKey.expires_at,
        "last_used_at": _LAST_USED,
        "revoked_at": ApiKey.revoked_at,
    },
    seen=open_to_all,
    sorts={"created_at": ApiKey.created_at, "name": ApiKey.name},
)

IN_FORCE = and_(
    ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
)


def keys_of(who: Principal) -> list[ColumnElement[bool]]:
    """Return the conditions that a key is the caller's to see: an admin's are all."""
    if Permission.ADMINISTER in who.grants:
        return []
    return [false() if who.person_id is None else ApiKey.person_id == who.person_id]


def api_keys_wanted(tenant_id: UUID, wanted: ApiKeyListing) -> list[ColumnElement[bool]]:
    """Return the conditions that API keys must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.person_id:
        conditions.append(refers(ApiKey.person_id, Person, tenant_id, wanted.person_id))
    if wanted.in_force is not None:
        conditions.append(IN_FORCE if wanted.in_force else not_(IN_FORCE))
    return conditions

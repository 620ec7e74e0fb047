"""Making tenants and API keys, and telling from a key who is calling."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from okr_service.access.credential import Credential
from okr_service.access.errors import ApiKeyNotFound, ExpiryInPast, InvalidCredential
from okr_service.access.model import ApiKey, Tenant
from okr_service.access.policy import Permission, Principal, Scope, require
from okr_service.access.shapes import NewApiKey, NewTenant
from okr_service.kernel.database import Database, Transaction, enter_tenant
from okr_service.kernel.model import new_id

# The tenant of OKR_BOOTSTRAP_API_KEY, which names none itself.
BOOTSTRAP_TENANT_ID = UUID("00000000-0000-7000-8000-000000000001")
_BOOTSTRAP = "bootstrap"
_PREFIX = "okr"
_SHOWN = len(_PREFIX) + 1 + 32 + 1 + 6


async def create_tenant(tx: Transaction, who: Principal, new: NewTenant) -> tuple[Tenant, str]:
    """Take on a customer; returns it and its first admin key.

    Raises:
        NotPermitted: the caller is no operator.
    """
    require(who, Permission.OPERATE)
    return await found_tenant(tx, new.name)


async def found_tenant(tx: Transaction, name: str) -> tuple[Tenant, str]:
    """Make a tenant and its first admin key, on nobody's behalf."""
    tenant = Tenant(tenant_id=new_id(), name=name)
    await enter_tenant(tx, tenant.tenant_id)
    tx.add(tenant)
    await tx.flush()
    _, key = await _make_key(tx, tenant.tenant_id, NewApiKey(name="admin", scopes=[Scope.ADMIN]))
    return tenant, key


async def create_api_key(tx: Transaction, who: Principal, new: NewApiKey) -> tuple[ApiKey, str]:
    """Make an API key; returns it and the secret, which is kept nowhere.

    Raises:
        NotPermitted: the caller is no admin, or grants `operate` without having it.
        ExpiryInPast: it would have expired already.
    """
    require(who, Permission.ADMINISTER)
    if Scope.OPERATE in new.scopes:
        require(who, Permission.OPERATE)
    if new.expires_at is not None and new.expires_at <= datetime.now(UTC):
        raise ExpiryInPast().at("/expires_at")
    return await _make_key(tx, who.tenant_id, new)


async def _make_key(tx: Transaction, tenant_id: UUID, new: NewApiKey) -> tuple[ApiKey, str]:
    key = f"{_PREFIX}_{tenant_id.hex}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        tenant_id=tenant_id,
        name=new.name,
        beginning=key[:_SHOWN],
        key_hash=_hash(key),
        scopes=[str(scope) for scope in new.scopes],
        expires_at=new.expires_at,
    )
    tx.add(row)
    await tx.flush()
    return row, key


async def revoke_api_key(tx: Transaction, who: Principal, key_id: UUID) -> ApiKey:
    """Stop an API key from working.

    Raises:
        NotPermitted: the caller is no admin.
        ApiKeyNotFound: the tenant has no such key.
    """
    require(who, Permission.ADMINISTER)
    row = await tx.scalar(
        select(ApiKey)
        .where(ApiKey.tenant_id == who.tenant_id, ApiKey.id == key_id)
        .with_for_update()
    )
    if row is None:
        raise ApiKeyNotFound(str(key_id))
    row.revoked_at = row.revoked_at or datetime.now(UTC)
    await tx.flush()
    return row


class ApiKeys:
    """Recognises API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recognise(self, token: str) -> Credential | None:
        """Return what an API key stands for; see `Recogniser`."""
        if not token.startswith(f"{_PREFIX}_"):
            return None
        tenant_id = _tenant_of(token)
        statement = select(ApiKey.id, ApiKey.scopes, ApiKey.expires_at).where(
            ApiKey.tenant_id == tenant_id,
            ApiKey.key_hash == _hash(token),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
        )
        async with self._database.reading(tenant_id) as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            raise InvalidCredential
        scopes = frozenset(Scope(scope) for scope in found.scopes)
        return Credential(tenant_id, str(found.id), scopes, expires_at=found.expires_at)


class BootstrapKey:
    """Recognises the key that an operator sets the service up with, and makes its tenant."""

    def __init__(self, database: Database, key: SecretStr | None) -> None:
        self._database = database
        self._hash = None if key is None else _hash(key.get_secret_value())
        self._founded = False

    async def recognise(self, token: str) -> Credential | None:
        """Return what the bootstrap key stands for; see `Recogniser`."""
        if self._hash is None or not hmac.compare_digest(_hash(token), self._hash):
            return None
        if not self._founded:
            await found_bootstrap_tenant(self._database)
            self._founded = True
        scopes = frozenset({Scope.ADMIN, Scope.OPERATE})
        return Credential(BOOTSTRAP_TENANT_ID, _BOOTSTRAP, scopes)


async def found_bootstrap_tenant(database: Database) -> None:
    """Make sure that the bootstrap key's tenant is there."""
    async with database.transaction(BOOTSTRAP_TENANT_ID) as tx:
        row = {"tenant_id": BOOTSTRAP_TENANT_ID, "name": "Default"}
        await tx.execute(insert(Tenant).values(row).on_conflict_do_nothing())


def _tenant_of(token: str) -> UUID:
    parts = token.split("_", 2)
    try:
        return UUID(hex=parts[1])
    except (IndexError, ValueError) as error:
        raise InvalidCredential from error


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

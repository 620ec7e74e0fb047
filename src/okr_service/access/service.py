"""Making tenants and API keys, and telling from a key who is calling."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from okr_service.access.errors import (
    ApiKeyNotFound,
    ExpiryInPast,
    InvalidCredential,
    MissingCredential,
)
from okr_service.access.model import ApiKey, Tenant
from okr_service.access.policy import Permission, Principal, Scope, granted, require
from okr_service.access.shapes import NewApiKey, NewTenant
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.model import new_id

# The tenant of OKR_BOOTSTRAP_API_KEY, which names none itself.
BOOTSTRAP_TENANT_ID = UUID("00000000-0000-7000-8000-000000000001")
_BOOTSTRAP = "bootstrap"
_PREFIX = "okr"
_SHOWN = len(_PREFIX) + 1 + 32 + 1 + 6
_CACHED_KEYS = 10_000


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


@dataclass(frozen=True, slots=True)
class _Known:
    tenant_id: UUID
    credential: str
    permissions: frozenset[Permission]
    until: float


class Gatekeeper:
    """Tells from a bearer token who is calling.

    A key once found good is believed for `cache_seconds`, so that a request
    costs no look-up of its own.
    """

    def __init__(
        self, database: Database, bootstrap_key: SecretStr | None, cache_seconds: float
    ) -> None:
        self._database = database
        self._bootstrap_hash = bootstrap_key and _hash(bootstrap_key.get_secret_value())
        self._cache_seconds = cache_seconds
        self._known: dict[bytes, _Known] = {}
        self._founded = False

    async def recognise(self, authorization: str | None, request_id: str) -> Principal:
        """Return the caller that an Authorization header's value stands for.

        Raises:
            MissingCredential: there is no bearer token.
            InvalidCredential: the key is unknown, expired or revoked.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise MissingCredential
        digest = _hash(token.strip())
        known = self._known.get(digest)
        if known is None or known.until < time.monotonic():
            known = await self._look_up(token.strip(), digest)
            self._remember(digest, known)
        return Principal(known.tenant_id, known.credential, known.permissions, request_id)

    def forget(self, key: ApiKey) -> None:
        """Believe a key no longer, at once in this process."""
        self._known.pop(key.key_hash, None)

    def _remember(self, digest: bytes, known: _Known) -> None:
        if len(self._known) >= _CACHED_KEYS:
            self._known.clear()
        self._known[digest] = known

    async def _look_up(self, token: str, digest: bytes) -> _Known:
        until = time.monotonic() + self._cache_seconds
        if self._bootstrap_hash and hmac.compare_digest(digest, self._bootstrap_hash):
            if not self._founded:
                await found_bootstrap_tenant(self._database)
                self._founded = True
            permissions = granted([Scope.ADMIN, Scope.OPERATE])
            return _Known(BOOTSTRAP_TENANT_ID, _BOOTSTRAP, permissions, until)
        statement = select(ApiKey.id, ApiKey.scopes).where(
            ApiKey.tenant_id == _tenant_of(token),
            ApiKey.key_hash == digest,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            raise InvalidCredential
        return _Known(_tenant_of(token), str(found.id), granted(found.scopes), until)


async def found_bootstrap_tenant(database: Database) -> None:
    """Make sure that the bootstrap key's tenant is there."""
    async with database.transaction() as tx:
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

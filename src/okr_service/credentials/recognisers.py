"""Telling from a key who is calling."""

import hashlib
import hmac
from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import select

from okr_service.access.credential import Credential
from okr_service.access.errors import InvalidCredential
from okr_service.access.policy import Scope
from okr_service.credentials.hashing import KeyedHash
from okr_service.credentials.keys import PREFIX, tenant_of
from okr_service.credentials.model import ApiKey
from okr_service.credentials.reads import IN_FORCE
from okr_service.credentials.tenants import BOOTSTRAP_TENANT_ID, found_bootstrap_tenant
from okr_service.credentials.uses import Uses
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import row_id

_BOOTSTRAP = "bootstrap"


class ApiKeys:
    """Recognises API keys.

    What is no key costs no statement; a key that is unknown, revoked or expired costs the
    same one, and is told the same.
    """

    def __init__(self, database: Database, hashing: KeyedHash, uses: Uses) -> None:
        self._database = database
        self._hashing = hashing
        self._uses = uses

    async def recognise(self, token: str) -> Credential | None:
        """Return what an API key stands for; see `Recogniser`."""
        if not token.startswith(PREFIX):
            return None
        tenant_id = tenant_of(token)
        hashes = self._hashing.known(token)
        statement = select(
            ApiKey.id, ApiKey.key_hash, ApiKey.scopes, ApiKey.person_id, ApiKey.expires_at
        ).where(ApiKey.tenant_id == tenant_id, ApiKey.key_hash.in_(hashes), IN_FORCE)
        async with self._database.reading(tenant_id) as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            raise InvalidCredential
        of_today = hmac.compare_digest(found.key_hash, hashes[0])
        self._uses.note(tenant_id, found.id, None if of_today else hashes[0])
        return Credential(
            tenant_id,
            str(found.id),
            frozenset(Scope(scope) for scope in found.scopes),
            found.person_id,
            expires_at=found.expires_at,
        )

    async def still(self, credential: Credential) -> Credential | None:
        """Return what a key that was recognised before stands for; see `Recogniser`."""
        key_id = row_id(Ref(credential.name))
        if key_id is None:
            return None
        statement = select(ApiKey.scopes, ApiKey.person_id).where(
            ApiKey.tenant_id == credential.tenant_id, ApiKey.id == key_id, IN_FORCE
        )
        async with self._database.reading(credential.tenant_id) as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            raise InvalidCredential
        scopes = frozenset(Scope(scope) for scope in found.scopes)
        return replace(credential, scopes=scopes, person_id=found.person_id)


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

    async def still(self, credential: Credential) -> Credential | None:
        """Return the bootstrap key's credential, if there is one; see `Recogniser`."""
        if credential.name != _BOOTSTRAP:
            return None
        if self._hash is None:
            raise InvalidCredential
        return credential


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

"""Telling from a bearer token who is calling."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam

from okr_service.access.credential import Credential, Recogniser
from okr_service.access.errors import InvalidCredential, MissingCredential
from okr_service.access.policy import Grants, Principal, Role, Standing, granted, granted_to
from okr_service.kernel.database import Database
from okr_service.kernel.sql import load_sql

_STANDING = load_sql(__package__, "standing").bindparams(
    bindparam("tenant_id", type_=Uuid), bindparam("person_id", type_=Uuid)
)
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    credential: Credential
    grants: Grants
    unit_id: UUID | None
    until: float


class Gatekeeper:
    """Recognises callers.

    One once recognised is believed for `seconds`, so that a request costs no look-up of
    its own: for so long a process may go on by a credential that was revoked, or a role
    that was taken, through another.
    """

    def __init__(
        self, database: Database, recognisers: Sequence[Recogniser], seconds: float
    ) -> None:
        self._database = database
        self.recognisers = recognisers
        self._seconds = seconds
        self._known: dict[bytes, _Known] = {}

    async def recognise(self, authorization: str | None, request_id: str) -> Principal:
        """Return the caller that an Authorization header's value stands for.

        Raises:
            MissingCredential: there is no bearer token.
            InvalidCredential: it is not one that is accepted here, or not any more.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise MissingCredential
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None or known.until < time.monotonic():
            known = await self._look_up(token)
            self._remember(digest, known)
        credential = known.credential
        return Principal(
            credential.tenant_id,
            credential.name,
            known.grants,
            request_id,
            credential.person_id,
            known.unit_id,
        )

    def forget(self, name: str) -> None:
        """Believe the credential of this name no longer, at once in this process."""
        of_it = [digest for digest, known in self._known.items() if known.credential.name == name]
        for digest in of_it:
            self._known.pop(digest, None)

    def _remember(self, digest: bytes, known: _Known) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[digest] = known

    async def _look_up(self, token: str) -> _Known:
        began = time.monotonic()
        credential = await self._recognised(token)
        seconds = self._seconds
        if credential.expires_at is not None:
            left = (credential.expires_at - datetime.now(UTC)).total_seconds()
            seconds = min(seconds, left)
        if credential.person_id is None:
            return _Known(credential, granted(credential.scopes or ()), None, began + seconds)
        standing = await self._standing(credential, credential.person_id)
        grants = granted_to(standing, credential.scopes)
        return _Known(credential, grants, standing.unit_id, began + seconds)

    async def _recognised(self, token: str) -> Credential:
        for recogniser in self.recognisers:
            credential = await recogniser.recognise(token)
            if credential is not None:
                return credential
        raise InvalidCredential

    async def _standing(self, credential: Credential, person_id: UUID) -> Standing:
        of = {"tenant_id": credential.tenant_id, "person_id": person_id}
        async with self._database.reading(credential.tenant_id) as connection:
            found = (await connection.execute(_STANDING, of)).one_or_none()
        if found is None or not found.active:
            raise InvalidCredential
        role = credential.role or Role(found.role)
        return Standing(person_id, role, found.unit_id, frozenset(found.led))

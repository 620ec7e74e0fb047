"""Telling from a bearer token who is calling."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from okr_service.access.credential import Credential, Recogniser, bearer_token
from okr_service.access.errors import InvalidCredential, MissingCredential
from okr_service.access.policy import Grants, Principal, Standing, granted, granted_to
from okr_service.access.reads import standing
from okr_service.kernel.database import Database

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
        self._forgotten = 0  # how many times something was

    async def recognise(self, authorization: str | None, request_id: str) -> Principal:
        """Return the caller that an Authorization header's value stands for.

        Raises:
            MissingCredential: there is no bearer token.
            InvalidCredential: it is not one that is accepted here, or not any more.
        """
        token = bearer_token(authorization)
        if not token:
            raise MissingCredential
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None or known.until <= time.monotonic():
            forgotten = self._forgotten
            known = await self._look_up(token)
            if forgotten == self._forgotten:  # else it may have been looked up just before
                self._remember(digest, known)
        return _caller(known, request_id)

    async def recognise_again(self, credential: Credential, request_id: str) -> Principal:
        """Return the caller that a credential stands for now, without its token.

        Raises:
            InvalidCredential: it is not accepted any more.
        """
        for recogniser in self.recognisers:
            still = await recogniser.still(credential)
            if still is not None:
                return _caller(await self._judged(still, 0.0), request_id)
        raise InvalidCredential

    def forget(self, name: str) -> None:
        """Believe the credential of this name no longer, at once in this process.

        To be called once what ends it is committed: a look-up that began before is not
        remembered, one that begins after finds it ended.
        """
        self._forgotten += 1
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
        return await self._judged(credential, began + seconds)

    async def _judged(self, credential: Credential, until: float) -> _Known:
        if credential.person_id is None:
            return _Known(credential, granted(credential.scopes or ()), None, until)
        person = await self._standing(credential, credential.person_id)
        grants = granted_to(person, credential.scopes)
        return _Known(credential, grants, person.unit_id, until)

    async def _recognised(self, token: str) -> Credential:
        for recogniser in self.recognisers:
            credential = await recogniser.recognise(token)
            if credential is not None:
                return credential
        raise InvalidCredential

    async def _standing(self, credential: Credential, person_id: UUID) -> Standing:
        async with self._database.reading(credential.tenant_id) as connection:
            found = await standing(connection, credential.tenant_id, person_id)
        if found is None:
            raise InvalidCredential
        return found if credential.role is None else replace(found, role=credential.role)


def _caller(known: _Known, request_id: str) -> Principal:
    credential = known.credential
    return Principal(
        credential.tenant_id,
        credential.name,
        known.grants,
        request_id,
        credential.person_id,
        known.unit_id,
        credential.scopes,
        credential.role,
    )

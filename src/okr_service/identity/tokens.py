"""Recognising whoever sends a token that one of a tenant's issuers signed."""

import logging
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import and_

from okr_service.access.credential import Credential
from okr_service.access.errors import InvalidCredential
from okr_service.identity.claims import Bearer, judge, plain_text
from okr_service.identity.errors import (
    AlreadyProvenElsewhere,
    InvalidToken,
    Reason,
    TokenProvesNothing,
    UnknownPerson,
)
from okr_service.identity.keys import Keys
from okr_service.identity.model import IdentityProvider
from okr_service.identity.provider import Provider
from okr_service.identity.reads import IN_FORCE, person_named, provider_for, provider_named
from okr_service.identity.signed import Claims, SignedToken, is_signed_by, read_token
from okr_service.kernel.database import Database

_MOST_AUDIENCES = 50
_NAMED = "token:"
# Which of these it was tells a stranger who our tenants are; the log has it.
_BEFORE_TRUST = {Reason.ISSUER, Reason.AUDIENCE, Reason.ALGORITHM, Reason.KEY, Reason.SIGNATURE}

_log = logging.getLogger(__name__)


class Tokens:
    """Tells from a token that an issuer signed who is calling."""

    def __init__(
        self, database: Database, keys: Keys, now: Callable[[], float] = time.time
    ) -> None:
        self._database, self._keys, self._now = database, keys, now

    async def recognise(self, token: str) -> Credential | None:
        """Return what a bearer token stands for, or None where it is no JWT at all.

        Raises:
            InvalidToken: it is not one that a tenant's issuer gave to a bearer for us, now.
            UnknownPerson: it is, but it names no one active person.
            IssuerUnavailable: its issuer's keys cannot be had.
        """
        provider = None
        try:
            signed = read_token(token)
            if signed is None:
                return None
            provider = await self._provider(signed.claims)
            bearer = await self._verified(provider, signed)
        except InvalidToken as refused:
            # Nothing of the token itself: it may have been meant for somebody else.
            _log.info("token refused: %s, provider %s", refused.reason, provider and provider.id)
            if refused.reason in _BEFORE_TRUST:
                raise InvalidToken(Reason.UNTRUSTED) from refused
            raise
        return await self._credential(provider, bearer)

    async def still(self, credential: Credential) -> Credential | None:
        """Return a credential whose provider is in force still; see `Recogniser`."""
        if not credential.name.startswith(_NAMED):
            return None
        provider_id = UUID(credential.name.removeprefix(_NAMED).partition("/")[0])
        named = and_(IdentityProvider.id == provider_id, IN_FORCE)
        async with self._database.reading(credential.tenant_id) as tx:
            if await provider_named(tx, credential.tenant_id, named) is None:
                raise InvalidCredential
        return credential

    async def require_accepted(self, provider: Provider, token: str) -> None:
        """Let a token through that a provider accepts, proven or not.

        Raises:
            AlreadyProvenElsewhere: it is another's, which answers for one of its audiences.
            TokenProvesNothing: it does not; the reason says exactly why.
            IssuerUnavailable: the issuer's keys cannot be had.
        """
        try:
            signed = read_token(token)
            if signed is not None:
                await self._verified(provider, signed)
                await self._require_nobody_elses(provider, signed)
                return
            reason = Reason.MALFORMED
        except InvalidToken as refused:
            reason = refused.reason
        raise TokenProvesNothing(reason).at("/token")

    async def _verified(self, provider: Provider, token: SignedToken) -> Bearer:
        if token.algorithm not in provider.algorithms:
            raise InvalidToken(Reason.ALGORITHM)
        await self._require_signature(provider, token)
        return judge(token, provider, self._now())

    async def _require_signature(self, provider: Provider, token: SignedToken) -> None:
        candidates = await self._keys.candidates(provider.source, token)
        if is_signed_by(token, candidates):
            return
        # A key may have changed under its name, or have none.
        if candidates and await self._keys.renewed(provider.source):
            candidates = await self._keys.candidates(provider.source, token)
            if is_signed_by(token, candidates):
                return
        raise InvalidToken(Reason.SIGNATURE if candidates else Reason.KEY)

    async def _provider(self, claims: Claims) -> Provider:
        provider = await self._answering(claims)
        if provider is None:
            raise InvalidToken(Reason.ISSUER)
        return provider

    async def _require_nobody_elses(self, provider: Provider, token: SignedToken) -> None:
        answering = await self._answering(token.claims)
        if answering is not None and answering.id != provider.id:
            raise AlreadyProvenElsewhere

    async def _answering(self, claims: Claims) -> Provider | None:
        issuer, audiences = plain_text(claims.get("iss")), _audiences(claims.get("aud"))
        if issuer is None or not audiences:
            raise InvalidToken(Reason.CLAIMS)
        async with self._database.reading() as tx:
            return await provider_for(tx, issuer, audiences)

    async def _credential(self, provider: Provider, bearer: Bearer) -> Credential:
        name = f"{_NAMED}{provider.id}"
        if bearer.is_machine:
            name = f"{name}/{bearer.client}" if bearer.client else name
            return Credential(provider.tenant_id, name, bearer.scopes, expires_at=bearer.expires_at)
        person_id = await self._person(provider, bearer.person)
        return Credential(
            provider.tenant_id,
            f"{name}/{person_id}",  # what is counted and kept by credential is a person's own
            bearer.scopes,
            person_id,
            bearer.role,
            bearer.expires_at,
        )

    async def _person(self, provider: Provider, named: str | None) -> UUID:
        if named is None:
            raise UnknownPerson
        async with self._database.reading(provider.tenant_id) as tx:
            person = await person_named(tx, provider.tenant_id, provider.person_key, named)
        if person is None:
            raise UnknownPerson
        return person


def _audiences(given: object) -> list[str]:
    listed = given if isinstance(given, list) else [given]
    return [text for item in listed[:_MOST_AUDIENCES] if (text := plain_text(item))]

"""What a bearer token turned out to be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from okr_service.access.policy import Role, Scope


@dataclass(frozen=True, slots=True)
class Credential:
    """What a recogniser found out about a bearer token."""

    tenant_id: UUID
    name: str  # how audit events call it
    scopes: frozenset[Scope] | None  # None: not restricted by scopes
    person_id: UUID | None = None
    role: Role | None = None  # one that the issuer vouches for, instead of the person's own
    expires_at: datetime | None = None


class Recogniser(Protocol):
    """One kind of bearer token that the service takes."""

    async def recognise(self, token: str) -> Credential | None:
        """Return what a token stands for, or None where it is of another kind.

        Raises:
            InvalidCredential: it is of this kind, and not good.
        """

    async def still(self, credential: Credential) -> Credential | None:
        """Return what a credential stands for now, or None where it is of another kind.

        It was recognised before, and its token is not there any more; that the token ran
        out since does not matter.

        Raises:
            InvalidCredential: it is of this kind, and was revoked.
        """


def bearer_token(authorization: str | None) -> str:
    """Return the bearer token of an Authorization header's value, or nothing (RFC 6750, 2.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""

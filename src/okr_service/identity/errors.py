"""What can go wrong with tokens and those who issue them."""

from dataclasses import dataclass
from enum import StrEnum

from okr_service.access.errors import InvalidCredential
from okr_service.kernel.errors import Conflict, Invalid, NotFound, Unavailable


class Reason(StrEnum):
    """Why a token is not accepted."""

    MALFORMED = "malformed"
    NOT_AN_ACCESS_TOKEN = "not-an-access-token"  # noqa: S105 - says what a token is not
    SENDER_CONSTRAINED = "sender-constrained"
    UNTRUSTED = "untrusted"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    CLAIMS = "claims"


@dataclass(eq=False)
class InvalidToken(InvalidCredential):
    """This token is not accepted: {reason}."""

    reason: Reason


@dataclass(eq=False)
class TokenProvesNothing(Invalid):
    """The provider would not accept this token: {reason}."""

    reason: Reason


class UnknownPerson(InvalidCredential):
    """The token is good, but exactly one active person must match it, and none does."""


class IssuerUnavailable(Unavailable):
    """The keys of the token's issuer cannot be had now; try again shortly."""


@dataclass(eq=False)
class IdentityProviderNotFound(NotFound):
    """There is no identity provider {ref}."""

    ref: str


class KeysNotOfIssuer(Invalid):
    """`jwks_url` must be beneath `issuer`; left out, the issuer says where its keys are."""


class AlreadyProvenElsewhere(Conflict):
    """Another identity provider already answers for this issuer and one of these audiences."""

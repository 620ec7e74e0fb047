"""Judging what a token says, once its signature is known to be the issuer's.

**Is it an access token?** RFC 9068 has `typ` say so (`at+jwt`); Entra ID, Keycloak, Auth0 and
others send `JWT`, as they do for ID tokens, which must not be taken (RFC 9068, 5). So without
`at+jwt` a token must carry what access tokens have and ID tokens have not: scopes, or a claim
that names the client it was issued to. `azp` does not count, for ID tokens have it too. And it
must carry none of the ID token's own claims (`at_hash`, `c_hash`, `nonce`), nor say of itself
that it is another kind of token (Keycloak's `typ`, Cognito's `token_use`). Older Keycloaks put
a `nonce` into access tokens: it is excused where `typ` says `Bearer`.

**May a bearer have it?** A token bound to a sender's key (`cnf`: DPoP, mutual TLS) is worth
nothing without that key; we cannot ask for it, and so refuse the token (RFC 9449, 7.1).

**Is it a machine's?** A client's own token, from the client credentials grant, has the client
for its subject (RFC 9068, 2.2), or is said to be one by Entra ID (`idtyp`), Auth0 (`gty`) or
Keycloak (a service account's user name). The issuer answers for no person having a client's
name for a subject (RFC 9068, 5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from okr_service.access.policy import Role, Scope
from okr_service.identity.errors import InvalidToken, Reason
from okr_service.identity.provider import PersonKey, Provider
from okr_service.identity.signed import Claims, SignedToken

_LONGEST = 500
_CLIENT = ("client_id", "azp", "cid", "appid", "clientId")
_OF_ACCESS_TOKENS = ("scope", "scp", "client_id", "cid", "appid", "clientId", "idtyp", "gty")
_OF_ID_TOKENS = ("at_hash", "c_hash", "nonce")
_KINDS = {"typ": "bearer", "token_use": "access"}
_SERVICE_ACCOUNT = "service-account-"
_ROLES = list(Role)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token is for, and what it grants: a person by name, or a machine."""

    client: str | None
    is_machine: bool
    person: str | None
    role: Role | None
    scopes: frozenset[Scope] | None
    expires_at: datetime


def judge(token: SignedToken, provider: Provider, now: float) -> Bearer:
    """Return whom a token is for.

    Raises:
        InvalidToken: it is not for us, not now, or not an access token that a bearer may have.
    """
    expires_at = _require_in_force(token.claims, provider, now)
    _require_access_token(token)
    client = _client(token.claims)
    is_machine = _is_machine(token.claims)
    scopes = _scopes(token.claims, provider.scope_prefix)
    if is_machine:
        return Bearer(client, True, None, None, scopes, expires_at)
    return Bearer(
        client,
        False,
        _person(token.claims, provider),
        _role(token.claims, provider),
        scopes or None,
        expires_at,
    )


def plain_text(value: object) -> str | None:
    """Return a claim's text, or None where it is none that we could store or look up."""
    is_plain = isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()
    return str(value) if is_plain else None


def claim_at(claims: object, path: str) -> object:
    """Return the claim of a name, or within a claim by a path with dots; names may have dots."""
    if not isinstance(claims, dict):
        return None
    if path in claims:
        return claims[path]
    for place in (i for i, letter in enumerate(path) if letter == "."):
        if (found := claim_at(claims.get(path[:place]), path[place + 1 :])) is not None:
            return found
    return None


def _require_in_force(claims: Claims, provider: Provider, now: float) -> datetime:
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=provider.clock_skew_seconds,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.audience},
        exp={"essential": True},
    )
    try:
        registry.validate(dict(claims))
        expiry = claims["exp"]
        assert isinstance(expiry, int | float), "validated"
        # Until then it is accepted: later than it says, by what clocks may differ.
        return datetime.fromtimestamp(expiry + provider.clock_skew_seconds, UTC)
    except ExpiredTokenError as error:
        raise InvalidToken(Reason.EXPIRED) from error
    except (JoseError, ValueError, OverflowError, OSError) as error:
        raise InvalidToken(_REASONS.get(getattr(error, "claim", ""), Reason.CLAIMS)) from error


_REASONS = {
    "iss": Reason.ISSUER,
    "aud": Reason.AUDIENCE,
    "nbf": Reason.NOT_YET_VALID,
    "iat": Reason.NOT_YET_VALID,
}


def _require_access_token(token: SignedToken) -> None:
    claims = token.claims
    if "cnf" in claims:
        raise InvalidToken(Reason.SENDER_CONSTRAINED)
    said = {name: str(claims[name]).lower() for name in _KINDS if name in claims}
    if any(kind != _KINDS[name] for name, kind in said.items()):
        raise InvalidToken(Reason.NOT_AN_ACCESS_TOKEN)
    if token.says_access_token:
        return
    of_id_tokens = [name for name in _OF_ID_TOKENS if name in claims]
    if said and of_id_tokens == ["nonce"]:
        return
    if of_id_tokens or not (said or any(name in claims for name in _OF_ACCESS_TOKENS)):
        raise InvalidToken(Reason.NOT_AN_ACCESS_TOKEN)


def _client(claims: Claims) -> str | None:
    given = next((claims[name] for name in _CLIENT if name in claims), None)
    client = plain_text(given)
    if given is not None and client is None:
        raise InvalidToken(Reason.CLAIMS)
    return client


def _is_machine(claims: Claims) -> bool:
    if claims.get("idtyp") == "app" or claims.get("gty") == "client-credentials":
        return True
    subject = claims.get("sub")
    if subject is not None and any(claims.get(name) == subject for name in _CLIENT):
        return True
    # Keycloak names the client twice in a service account's token, and once in a person's.
    account = claims.get("client_id", claims.get("clientId"))
    named = claims.get("preferred_username")
    return isinstance(account, str) and named == f"{_SERVICE_ACCOUNT}{account.lower()}"


def _person(claims: Claims, provider: Provider) -> str | None:
    verified = claims.get("email_verified", True)
    if provider.person_key is PersonKey.EMAIL and verified not in (True, "true"):
        return None
    return plain_text(claim_at(claims, provider.person_claim))


def _role(claims: Claims, provider: Provider) -> Role | None:
    """Return the highest role that the issuer vouches for."""
    if provider.role_claim is None:
        return None
    given = claim_at(claims, provider.role_claim)
    values = given if isinstance(given, list) else [given]
    roles = [provider.roles[v] for v in values if isinstance(v, str) and v in provider.roles]
    return max(roles, key=_ROLES.index, default=None)


def _scopes(claims: Claims, prefix: str) -> frozenset[Scope]:
    known = {f"{prefix}{scope}": scope for scope in Scope if scope is not Scope.OPERATE}
    return frozenset(known[name] for name in _granted(claims) if name in known)


def _granted(claims: Claims) -> Iterator[str]:
    """Yield the scopes of a token (RFC 8693, 4.2); `scp` and, of apps, `roles` are Entra's."""
    names = ("scope", "scp", "roles") if claims.get("idtyp") == "app" else ("scope", "scp")
    for name in names:
        given = claims.get(name)
        if isinstance(given, str):
            yield from given.split()
        elif isinstance(given, list):
            yield from (item for item in given if isinstance(item, str))

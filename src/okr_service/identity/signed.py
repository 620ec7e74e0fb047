"""Signed tokens: taking one apart, and telling whether a key signed it.

Only the JWS compact serialization with an asymmetric signature is taken. What a header
says of keys (`jwk`, `jku`, `x5c`, `x5u`) is not looked at; `crit` is refused, for there is
no extension that we understand (RFC 7515, 4.1.11).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key

from okr_service.identity.errors import InvalidToken, Reason
from okr_service.identity.provider import Algorithm

LONGEST = 8192
Claims = Mapping[str, object]
_JWT = re.compile(r"[\w-]+\.[\w-]*\.[\w-]*", re.ASCII)
_TYPES = ("jwt", "at+jwt")
_ED25519 = "Ed25519"  # the name that RFC 9864 gives to what most call EdDSA


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature has yet to be verified: none of it is to be believed."""

    signature: jws.CompactSignature
    algorithm: Algorithm
    key_id: str | None
    says_access_token: bool
    claims: Claims


def read_token(token: str) -> SignedToken | None:
    """Take a token apart; returns None for what is no JWT at all.

    Raises:
        InvalidToken: it is too long for any, ill-formed, or of a kind that is never taken.
    """
    if len(token) > LONGEST:
        raise InvalidToken(Reason.MALFORMED)
    if not _JWT.fullmatch(token):
        return None
    try:
        signature = jws.extract_compact(token.encode(), registry=_REGISTRY)
        claims = orjson.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise InvalidToken(Reason.MALFORMED) from error
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise InvalidToken(Reason.MALFORMED)
    kind = _type(header.get("typ", "JWT"))
    return SignedToken(
        signature, _algorithm(header.get("alg")), _key_id(header), kind == "at+jwt", claims
    )


def is_signed_by(token: SignedToken, keys: Iterable[Key]) -> bool:
    """Say whether one of the keys made the token's signature."""
    return any(_verifies(token, key) for key in keys)


def _verifies(token: SignedToken, key: Key) -> bool:
    try:
        return jws.validate_compact(token.signature, key, registry=_REGISTRY)
    except (JoseError, ValueError):
        return False


def _type(given: object) -> str:
    kind = given.lower().removeprefix("application/") if isinstance(given, str) else ""
    if kind not in _TYPES:
        raise InvalidToken(Reason.NOT_AN_ACCESS_TOKEN)
    return kind


def _algorithm(given: object) -> Algorithm:
    try:
        return Algorithm.EDDSA if given == _ED25519 else Algorithm(str(given))
    except ValueError as error:
        raise InvalidToken(Reason.ALGORITHM) from error


def _key_id(header: Claims) -> str | None:
    given = header.get("kid")
    if given is None or isinstance(given, str):
        return given
    raise InvalidToken(Reason.MALFORMED)


class _Registry(jws.JWSRegistry):
    max_header_length = LONGEST  # some carry certificates there, which nobody reads

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return the algorithm of a name; the old name of Ed25519 is taken for the new."""
        return super().get_alg(_ED25519 if name == Algorithm.EDDSA else name)


# Of asymmetric algorithms alone, whatever a provider or a header would have.
_REGISTRY = _Registry(algorithms=[*Algorithm, _ED25519], strict_check_header=False)

"""Measure what it takes to verify a token, beside the bare signature check underneath.

A person's access token of a usual size, its issuer's keys known, without the look-ups in the
database: taking it apart, verifying it, judging its claims.

    .venv/bin/python -m benchmarks.tokens
"""

import statistics
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from functools import partial
from uuid import UUID

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jwt import encode

from okr_service.identity.claims import judge
from okr_service.identity.provider import Algorithm, PersonKey, Provider
from okr_service.identity.signed import is_signed_by, read_token

_EACH, _ROUNDS = 500, 9
_ISSUER, _AUDIENCE = "https://id.example/realms/group", "okr"
_PROVIDER = Provider(
    tenant_id=UUID(int=1),
    id=UUID(int=2),
    version=1,
    issuer=_ISSUER,
    audience=_AUDIENCE,
    jwks_url=None,
    algorithms=frozenset(Algorithm),
    clock_skew_seconds=60,
    person_claim="sub",
    person_key=PersonKey.EXTERNAL_ID,
    role_claim="realm_access.roles",
    roles={},
    scope_prefix="okr:",
)


def _keys() -> dict[str, Key]:
    return {
        "RS256": RSAKey.generate_key(2048),
        "PS256": RSAKey.generate_key(2048),
        "ES256": ECKey.generate_key("P-256"),
        "ES512": ECKey.generate_key("P-521"),
        "Ed25519": OKPKey.generate_key("Ed25519"),
    }


def _token(alg: str, key: Key) -> str:
    now = int(time.time())
    claims = {
        "iss": _ISSUER,
        "aud": [_AUDIENCE, "account"],
        "sub": "8d1b2f0e-2f67-4c2e-9a50-5a1f6f1f8a11",
        "iat": now,
        "exp": now + 3600,
        "client_id": "web",
        "scope": "openid profile email",
        "preferred_username": "mai",
        "realm_access": {"roles": ["offline_access", "default-roles-group", "okr-planners"]},
    }
    header = {"alg": alg, "typ": "at+jwt", "kid": "key-1"}
    return encode(header, claims, key, algorithms=[alg])


def _verify(token: str, key: Key) -> None:
    signed = read_token(token)
    assert signed is not None
    assert is_signed_by(signed, [key])
    judge(signed, _PROVIDER, time.time())


def _bare(alg: str, token: str, key: Key) -> Callable[[], object]:
    """Return the check of the signature alone."""
    message, _, encoded = token.rpartition(".")
    signature = urlsafe_b64decode(encoded + "==")
    return partial(jws.JWSRegistry.algorithms[alg].verify, message.encode(), signature, key)


def _microseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(_EACH):
        work()
    return (time.perf_counter() - start) / _EACH * 1e6


def main() -> None:
    """Measure turn about and print medians."""
    for alg, key in _keys().items():
        token = _token(alg, key)
        bare, whole = _bare(alg, token, key), partial(_verify, token, key)
        figures = [(_microseconds(bare), _microseconds(whole)) for _ in range(_ROUNDS)]
        signature, verified = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{alg:<8} {verified:7.1f} µs a token, of which {signature:6.1f} µs the signature")


if __name__ == "__main__":
    main()

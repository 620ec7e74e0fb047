"""Whatever is sent as a token, and whatever an issuer signs, is recognised or refused."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.issuer import Issuer, sign
from tests.identity.recognising import b64, claims_of, refusal

from okr_service.identity.errors import InvalidToken, UnknownPerson
from okr_service.identity.signed import LONGEST, read_token
from okr_service.identity.tokens import Tokens


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"7",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b"[" * 3000,
        b'{"a":' * 1000,
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"iss": "\xff"}',
        b'{"iss": "\\ud800", "aud": "okr"}',
        b'{"exp": ' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.usefixtures("provider")
async def test_a_payload_that_is_no_json_object_is_refused(
    tokens: Tokens, issuer: Issuer, payload: bytes
) -> None:
    _, key = issuer.keys["key-0"]
    token = sign({"alg": "RS256", "typ": "at+jwt", "kid": "key-0"}, payload, key)
    assert await refusal(tokens, token) in ("malformed", "claims")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"7",
        b"[]",
        b'"alg"',
        b'"alg b64"',
        b"{}",
        b"{",
        b'{"alg": null}',
        b'{"alg": ["RS256"]}',
        b'{"alg": {"RS256": 1}}',
        b"[" * 4000,
        b'{"alg": ' + b"[" * 4000,
        b"\xff",
    ],
)
async def test_a_header_that_is_no_json_object_is_refused(
    tokens: Tokens, issuer: Issuer, header: bytes
) -> None:
    token = f"{b64(header) or 'e'}.{b64(claims_of(issuer))}.AA"
    assert await refusal(tokens, token) in ("malformed", "untrusted")


async def test_a_token_too_long_is_refused_before_it_is_read(
    agreed: Tokens, issuer: Issuer
) -> None:
    long = issuer.token({"filler": "x" * 5000})
    assert len(long) < LONGEST
    assert await agreed.recognise(long) is not None
    too_long = issuer.token({"filler": "x" * 6000})
    assert len(too_long) > LONGEST
    assert await refusal(agreed, too_long) == "malformed"
    assert await refusal(agreed, "x" * 10_000_000) == "malformed"


@settings(max_examples=300)
@given(st.text(alphabet="eyJhbGciOiJSUzI1NiJ9._-A\u00e9 \0\n=+/", max_size=80))
def test_anything_at_all_is_read_or_refused(token: str) -> None:
    with contextlib.suppress(InvalidToken):
        read_token(token)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
_REGISTERED = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "client_id", "azp"]
_OTHERS = ["scp", "idtyp", "realm_access", "typ", "nonce", "preferred_username", "roles"]
_NAMES = st.sampled_from([*_REGISTERED, *_OTHERS])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(_NAMES, _VALUES, max_size=6))
@pytest.mark.usefixtures("provider")
async def test_whatever_an_issuer_signs_is_recognised_or_refused(
    tokens: Tokens, issuer: Issuer, claims: dict[str, Any]
) -> None:
    with contextlib.suppress(InvalidToken, UnknownPerson):
        assert await tokens.recognise(issuer.token(claims)) is not None

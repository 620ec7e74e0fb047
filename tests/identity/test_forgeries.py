"""Every way of making a token that the issuer did not sign."""

import hashlib
import hmac

import httpx
import pytest
from joserfc.jwk import RSAKey
from tests.build import Json
from tests.identity.issuer import Issuer, agree, kept_key, make_key, sign
from tests.identity.recognising import b64, claims_of, refusal

from okr_service.identity.tokens import Tokens


async def test_no_signature_is_none(agreed: Tokens, issuer: Issuer) -> None:
    for alg in ("none", "None", "NONE", "nOnE", ""):
        for signature in ("", "AA"):
            token = f"{b64({'alg': alg, 'typ': 'at+jwt'})}.{b64(claims_of(issuer))}.{signature}"
            assert await refusal(agreed, token) == "untrusted"
    head, body, _ = issuer.token().split(".")
    assert await refusal(agreed, f"{head}.{body}.") == "untrusted"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_no_secret(agreed: Tokens, issuer: Issuer, alg: str) -> None:
    [(kid, (_, key))] = issuer.keys.items()
    assert isinstance(key, RSAKey)
    digest = getattr(hashlib, f"sha{alg[2:]}")
    for secret in (key.as_pem(private=False), key.as_pem(private=False).strip(), b"", b"secret"):
        signed = f"{b64({'alg': alg, 'typ': 'at+jwt', 'kid': kid})}.{b64(claims_of(issuer))}"
        token = f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"
        assert await refusal(agreed, token) == "untrusted"


async def test_a_secret_that_an_issuer_publishes_verifies_nothing(
    agreed: Tokens, issuer: Issuer
) -> None:
    secret = b"a-secret-that-should-not-have-been-published"
    published = {"kty": "oct", "k": b64(secret), "kid": "oct", "alg": "HS256"}
    issuer.publish("/keys", {"keys": [published]})
    signed = f"{b64({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'oct'})}.{b64(claims_of(issuer))}"
    token = f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
    assert await refusal(agreed, token) == "untrusted"


async def test_a_key_that_the_token_brings_along_is_not_looked_at(
    agreed: Tokens, issuer: Issuer
) -> None:
    mine = make_key("RS256")
    public = mine.as_dict(private=False)
    asked = len(issuer.asked)
    for header in (
        {"jwk": public},
        {"jwk": {**public, "kid": "key-0"}, "kid": "key-0"},
        {"jku": f"{issuer.url}/evil"},
        {"x5u": f"{issuer.url}/evil", "kid": "key-0"},
        {"x5c": [b64(b"a certificate")]},
    ):
        token = sign({"alg": "RS256", "typ": "at+jwt", **header}, claims_of(issuer), mine)
        assert await refusal(agreed, token) == "untrusted"
    assert f"{issuer.url}/evil" not in issuer.asked
    assert len(issuer.asked) <= asked + 2  # at most one look at the issuer's own


async def test_what_else_a_header_holds_is_nothing_to_us(agreed: Tokens, issuer: Issuer) -> None:
    header = {"x5t": "AAAA", "nonce": "of Entra", "x5c": ["A" * 1500]}
    assert await agreed.recognise(issuer.token(header=header)) is not None


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": None},
        {"b64": False},
        {"kid": 7},
        {"kid": ["key-0"]},
        {"kid": {}},
    ],
)
async def test_a_header_that_asks_for_what_we_do_not_do_is_refused(
    agreed: Tokens, issuer: Issuer, header: Json
) -> None:
    _, body, signature = issuer.token().split(".")
    given = {"alg": "RS256", "typ": "at+jwt", "kid": "key-0", **header}
    assert await refusal(agreed, f"{b64(given)}.{body}.{signature}") == "malformed"


@pytest.mark.usefixtures("person")
async def test_an_algorithm_that_was_not_agreed_on_is_refused(
    tokens: Tokens, issuer: Issuer, rest: httpx.AsyncClient
) -> None:
    await agree(rest, issuer, algorithms=["RS256"])
    for alg in ("RS384", "PS256"):  # by the very same key
        token = issuer.token(header={"alg": alg}, kid="key-0")
        assert await refusal(tokens, token) == "untrusted"
    issuer.rotate("ES256", keep=True)
    assert await refusal(tokens, issuer.token(alg="ES256")) == "untrusted"
    assert await tokens.recognise(issuer.token(alg="RS256")) is not None


async def test_a_key_serves_the_one_algorithm_that_it_is_for(
    agreed: Tokens, issuer: Issuer
) -> None:
    assert await refusal(agreed, issuer.token(header={"alg": "RS512"}, kid="key-0")) == "untrusted"
    assert await refusal(agreed, issuer.token(header={"alg": "PS256"}, kid="key-0")) == "untrusted"


async def test_a_key_of_another_type_under_the_same_name_is_not_used(
    agreed: Tokens, issuer: Issuer
) -> None:
    mine = make_key("ES256")
    token = sign({"alg": "ES256", "typ": "at+jwt", "kid": "key-0"}, claims_of(issuer), mine)
    assert await refusal(agreed, token) == "untrusted"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"alg": "RS512"},
        {"alg": 256},
        {"kty": "EC"},
        {"kty": "oct"},
        {"n": "AQAB"},
        {"n": "!"},
        {"n": None},
        {"e": "AQ"},
        {"e": "Ag"},
        {"n": "A" * 1401},
        {"n": b64((2**8192 + 1).to_bytes(1025))},
        {"e": b64((2**64 + 1).to_bytes(9))},
        {"d": "AQAB"},
    ],
)
async def test_a_published_key_that_is_unsafe_or_for_something_else_is_not_used(
    agreed: Tokens, issuer: Issuer, spoilt: Json
) -> None:
    [published] = issuer.jwks()["keys"]
    issuer.publish("/keys", {"keys": [{**published, **spoilt}, 7, None, {}, {"kty": "RSA"}]})
    assert await refusal(agreed, issuer.token()) == "untrusted"


async def test_a_short_key_is_not_used(agreed: Tokens, issuer: Issuer) -> None:
    with pytest.warns(UserWarning, match="2048"):
        short = RSAKey.generate_key(1024)
    issuer.publish("/keys", {"keys": [{**short.as_dict(private=False), "kid": "short"}]})
    token = sign({"alg": "RS256", "typ": "at+jwt", "kid": "short"}, claims_of(issuer), short)
    assert await refusal(agreed, token) == "untrusted"


async def test_one_letter_changed_is_another_token(agreed: Tokens, issuer: Issuer) -> None:
    head, body, signature = issuer.token().split(".")
    claims = claims_of(issuer)
    for changed in (
        f"{head}.{b64({**claims, 'sub': 'E-2'})}.{signature}",
        f"{b64({'alg': 'RS256', 'typ': 'at+jwt', 'kid': 'key-0', 'x': 1})}.{body}.{signature}",
        f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{signature}AAAA",
    ):
        assert await refusal(agreed, changed) == "untrusted"


async def test_a_key_of_another_issuer_signs_nothing_here(
    agreed: Tokens, issuer: Issuer, other_rest: httpx.AsyncClient
) -> None:
    other = Issuer(now=issuer.now)
    other.rotate("RS256", "mine")
    await agree(other_rest, other)
    token = other.token({"iss": issuer.url})
    assert await refusal(agreed, token) == "untrusted"
    assert await refusal(agreed, other.token({"iss": issuer.url}, header={"kid": "key-0"})) == (
        "untrusted"
    )
    other.down()


async def test_a_token_without_a_key_id_is_verified_by_any_of_the_keys(
    agreed: Tokens, issuer: Issuer
) -> None:
    issuer.add("RS256", "ES256")
    for alg in ("RS256", "ES256"):
        token = issuer.token(alg=alg, kid=f"for-{alg}", header={"kid": None})
        assert await agreed.recognise(token) is not None
    stranger = sign({"alg": "RS256", "typ": "at+jwt"}, claims_of(issuer), kept_key("RS256", -1))
    assert await refusal(agreed, stranger) == "untrusted"

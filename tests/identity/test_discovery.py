"""Finding an issuer's keys: which documents are believed, and which keys are used."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import Key
from tests.build import Json
from tests.identity.issuer import DISCOVERY, KEYS, METADATA, Issuer, kept_key
from tests.identity.recognising import b64

from okr_service.identity import discovery
from okr_service.identity.discovery import find_keys
from okr_service.identity.provider import Source
from okr_service.kernel.outgoing import LARGEST_BYTES, NoAnswer, Outgoing


def source(issuer: Issuer, jwks_url: str | None = None) -> Source:
    return Source(issuer.url, jwks_url)


@pytest.fixture
def outgoing() -> Outgoing:
    return Outgoing(allow_private=True)


async def why(outgoing: Outgoing, issuer: Issuer, jwks_url: str | None = None) -> NoAnswer:
    with pytest.raises(NoAnswer) as refused:
        await find_keys(outgoing, source(issuer, jwks_url))
    return refused.value


async def test_an_issuer_with_a_path_says_of_itself_beneath_it(outgoing: Outgoing) -> None:
    issuer = Issuer("/realms/group")
    found = await find_keys(outgoing, source(issuer))
    assert found.jwks_url == f"{issuer.url}/keys"
    assert issuer.asked == [f"/realms/group{DISCOVERY}", "/realms/group/keys"]
    issuer.down()


async def test_an_oauth_server_says_of_itself_where_rfc_8414_has_it(outgoing: Outgoing) -> None:
    issuer = Issuer("/realms/group")
    said = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    issuer.publish(f"/realms/group{DISCOVERY}", {}, 404)
    issuer.publish(f"{METADATA}/realms/group", said)
    assert (await find_keys(outgoing, source(issuer))).keys
    issuer.down()


async def test_an_issuer_with_a_final_slash_is_asked_at_the_right_place(
    outgoing: Outgoing,
) -> None:
    issuer = Issuer()
    named = f"{issuer.url}/"
    issuer.publish(DISCOVERY, {"issuer": named, "jwks_uri": f"{named}keys"})
    assert (await find_keys(outgoing, Source(named, None))).keys
    issuer.down()


async def test_keys_at_a_known_address_need_no_discovery(
    outgoing: Outgoing, issuer: Issuer
) -> None:
    assert (await find_keys(outgoing, source(issuer, f"{issuer.url}{KEYS}"))).keys
    assert issuer.asked == [KEYS]


@pytest.mark.parametrize(
    "said", ["https://elsewhere.example", "{issuer}/", "", None, 7, ["{issuer}"]]
)
async def test_a_document_that_names_another_issuer_is_not_believed(
    outgoing: Outgoing, issuer: Issuer, said: object
) -> None:
    named = said.format(issuer=issuer.url) if isinstance(said, str) else said
    issuer.publish(DISCOVERY, {"issuer": named, "jwks_uri": f"{issuer.url}{KEYS}"})
    assert (await why(outgoing, issuer)).why == discovery.ISSUER_DIFFERS
    assert KEYS not in issuer.asked


@pytest.mark.parametrize(
    "address",
    [
        None,
        7,
        "",
        "/keys",
        "file:///etc/passwd",
        "http://elsewhere.example/keys",
        "http://169.254.169.254/latest/meta-data",
        "gopher://127.0.0.1/",
        "https://user:secret@id.example/keys",
        "https://id.example/keys?x=1",
        "https://id.example/../keys",
        "https://id.example\\@evil.example/keys",
        "https://id.example/keys\n",
        " https://id.example/keys",
        "HTTPS://id.example/keys",
    ],
)
async def test_a_document_leads_to_plain_https_addresses_only(
    outgoing: Outgoing, issuer: Issuer, address: object
) -> None:
    issuer.publish(DISCOVERY, {"issuer": issuer.url, "jwks_uri": address})
    assert (await why(outgoing, issuer)).why == discovery.NO_KEY_ADDRESS


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
async def test_a_redirect_is_not_followed(outgoing: Outgoing, issuer: Issuer, path: str) -> None:
    for status in (301, 302, 303, 307, 308):
        issuer.publish(path, {}, status, Location=f"{issuer.url}/elsewhere")
        refused = await why(outgoing, issuer)
        assert (refused.why, refused.found) == ("redirect", f"{issuer.url}/elsewhere")
    assert not {"/elsewhere", METADATA} & set(issuer.asked)


async def test_what_an_issuer_sends_is_bounded(outgoing: Outgoing, issuer: Issuer) -> None:
    issuer.publish(KEYS, b" " * (LARGEST_BYTES + 1))
    assert (await why(outgoing, issuer)).why == "too-large"
    bomb = gzip.compress(b" " * 50_000_000)
    issuer.publish(KEYS, bomb, Content_Encoding="gzip")
    assert (await why(outgoing, issuer)).why == "encoding"
    issuer.publish(KEYS, {"keys": [{"kty": "RSA"}] * 101})
    assert (await why(outgoing, issuer)).why == discovery.NOT_A_KEY_SET


async def test_the_reason_names_place_and_finding(outgoing: Outgoing, issuer: Issuer) -> None:
    issuer.publish(DISCOVERY, {}, 403)
    refused = await why(outgoing, issuer)
    assert (refused.why, refused.found) == ("status", "403")
    assert refused.url == f"{issuer.url}{DISCOVERY}"
    issuer.down()
    assert (await why(outgoing, issuer)).why == "connection"
    issuer.up()


@pytest.mark.slow
async def test_an_issuer_that_does_not_answer_is_not_waited_for(
    outgoing: Outgoing, issuer: Issuer
) -> None:
    with issuer.hesitating():
        assert (await why(outgoing, issuer)).why == "timeout"


def rsa(bits: int) -> Json:
    """Return a public key of so many bits, which nobody can sign by."""
    number = (2 ** (bits - 1) + 1).to_bytes((bits + 7) // 8)
    return {"kty": "RSA", "n": b64(number), "e": "AQAB"}


def test_a_key_has_a_size_that_is_neither_weak_nor_a_burden() -> None:
    with pytest.warns(UserWarning, match="2048"):
        assert not list(discovery._usable([rsa(2047)]))
    for bits in (2040, 8193, 16_384, 1_000_000):
        assert not list(discovery._usable([rsa(bits)])), bits
    for bits in (2048, 8192):
        assert list(discovery._usable([rsa(bits)])), bits


_KINDS = ["RSA", "EC", "OKP", "oct", "P-256", "P-521", "Ed25519", "X25519"]
_USES = ["sig", "enc", "verify", "RS256", "ES256", "EdDSA"]
_TEXTS = st.sampled_from([*_KINDS, *_USES, "AQAB", "", "=", "A" * 342, "AQ", "é"])
_ANY = _TEXTS | st.none() | st.booleans() | st.integers() | st.lists(_TEXTS, max_size=2)
_MEMBERS = st.sampled_from(
    ["kty", "crv", "x", "y", "n", "e", "d", "k", "kid", "use", "key_ops", "alg", "x5c", "oth"]
)


@pytest.fixture(scope="module")
def real_keys() -> list[Key]:
    return [kept_key(alg, 0) for alg in ("RS256", "ES256", "ES512", "EdDSA")]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 3), st.dictionaries(_MEMBERS, _ANY, max_size=4), st.booleans())
def test_whatever_is_published_is_used_or_passed_over(
    real_keys: list[Key], number: int, spoilt: Json, real: bool
) -> None:
    public = real_keys[number].as_dict(private=False) if real else {}
    published = json.loads(json.dumps([{**public, **spoilt}, public or 7]))
    found = list(discovery._usable(published))
    assert len(found) <= 2
    if real:
        assert found

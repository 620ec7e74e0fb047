"""Tokens that an issuer did sign, for something else, somebody else or another time."""

import httpx
import pytest
from tests.build import Json
from tests.identity.conftest import Clock
from tests.identity.issuer import Issuer, agree
from tests.identity.recognising import recognised, refusal

from okr_service.identity.tokens import Tokens


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": "OKR"},
        {"aud": "okr "},
        {"aud": ["other", "account"]},
        {"iss": "https://elsewhere.example"},
        {"iss": "{issuer}/"},
        {"iss": "{ISSUER}"},
        {"iss": "{issuer}\0"},
    ],
)
async def test_a_token_of_somebody_else_or_for_somebody_else_is_refused(
    agreed: Tokens, issuer: Issuer, claims: Json
) -> None:
    if "iss" in claims:
        iss = claims["iss"].format(issuer=issuer.url, ISSUER=issuer.url.upper())
        claims = {"iss": iss}
    assert await refusal(agreed, issuer.token(claims)) in ("untrusted", "claims")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": None},
        {"iss": ["{issuer}"]},
        {"iss": 7},
        {"aud": None},
        {"aud": []},
        {"aud": {"okr": 1}},
        {"aud": 7},
        {"aud": ["okr", 7]},
        {"aud": ["okr", ["okr"]]},
        {"exp": None},
        {"exp": "2999999999"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": 10**30},
        {"exp": [2999999999]},
        {"nbf": "0"},
        {"nbf": None},
        {"iat": "0"},
        {"sub": 7},
        {"jti": 7},
    ],
)
async def test_ill_formed_claims_are_refused(agreed: Tokens, issuer: Issuer, claims: Json) -> None:
    expected = ("claims", "not-yet-valid", "untrusted")
    assert await refusal(agreed, issuer.token(claims)) in expected


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
async def test_claims_without_which_nothing_is_known_are_required(
    agreed: Tokens, issuer: Issuer, name: str
) -> None:
    assert await refusal(agreed, issuer.token(without=(name,))) == "claims"


@pytest.mark.parametrize(
    ("claim", "offset", "reason"),
    [
        ("exp", -60, "expired"),
        ("exp", -59, None),
        ("nbf", 60, None),
        ("nbf", 61, "not-yet-valid"),
        ("iat", 60, None),
        ("iat", 61, "not-yet-valid"),
        ("iat", -1_000_000, None),
    ],
)
async def test_times_count_to_the_second_by_the_skew_agreed_on(
    agreed: Tokens, issuer: Issuer, claim: str, offset: int, reason: str | None
) -> None:
    token = issuer.token({claim: int(issuer.now()) + offset})
    if reason:
        assert await refusal(agreed, token) == reason
    else:
        found = await recognised(agreed, token)
        assert found.expires_at is not None
        assert found.expires_at.timestamp() > issuer.now()


@pytest.mark.usefixtures("person")
async def test_without_skew_a_token_is_over_when_it_says(
    tokens: Tokens, issuer: Issuer, rest: httpx.AsyncClient, clock: Clock
) -> None:
    await agree(rest, issuer, clock_skew_seconds=0)
    token = issuer.token()
    clock.pass_by(299)
    assert await tokens.recognise(token) is not None
    clock.pass_by(1)
    assert await refusal(tokens, token) == "expired"


@pytest.mark.parametrize(
    "typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt", "application/jwt", None]
)
async def test_the_types_that_access_tokens_have_are_taken(
    agreed: Tokens, issuer: Issuer, typ: str | None
) -> None:
    assert await agreed.recognise(issuer.token(header={"typ": typ})) is not None


@pytest.mark.parametrize(
    "typ", ["id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "", "at+jwt2", 7, ["JWT"]]
)
async def test_other_types_are_not(agreed: Tokens, issuer: Issuer, typ: object) -> None:
    assert await refusal(agreed, issuer.token(header={"typ": typ})) == "not-an-access-token"


_BARE = ("client_id", "scope")


@pytest.mark.parametrize(
    ("claims", "without"),
    [
        ({"nonce": "n"}, ()),
        ({"at_hash": "h"}, ()),
        ({"c_hash": "h"}, ()),
        ({"nonce": "n", "azp": "web"}, _BARE),
        ({"azp": "web"}, _BARE),
        ({}, _BARE),
        ({"email": "mai@saomai.example", "name": "Mai"}, _BARE),
        ({"typ": "ID"}, ()),
        ({"typ": "Refresh"}, ()),
        ({"typ": "Offline"}, ()),
        ({"typ": "Logout"}, ()),
        ({"typ": "DPoP"}, ()),
        ({"typ": ["Bearer"]}, ()),
        ({"token_use": "id"}, ()),
        ({"typ": "Bearer", "at_hash": "h"}, ()),
        ({"typ": "Bearer", "token_use": "id"}, ()),
    ],
)
async def test_an_id_token_is_no_access_token(
    agreed: Tokens, issuer: Issuer, claims: Json, without: tuple[str, ...]
) -> None:
    token = issuer.token(claims, header={"typ": "JWT"}, without=without)
    assert await refusal(agreed, token) == "not-an-access-token"


@pytest.mark.parametrize(
    ("claims", "without"),
    [
        ({"scp": "openid"}, _BARE),
        ({"cid": "web"}, _BARE),
        ({"appid": "web"}, _BARE),
        ({"typ": "Bearer", "azp": "web"}, _BARE),
        ({"typ": "Bearer", "nonce": "n"}, ()),  # Keycloak before 24
        ({"token_use": "access"}, _BARE),
    ],
)
async def test_access_tokens_of_those_who_call_them_jwt_are_taken(
    agreed: Tokens, issuer: Issuer, claims: Json, without: tuple[str, ...]
) -> None:
    token = issuer.token(claims, header={"typ": "JWT"}, without=without)
    assert await agreed.recognise(token) is not None


@pytest.mark.parametrize("bound", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None])
async def test_a_token_that_is_bound_to_its_sender_is_not_a_bearers(
    agreed: Tokens, issuer: Issuer, bound: object
) -> None:
    assert await refusal(agreed, issuer.token({"cnf": bound})) == "sender-constrained"

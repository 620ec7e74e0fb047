"""Proving whose an issuer is: what a hostile tenant cannot do."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conftest import Tenant
from tests.identity.issuer import KEYS, Issuer, agree, kept_key, sign
from tests.identity.registering import PATH, made

from okr_service.identity.errors import InvalidToken
from okr_service.identity.tokens import Tokens


async def test_tokens_are_accepted_once_one_was_shown(
    rest: httpx.AsyncClient, issuer: Issuer, tokens: Tokens
) -> None:
    provider = await made(rest, issuer=issuer.url)
    with pytest.raises(InvalidToken):
        await tokens.recognise(issuer.machine_token())
    path = f"{PATH}/{provider['id']}"
    proven = await rest.post(f"{path}:prove", json={"token": issuer.token()})
    assert (proven.status_code, proven.json()["version"]) == (200, 2)
    assert proven.json()["proven_at"] is not None
    assert proven.headers["etag"] == (await rest.get(path)).headers["etag"]
    assert await tokens.recognise(issuer.machine_token()) is not None
    again = await rest.post(f"{path}:prove", json={"token": issuer.token()})
    assert (again.status_code, again.json()) == (200, proven.json())


async def test_a_token_that_proves_nothing_is_refused_with_the_exact_reason(
    rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url, algorithms=['RS256']))['id']}:prove"
    forged = sign({"alg": "RS256", "kid": "key-0"}, {}, kept_key("RS256", -1))
    stranger = sign({"alg": "RS256", "kid": "k"}, {}, kept_key("RS256", -1))
    for token, reason in (
        ("x", "malformed"),
        (forged, "signature"),
        (stranger, "key"),
        (issuer.token(header={"alg": "PS256"}, kid="key-0"), "algorithm"),
        (issuer.token({"aud": "other"}), "audience"),
        (issuer.token({"iss": "https://id.example"}), "issuer"),
        (issuer.token({"exp": 1}), "expired"),
        (issuer.token({"nonce": "n"}, header={"typ": "JWT"}), "not-an-access-token"),
        (issuer.token({"cnf": {}}), "sender-constrained"),
    ):
        refused = (await rest.post(path, json={"token": token})).json()
        assert (refused["status"], refused["code"]) == (422, "token-proves-nothing")
        assert (refused["reason"], refused["errors"][0]["pointer"]) == (reason, "/token")
    issuer.down()
    # keys are known by now: it can be proven all the same
    assert (await rest.post(path, json={"token": issuer.token()})).status_code == 200
    issuer.up()


async def test_nothing_can_be_proven_of_an_issuer_that_is_down(
    rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url))['id']}:prove"
    issuer.down()
    refused = await rest.post(path, json={"token": issuer.token()})
    assert (refused.status_code, refused.json()["code"]) == (503, "issuer-unavailable")
    assert refused.headers["retry-after"]
    issuer.up()


async def test_registering_somebody_elses_issuer_gains_nothing(
    rest: httpx.AsyncClient,
    other_rest: httpx.AsyncClient,
    issuer: Issuer,
    tokens: Tokens,
    tenant: Tenant,
) -> None:
    squatting = await made(other_rest, issuer=issuer.url)
    await agree(rest, issuer)  # the owner is not kept out
    found = await tokens.recognise(issuer.machine_token())
    assert found is not None
    assert found.tenant_id == tenant.tenant_id  # and its tokens go nowhere else
    mine = Issuer(now=issuer.now)
    path = f"{PATH}/{squatting['id']}:prove"
    for forged in (mine.token({"iss": issuer.url}), mine.token()):
        refused = await other_rest.post(path, json={"token": forged})
        assert refused.json()["code"] == "token-proves-nothing"
    # an employee of the owner, say: the first to prove it has it
    refused = await other_rest.post(path, json={"token": issuer.token()})
    assert (refused.status_code, refused.json()["code"]) == (409, "already-proven-elsewhere")
    mine.down()


async def test_keys_of_ones_own_do_not_prove_somebody_elses_issuer(
    rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    mine = Issuer(now=issuer.now)
    provider = await made(rest, issuer=issuer.url)
    refused = await rest.patch(f"{PATH}/{provider['id']}", json={"jwks_url": f"{mine.url}{KEYS}"})
    assert refused.json()["code"] == "keys-not-of-issuer"
    mine.down()


async def test_of_two_who_prove_at_once_one_has_it(
    rest: httpx.AsyncClient, other_rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    calls = [
        (calling, f"{PATH}/{(await made(calling, issuer=issuer.url))['id']}:prove")
        for calling in (rest, other_rest)
    ]
    proof = {"token": issuer.token()}
    answers = await asyncio.gather(*(calling.post(path, json=proof) for calling, path in calls))
    assert sorted(a.status_code for a in answers) == [200, 409]


async def test_what_changed_while_the_issuer_was_asked_is_not_proven(
    rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    provider = await made(rest, issuer=issuer.url)
    path = f"{PATH}/{provider['id']}"
    with issuer.hesitating():
        proving = asyncio.create_task(rest.post(f"{path}:prove", json={"token": issuer.token()}))
        await issuer.being_asked()
        assert (await rest.patch(path, json={"audience": "other"})).status_code == 200
    refused = await proving
    assert (refused.status_code, refused.json()["code"]) == (412, "version-mismatch")
    assert (await rest.get(path)).json()["proven_at"] is None


async def test_a_proof_honours_if_match(rest: httpx.AsyncClient, issuer: Issuer) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url))['id']}:prove"
    proof = {"token": issuer.token()}
    stale = await rest.post(path, json=proof, headers={"If-Match": '"7-aa"'})
    assert stale.status_code == 412
    assert (await rest.post(path, json=proof, headers={"If-Match": '"1-aa"'})).is_success


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {}}, 422, "invalid-input"),
        ({"json": {"token": ""}}, 422, "invalid-input"),
        ({"json": {"token": "x" * 8193}}, 422, "invalid-input"),
        ({"json": {"token": "x" * 2_000_000}}, 413, "body-too-large"),
        ({"json": {"token": "x", "y": 1}}, 422, "invalid-input"),
        ({"json": []}, 422, "invalid-input"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "malformed-json"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, None),
        ({}, 415, None),
    ],
)
async def test_an_odd_proof_is_a_clear_problem(
    rest: httpx.AsyncClient, issuer: Issuer, sent: dict[str, Any], status: int, code: str | None
) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url))['id']}:prove"
    answer = await rest.post(path, **sent)
    assert answer.status_code == status
    assert answer.json()["code"] == (code or "unsupported-media-type")


async def test_who_holds_a_token_of_several_audiences_keeps_nobody_out(
    rest: httpx.AsyncClient,
    other_rest: httpx.AsyncClient,
    tenant: Tenant,
    issuer: Issuer,
    tokens: Tokens,
) -> None:
    await agree(rest, issuer)
    theirs = await made(other_rest, issuer=issuer.url, audience="account")
    path = f"{PATH}/{theirs['id']}:prove"
    both = issuer.machine_token(aud=["account", "okr"])
    refused = await other_rest.post(path, json={"token": both})
    assert (refused.status_code, refused.json()["code"]) == (409, "already-proven-elsewhere")
    alone = issuer.machine_token(aud="account")
    assert (await other_rest.post(path, json={"token": alone})).status_code == 200
    found = await tokens.recognise(both)
    assert found is not None
    assert found.tenant_id == tenant.tenant_id

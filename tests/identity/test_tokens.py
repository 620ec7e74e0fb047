"""Tokens: whose they are, who they stand for, and what is told of them."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.identity.issuer import Issuer, agree, make_key, sign
from tests.identity.recognising import claims_of, recognised, refusal

from okr_service.access.policy import Role
from okr_service.identity.errors import IssuerUnavailable, UnknownPerson
from okr_service.identity.model import IdentityProvider
from okr_service.identity.provider import Algorithm
from okr_service.identity.tokens import Tokens
from okr_service.kernel.database import Database


async def test_a_token_stands_for_the_person_that_it_names(
    agreed: Tokens, issuer: Issuer, provider: Json, person: Json, tenant: Tenant
) -> None:
    found = await recognised(agreed, issuer.token())

    assert found.tenant_id == tenant.tenant_id
    assert found.person_id == UUID(person["id"])
    assert (found.scopes, found.role) == (None, None)
    assert found.name == f"token:{provider['id']}/{found.person_id}"
    assert found.expires_at is not None
    assert found.expires_at.timestamp() == int(issuer.now()) + 300 + 60  # and the clocks' skew


@pytest.mark.parametrize("token", ["", "x", "okr_00_abc", "a.b", "a.b.c.d.e", "a.é.c", "..", "."])
async def test_what_is_no_jwt_is_left_to_others(tokens: Tokens, token: str) -> None:
    assert await tokens.recognise(token) is None


@pytest.mark.parametrize("alg", list(Algorithm))
async def test_every_algorithm_that_is_agreed_on_verifies(
    agreed: Tokens, issuer: Issuer, person: Json, alg: Algorithm
) -> None:
    issuer.rotate(alg, "new")
    assert (await recognised(agreed, issuer.token())).person_id == UUID(person["id"])


async def test_ed25519_goes_by_either_name(agreed: Tokens, issuer: Issuer, person: Json) -> None:
    kid = issuer.rotate("EdDSA")
    token = issuer.token(kid=kid, header={"alg": "Ed25519"})
    assert (await recognised(agreed, token)).person_id == UUID(person["id"])


async def test_each_tenant_has_its_own_issuers(
    tokens: Tokens,
    issuer: Issuer,
    rest: httpx.AsyncClient,
    other_rest: httpx.AsyncClient,
    tenant: Tenant,
    other_tenant: Tenant,
) -> None:
    await agree(rest, issuer, audience="okr-of-one")
    await agree(other_rest, issuer, audience="okr-of-other")
    for audience, owner in (("okr-of-one", tenant), ("okr-of-other", other_tenant)):
        found = await recognised(tokens, issuer.machine_token(aud=audience))
        assert found.tenant_id == owner.tenant_id
    both = issuer.machine_token(aud=["okr-of-other", "okr-of-one"])
    assert (await recognised(tokens, both)).tenant_id == tenant.tenant_id  # proven first
    one = issuer.machine_token(aud=["okr-of-one", "account"])
    assert (await recognised(tokens, one)).tenant_id == tenant.tenant_id


@pytest.mark.usefixtures("provider")
async def test_a_person_of_another_tenant_is_nobody_here(
    tokens: Tokens, issuer: Issuer, other_rest: httpx.AsyncClient
) -> None:
    await Build(other_rest).person(external_id="E-1")
    with pytest.raises(UnknownPerson):
        await tokens.recognise(issuer.token())


async def test_who_left_or_was_never_here_is_nobody(
    agreed: Tokens, issuer: Issuer, build: Build
) -> None:
    for subject in ("E-2", "e-1", "", "E-1 ", "E-1\0", "x" * 501):
        with pytest.raises(UnknownPerson):
            await agreed.recognise(issuer.token({"sub": subject}))
    with pytest.raises(UnknownPerson):
        await agreed.recognise(issuer.token(without=("sub",)))
    await build.rest.patch("/v1/people/external:E-1", json={"active": False})
    with pytest.raises(UnknownPerson):
        await agreed.recognise(issuer.token())


async def test_a_person_is_found_by_an_address_that_one_has_and_the_issuer_has_verified(
    tokens: Tokens, issuer: Issuer, rest: httpx.AsyncClient, person: Json, build: Build
) -> None:
    await agree(rest, issuer, person_claim="email", person_key="email")
    mine = {"email": "mai@saomai.EXAMPLE"}
    for verified in ({}, {"email_verified": True}, {"email_verified": "true"}):
        found = await recognised(tokens, issuer.token({**mine, **verified}))
        assert found.person_id == UUID(person["id"])
    for unverified in (False, "false", None, 0, "", "no"):
        with pytest.raises(UnknownPerson):
            await tokens.recognise(issuer.token({**mine, "email_verified": unverified}))
    for resembling in ("ma\u0131@saomai.example", "mai@saomai.example ", "m_i@saomai.example"):
        with pytest.raises(UnknownPerson):
            await tokens.recognise(issuer.token({"email": resembling}))
    await build.person(email="mai@saomai.example", active=False)
    with pytest.raises(UnknownPerson):
        await tokens.recognise(issuer.token(mine))


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({}, None),
        ({"realm_access": {"roles": []}}, None),
        ({"realm_access": {"roles": ["staff", "okr-admins", "okr-planners"]}}, Role.ADMIN),
        ({"realm_access": {"roles": ["other", "okr-planners", "staff"]}}, Role.PLANNER),
        ({"realm_access": {"roles": "staff"}}, Role.MEMBER),
        ({"realm_access.roles": ["staff"]}, Role.MEMBER),
        ({"realm_access": ["okr-admins"]}, None),
        ({"realm_access": {"roles": {"okr-admins": True}}}, None),
        ({"realm_access": {"roles": [["okr-admins"], None, 1]}}, None),
        ({"realm_access": {"roles": ["OKR-ADMINS", "admin"]}}, None),
        ({"roles": ["okr-admins"]}, None),
    ],
)
async def test_the_highest_role_that_the_issuer_vouches_for_counts(
    agreed: Tokens, issuer: Issuer, claims: Json, role: Role | None
) -> None:
    assert (await recognised(agreed, issuer.token(claims))).role == role


async def test_a_claim_may_have_dots_in_its_name(
    tokens: Tokens, issuer: Issuer, rest: httpx.AsyncClient, person: Json
) -> None:
    await agree(
        rest,
        issuer,
        person_claim="https://saomai.example/staff.number",
        role_claim="resource_access.okr.service.roles",
        roles={"a": "admin"},
    )
    claims = {
        "https://saomai.example/staff": {"number": "E-1"},
        "resource_access": {"okr.service": {"roles": ["a"]}},
    }
    found = await recognised(tokens, issuer.token(claims))
    assert (found.person_id, found.role) == (UUID(person["id"]), Role.ADMIN)


async def _changed(rest: httpx.AsyncClient, provider: Json, **changes: object) -> Json:
    path = f"/v1/identity-providers/{provider['id']}"
    changed: Json = (await rest.patch(path, json=changes)).json()
    return changed


async def test_a_provider_disabled_or_deleted_takes_no_tokens_at_once(
    agreed: Tokens, issuer: Issuer, provider: Json, rest: httpx.AsyncClient
) -> None:
    await _changed(rest, provider, enabled=False)
    assert await refusal(agreed, issuer.token()) == "untrusted"
    await _changed(rest, provider, enabled=True)
    assert await agreed.recognise(issuer.token()) is not None
    await rest.delete(f"/v1/identity-providers/{provider['id']}")
    assert await refusal(agreed, issuer.token()) == "untrusted"


@pytest.mark.parametrize("change", [{"audience": "okr2"}, {"issuer": "https://id.example"}])
async def test_a_provider_of_another_issuer_has_to_be_proven_anew(
    agreed: Tokens, issuer: Issuer, provider: Json, rest: httpx.AsyncClient, change: Json
) -> None:
    assert (await _changed(rest, provider, **change))["proven_at"] is None
    again = await _changed(rest, provider, audience="okr", issuer=issuer.url)
    assert again["proven_at"] is None
    assert await refusal(agreed, issuer.token()) == "untrusted"


async def test_what_is_stored_without_algorithms_is_not_open_to_all(
    provider: Json, database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as tx:
        emptied = update(IdentityProvider).where(
            IdentityProvider.tenant_id == tenant.tenant_id,
            IdentityProvider.id == UUID(provider["id"]),
        )
        with pytest.raises(Exception, match="identity_providers_algorithms_check"):
            await tx.execute(emptied.values(algorithms=[]))
        await tx.rollback()


async def test_a_stranger_learns_nothing_of_who_is_here(agreed: Tokens, issuer: Issuer) -> None:
    mine = make_key("RS256")
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "key-0"}
    known = sign(header, claims_of(issuer), mine)
    unknown = sign(header, {**claims_of(issuer), "iss": "https://nobody.example"}, mine)
    expired = sign(header, {**claims_of(issuer), "exp": 1}, mine)
    for token in (known, unknown, expired):
        assert await refusal(agreed, token) == "untrusted"


async def test_the_log_has_the_reason_and_nothing_of_the_token(
    agreed: Tokens, issuer: Issuer, provider: Json, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "okr_service")
    mine = make_key("RS256")
    token = sign({"alg": "RS256", "kid": "key-0"}, claims_of(issuer), mine)
    await refusal(agreed, token)
    assert f"token refused: signature, provider {provider['id']}" in caplog.text
    for secret in (*token.split("."), "E-1"):
        assert secret not in caplog.text


async def test_without_an_issuer_to_ask_it_is_ours_to_say_later(
    agreed: Tokens, issuer: Issuer
) -> None:
    issuer.down()
    with pytest.raises(IssuerUnavailable):
        await agreed.recognise(issuer.token())
    issuer.up()

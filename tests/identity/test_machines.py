"""Machines' tokens, and what scopes grant."""

from uuid import UUID

import pytest
from tests.build import Json
from tests.identity.issuer import Issuer
from tests.identity.recognising import recognised, refusal

from okr_service.access.policy import Scope
from okr_service.identity.tokens import Tokens


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "feed", "client_id": "feed"},
        {"sub": "feed", "azp": "feed"},
        {"sub": "feed", "cid": "feed"},
        {"idtyp": "app", "azp": "feed"},
        {"gty": "client-credentials", "sub": "feed@clients", "azp": "feed"},
        {"client_id": "feed", "preferred_username": "service-account-feed", "sub": "E-1"},
        {"clientId": "feed", "azp": "feed", "preferred_username": "service-account-feed"},
    ],
)
async def test_a_machine_has_its_scopes_and_is_no_person(
    agreed: Tokens, issuer: Issuer, provider: Json, claims: Json
) -> None:
    granted = {"scope": "okr:check_in profile okr:read", **claims}
    token = issuer.token(granted, without=() if "client_id" in claims else ("client_id",))
    found = await recognised(agreed, token)
    assert found.scopes == frozenset([Scope.CHECK_IN, Scope.READ])
    assert (found.person_id, found.role) == (None, None)
    assert found.name == f"token:{provider['id']}/feed"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": ""}, set()),
        ({"scope": "read admin OKR:admin okr:admin2 xokr:admin"}, set()),
        ({"scope": "okr:operate"}, set()),
        ({"scope": "okr:admin okr:operate"}, {Scope.ADMIN}),
        ({"scope": ["okr:read", "okr:plan", 7]}, {Scope.READ, Scope.PLAN}),
        ({"scp": "okr:read"}, {Scope.READ}),
        ({"scp": ["okr:organisation"]}, {Scope.ORGANISATION}),
        ({"scope": {"okr:admin": 1}}, set()),
        ({"roles": ["okr:admin"]}, set()),
        ({"roles": ["okr:check_in"], "idtyp": "app"}, {Scope.CHECK_IN}),
    ],
)
@pytest.mark.usefixtures("provider")
async def test_a_scope_counts_as_it_is_written_and_operating_never_does(
    tokens: Tokens, issuer: Issuer, claims: Json, scopes: set[Scope]
) -> None:
    token = issuer.token({"scope": "", "sub": "feed", "client_id": "feed", **claims})
    assert (await recognised(tokens, token)).scopes == frozenset(scopes)


async def test_a_person_may_have_lent_a_client_less_than_all(
    agreed: Tokens, issuer: Issuer, person: Json
) -> None:
    lent = await recognised(agreed, issuer.token({"scope": "openid okr:read"}))
    assert (lent.person_id, lent.scopes) == (UUID(person["id"]), frozenset([Scope.READ]))


async def test_a_person_with_a_service_accounts_name_is_no_machine(
    agreed: Tokens, issuer: Issuer, person: Json
) -> None:
    claims = {"preferred_username": "service-account-web", "azp": "web", "scope": "okr:admin"}
    found = await recognised(agreed, issuer.token(claims, without=("client_id",)))
    assert found.person_id == UUID(person["id"])


@pytest.mark.parametrize("client", ["", "a\0b", "a\nb", "x" * 501, 7, ["web"]])
@pytest.mark.usefixtures("provider")
async def test_a_clients_name_is_one_that_can_be_recorded(
    tokens: Tokens, issuer: Issuer, client: object
) -> None:
    token = issuer.token({"client_id": client, "idtyp": "app"})
    assert await refusal(tokens, token) == "claims"

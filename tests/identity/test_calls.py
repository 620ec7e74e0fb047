"""Calls with a token of one's own issuer: what they may, and what is written down of them."""

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build, Json
from tests.calling import client
from tests.identity.issuer import Issuer, agree

from okr_service.access.gatekeeper import Gatekeeper
from okr_service.access.serving import Service
from okr_service.identity.tokens import Tokens
from okr_service.kernel.database import Database
from okr_service.main import create_app
from okr_service.settings import Settings


@pytest.fixture
async def key_result(build: Build) -> Json:
    """Make a key result that somebody else owns."""
    return await build.key_result(external_id="KR", owner_id=(await build.person())["id"])


REPORT = {"key_result_id": "external:KR", "value": 41}


@pytest.mark.usefixtures("provider", "person", "key_result")
async def test_a_person_may_what_their_role_may_or_the_one_the_issuer_vouches_for(
    app: FastAPI, issuer: Issuer
) -> None:
    async with client(app, issuer.token()) as calling:
        assert (await calling.get("/v1/objectives")).status_code == 200
        assert (await calling.post("/v1/check-ins", json=REPORT)).status_code == 403
        assert (await calling.get("/v1/audit-events")).status_code == 403
    vouched = {"realm_access": {"roles": ["okr-admins"]}}
    async with client(app, issuer.token(vouched)) as calling:
        assert (await calling.post("/v1/check-ins", json=REPORT)).status_code == 201
        assert (await calling.get("/v1/audit-events")).status_code == 200
    async with client(app, issuer.token({**vouched, "scope": "okr:read"})) as calling:
        assert (await calling.get("/v1/objectives")).status_code == 200
        assert (await calling.post("/v1/check-ins", json=REPORT)).status_code == 403
    async with client(app, issuer.token({**vouched, "scope": "okr:operate"})) as calling:
        assert (await calling.post("/v1/tenants", json={"name": "A"})).status_code == 403


@pytest.mark.usefixtures("key_result")
async def test_a_machine_may_what_its_scopes_are_for_and_is_named_in_the_audit(
    app: FastAPI, issuer: Issuer, provider: Json, build: Build
) -> None:
    headers = {"X-Request-ID": "of-the-feed"}
    async with client(app, issuer.machine_token("okr:check_in")) as calling:
        reported = await calling.post("/v1/check-ins", json=REPORT, headers=headers)
        assert reported.status_code == 201
        assert (await calling.get("/v1/objectives")).status_code == 403
    [event] = (await build.get("audit-events?request_id=of-the-feed"))["data"]
    assert event["credential"] == f"token:{provider['id']}/feed"
    for scope in ("", "openid", "okr:operate"):
        async with client(app, issuer.machine_token(scope)) as calling:
            refused = await calling.get("/v1/objectives")
            assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")


@pytest.mark.usefixtures("provider")
async def test_what_is_refused_is_a_clear_problem(app: FastAPI, issuer: Issuer) -> None:
    for token, expected in (
        (issuer.token({"exp": 1}), ("invalid-token", "expired")),
        (issuer.token({"aud": "other"}), ("invalid-token", "untrusted")),
        (issuer.token(), ("unknown-person", None)),
        ("eyJ.e30.", ("invalid-token", "malformed")),
        ("x" * 9000, ("invalid-token", "malformed")),
        ("eyJ.e30", ("invalid-credential", None)),
    ):
        async with client(app, token) as calling:
            refused = await calling.get("/v1/objectives")
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem.get("reason")) == (401, *expected)
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert "E-1" not in refused.text


async def test_an_issuer_that_is_down_is_not_the_callers_fault(
    settings: Settings, walled: Database, tokens: Tokens, rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    await agree(rest, issuer)
    other = create_app(settings)  # a process that does not know the issuer's keys yet
    service: Service = other.state.service
    gatekeeper = Gatekeeper(walled, [tokens], seconds=0)
    other.state.service = replace(service, gatekeeper=gatekeeper)
    issuer.down()
    async with client(other, issuer.token()) as calling:
        answer = await calling.get("/v1/objectives")
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer-unavailable")
    assert answer.headers["retry-after"]
    issuer.up()

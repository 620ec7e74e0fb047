"""Keys: what each scope allows, and what no key allows."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.calling import client

from okr_service.settings import Settings


async def key_with(rest: httpx.AsyncClient, *scopes: str) -> str:
    made = await rest.post("/v1/api-keys", json={"name": "A key", "scopes": scopes})
    assert made.status_code == 201, made.text
    key: str = made.json()["key"]
    return key


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic abc", "Bearer x", "Bearer okr_zz_y", f"Bearer okr_{'0' * 32}_x"],
)
async def test_without_a_valid_key_nothing_is_told(app: FastAPI, authorization: str | None) -> None:
    async with client(app, "none") as calling:
        headers = {} if authorization is None else {"Authorization": authorization}
        calling.headers.pop("Authorization")
        response = await calling.get("/v1/objectives", headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] in ("missing-credential", "invalid-credential")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_each_scope_allows_what_it_is_for(app: FastAPI, build: Build) -> None:
    key_result = await build.key_result(external_id="KR")
    report = {"key_result_id": "external:KR", "value": 1}
    calls = {
        "read": ("GET", "/v1/objectives", None),
        "read_units": ("GET", "/v1/units", None),
        "report": ("POST", "/v1/check-ins", report),
        "edit_unit": ("POST", "/v1/units", {"name": "A"}),
        "edit_person": ("POST", "/v1/people", {"name": "A"}),
        "plan": ("PATCH", f"/v1/key-results/{key_result['id']}", {"title": "B"}),
        "keys": ("GET", "/v1/api-keys", None),
        "audit": ("GET", "/v1/audit-events", None),
        "tenants": ("POST", "/v1/tenants", {"name": "A"}),
    }
    allowed = {
        "read": {"read", "read_units"},
        "check_in": {"report"},
        "organisation": {"read_units", "edit_unit", "edit_person"},
        "plan": {"read", "read_units", "report", "edit_unit", "plan"},
        "admin": set(calls) - {"tenants"},
    }
    for scope, expected in allowed.items():
        async with client(app, await key_with(build.rest, scope)) as calling:
            answers = {
                name: await calling.request(method, path, json=body)
                for name, (method, path, body) in calls.items()
            }
        assert {n for n, a in answers.items() if a.is_success} == expected, scope
        assert {a.status_code for n, a in answers.items() if n not in expected} == {403}


async def test_only_an_operator_takes_on_tenants(
    app: FastAPI, operator: httpx.AsyncClient, rest: httpx.AsyncClient
) -> None:
    made = await operator.post("/v1/tenants", json={"name": "Sao Mai"})
    async with client(app, made.json()["api_key"]) as calling:
        assert (await calling.post("/v1/units", json={"name": "A"})).status_code == 201
    granting = await rest.post("/v1/api-keys", json={"name": "A", "scopes": ["operate"]})
    assert granting.json()["code"] == "not-permitted"


async def test_the_bootstrap_tenant_is_founded_once_by_many(app: FastAPI) -> None:
    from tests.conftest import BOOTSTRAP_KEY  # noqa: PLC0415

    async with client(app, BOOTSTRAP_KEY) as calling:
        answers = await asyncio.gather(*(calling.get("/v1/units") for _ in range(8)))
    assert {a.status_code for a in answers} == {200}


@pytest.mark.parametrize("key", ["", "short", "x" * 31])
def test_a_weak_bootstrap_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Settings(database_url="postgresql://x/y", bootstrap_api_key=key)


async def test_every_write_leaves_its_event(build: Build) -> None:
    objective = await build.objective(title="A")
    headers = {"X-Request-ID": "req-7"}
    path = f"/v1/objectives/{objective['id']}"
    await build.rest.patch(path, json={"title": "B"}, headers=headers)
    [event] = (await build.get("audit-events?request_id=req-7"))["data"]
    assert (event["subject"], event["action"]) == ("objective", "updated")
    assert (event["before"], event["after"]) == ({"title": "A"}, {"title": "B"})
    await build.rest.patch(path, json={"title": "B"}, headers={"X-Request-ID": "req-8"})
    assert (await build.get("audit-events?request_id=req-8"))["data"] == []

"""API keys: who makes which, for whom, how long they live, what is written down of them."""

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant, stop
from tests.credentials.conftest import Make, SignIn

from okr_service.credentials.keys import new_key
from okr_service.kernel.database import Database
from okr_service.main import create_app
from okr_service.settings import Settings


def in_future(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


async def test_a_secret_is_shown_once(rest: httpx.AsyncClient, make: Make) -> None:
    made = await make("read")
    for path in ("/v1/api-keys", f"/v1/api-keys/{made['id']}", "/v1/audit-events"):
        seen = (await rest.get(path)).text
        assert made["key"] not in seen
        assert made["key"][43:] not in seen
    shown = (await rest.get(f"/v1/api-keys/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert made["key"].startswith(shown["beginning"])


async def test_what_shows_a_secret_is_stored_by_nobody(
    rest: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    made = await rest.post("/v1/api-keys", json={"name": "A", "scopes": ["read"]})
    rotated = await rest.post(f"{made.headers['location']}:rotate")
    tenant = await operator.post("/v1/tenants", json={"name": "A"})
    assert [a.headers["cache-control"] for a in (made, rotated, tenant)] == ["no-store"] * 3
    assert rotated.headers["location"].endswith(rotated.json()["id"])
    assert {made.status_code, rotated.status_code, tenant.status_code} == {201}


@pytest.mark.parametrize(
    "more",
    [
        *({name: "x"} for name in ("id", "key", "key_hash", "beginning", "created_by")),
        {"tenant_id": str(uuid4())},
        {"replaces_id": str(uuid4())},
        {"revoked_at": "2030-01-01T00:00:00Z"},
        {"last_used_at": "2030-01-01T00:00:00Z"},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_nothing_else_of_a_key_can_be_set(rest: httpx.AsyncClient, more: Json) -> None:
    answer = await rest.post("/v1/api-keys", json={"name": "A", "scopes": ["read"], **more})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown-field")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_key_is_not_edited(rest: httpx.AsyncClient, make: Make, method: str) -> None:
    made = await make("read")
    answer = await rest.request(method, f"/v1/api-keys/{made['id']}", json={"scopes": ["admin"]})
    assert answer.status_code == 405


async def test_a_scope_named_twice_is_one(make: Make) -> None:
    assert (await make("read", "read"))["scopes"] == ["read"]


async def test_keys_leave_events_without_secrets(build: Build, make: Make) -> None:
    person = await build.person()
    made = await make("read", person_id=person["id"])
    await build.post(f"api-keys/{made['id']}:revoke")
    await build.post(f"api-keys/{made['id']}:revoke")
    found = await build.get(f"audit-events?subject=api_key&subject_id={made['id']}")
    revoked, created = found["data"]
    assert (created["action"], revoked["action"]) == ("created", "revoked")
    assert created["after"] == {
        "name": "A key",
        "scopes": ["read"],
        "expires_at": None,
        "person_id": person["id"],
    }
    assert revoked["before"] == {"revoked_at": None}


async def test_a_tenant_leaves_an_event_there_and_at_its_operators(
    app: FastAPI, operator: httpx.AsyncClient
) -> None:
    headers = {"X-Request-ID": f"req-{uuid4()}"}
    made = (await operator.post("/v1/tenants", json={"name": "Sao Mai"}, headers=headers)).json()
    asked = f"/v1/audit-events?request_id={headers['X-Request-ID']}"
    [there] = (await operator.get(asked)).json()["data"]
    async with client(app, made["api_key"]) as admin:
        key, here = (await admin.get(asked)).json()["data"]
        assert (await admin.get(f"/v1/api-keys/{made['api_key_id']}")).json()["name"] == "admin"
    assert there["subject_id"] == here["subject_id"] == made["id"]
    assert (there["subject"], there["after"]) == ("tenant", {"name": "Sao Mai"})
    assert (key["subject"], key["credential"]) == ("api_key", "bootstrap")


# Whom a key stands for


async def test_a_persons_key_does_what_they_may_and_its_scopes_allow(
    app: FastAPI, build: Build, make: Make
) -> None:
    person = await build.person(external_id="NV-01")
    made = await make("read", "admin", person_id="external:NV-01")
    assert made["person_id"] == person["id"]
    async with client(app, made["key"]) as theirs:
        assert (await theirs.get("/v1/objectives")).status_code == 200
        assert (await theirs.get("/v1/audit-events")).status_code == 403  # a member's is no admin's
        await build.post(f"people/{person['id']}:assign-role", role="admin")
        await asyncio.sleep(0.25)  # the gatekeeper's memory
        assert (await theirs.get("/v1/audit-events")).status_code == 200


async def test_a_persons_key_dies_with_them(app: FastAPI, build: Build, make: Make) -> None:
    person = await build.person()
    made = await make("read", person_id=person["id"])
    async with client(app, made["key"]) as theirs:
        assert (await theirs.get("/v1/objectives")).status_code == 200
        await build.rest.patch(f"/v1/people/{person['id']}", json={"active": False})
        await asyncio.sleep(0.25)
        assert (await theirs.get("/v1/objectives")).status_code == 401
    for answer in (
        await build.rest.post(
            "/v1/api-keys", json={"name": "A", "scopes": ["read"], "person_id": person["id"]}
        ),
        await build.rest.post(f"/v1/api-keys/{made['id']}:rotate"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "person-not-active")


async def test_a_person_with_keys_is_not_deleted(build: Build, make: Make) -> None:
    person = await build.person()
    await make("read", person_id=person["id"])
    answer = await build.rest.delete(f"/v1/people/{person['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "still-in-use")


async def test_a_key_stands_for_nobody_elsewhere(
    build: Build, other_rest: httpx.AsyncClient
) -> None:
    theirs = (await other_rest.post("/v1/people", json={"name": "A", "external_id": "X"})).json()
    for ref in (theirs["id"], "external:X", "x", str(uuid4())):
        body = {"name": "A", "scopes": ["read"], "person_id": ref}
        answer = await build.rest.post("/v1/api-keys", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "person-not-found")
        assert answer.json()["errors"][0]["pointer"] == "/person_id"


# Who makes keys


async def test_who_signed_in_makes_keys_of_their_own(
    app: FastAPI, build: Build, signed_in: SignIn
) -> None:
    person, colleague = await build.person(), await build.person()
    async with signed_in(person) as me:
        body = {"name": "My script", "scopes": ["read", "plan"]}
        made = (await me.post("/v1/api-keys", json=body)).json()
        also = await me.post("/v1/api-keys", json={**body, "person_id": person["id"]})
        theirs = await me.post("/v1/api-keys", json={**body, "person_id": colleague["id"]})
    assert made["person_id"] == also.json()["person_id"] == person["id"]
    assert (theirs.status_code, theirs.json()["permission"]) == (403, "administer")
    assert theirs.json()["errors"][0]["pointer"] == "/person_id"
    async with client(app, made["key"]) as mine:
        assert (await mine.get("/v1/objectives")).status_code == 200


async def test_who_is_no_admin_sees_and_stops_their_own_keys_only(
    build: Build, make: Make, signed_in: SignIn
) -> None:
    person, colleague = await build.person(), await build.person()
    others = [await make("read"), await make("read", person_id=colleague["id"])]
    mine = await make("read", person_id=person["id"])
    async with signed_in(person) as me:
        listed = (await me.get("/v1/api-keys?count=exact")).json()
        assert [key["id"] for key in listed["data"]] == [mine["id"]]
        assert listed["page"]["total"] == 1
        for key in others:
            path = f"/v1/api-keys/{key['id']}"
            answers = [await me.get(path), await me.post(f"{path}:revoke")]
            answers.append(await me.post(f"{path}:rotate"))
            assert {a.json()["code"] for a in answers} == {"api-key-not-found"}
        assert (await me.post(f"/v1/api-keys/{mine['id']}:rotate")).status_code == 201
        assert (await me.post(f"/v1/api-keys/{mine['id']}:revoke")).status_code == 200


@pytest.mark.parametrize(
    ("role", "given"),
    [
        ("viewer", {"read"}),
        ("member", {"read", "check_in", "plan"}),
        ("planner", {"read", "check_in", "plan"}),
        ("admin", {"read", "check_in", "plan", "organisation", "admin"}),
    ],
)
async def test_nobody_gives_a_scope_they_have_not(
    build: Build, signed_in: SignIn, role: str, given: set[str]
) -> None:
    person = await build.person()
    await build.post(f"people/{person['id']}:assign-role", role=role)
    scopes = ("read", "check_in", "organisation", "plan", "admin", "operate")
    async with signed_in(person) as me:
        body = {"name": "A", "person_id": person["id"]}
        answers = {
            scope: await me.post("/v1/api-keys", json={**body, "scopes": [scope]})
            for scope in scopes
        }
    assert {scope for scope, answer in answers.items() if answer.is_success} == given
    assert {a.status_code for s, a in answers.items() if s not in given} == {403}


@pytest.mark.parametrize("scope", ["read", "check_in", "organisation", "plan"])
async def test_a_key_makes_no_keys(app: FastAPI, build: Build, make: Make, scope: str) -> None:
    person = await build.person()
    await build.post(f"people/{person['id']}:assign-role", role="admin")
    for key in (await make(scope), await make(scope, person_id=person["id"])):
        async with client(app, key["key"]) as holder:
            path = f"/v1/api-keys/{key['id']}"
            answers = [
                await holder.post("/v1/api-keys", json={"name": "A", "scopes": [scope]}),
                await holder.post(f"{path}:rotate"),
                await holder.post(f"{path}:revoke"),
                await holder.get("/v1/api-keys"),
                await holder.get(path),
            ]
        assert {a.json()["permission"] for a in answers} == {"own_keys"}


async def test_the_key_of_who_is_no_admin_makes_none_whatever_its_scopes(
    app: FastAPI, build: Build, make: Make
) -> None:
    person = await build.person()
    made = await make("read", "admin", person_id=person["id"])
    async with client(app, made["key"]) as holder:
        body = {"name": "A", "scopes": ["read"]}
        assert (await holder.post("/v1/api-keys", json=body)).json()["permission"] == "own_keys"


async def test_a_key_of_ones_own_sees_no_more_than_the_token_it_was_made_by(
    build: Build, signed_in: SignIn
) -> None:
    person = await build.person()
    await build.post(f"people/{person['id']}:assign-role", role="planner")
    body = {"name": "A", "scopes": ["read"]}
    async with signed_in(person, "viewer") as lowered:  # by the issuer, to less than is kept here
        answer = await lowered.post("/v1/api-keys", json=body)
        assert (answer.status_code, answer.json()["permission"]) == (403, "read")
    async with signed_in(person) as me:
        assert (await me.post("/v1/api-keys", json=body)).status_code == 201


async def test_an_admin_gets_nothing_of_an_operators_key(
    app: FastAPI, operator: httpx.AsyncClient
) -> None:
    body = {"name": "A", "scopes": ["operate"]}
    operating = (await operator.post("/v1/api-keys", json=body)).json()
    admins = (await operator.post("/v1/api-keys", json={**body, "scopes": ["admin"]})).json()
    async with client(app, admins["key"]) as admin:
        for answer in (
            await admin.post("/v1/api-keys", json=body),
            await admin.post(f"/v1/api-keys/{operating['id']}:rotate"),
        ):
            assert (answer.status_code, answer.json()["permission"]) == (403, "operate")


# How long they live


async def test_an_expired_key_cannot_be_made(rest: httpx.AsyncClient) -> None:
    body = {"name": "A", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
    answer = await rest.post("/v1/api-keys", json=body)
    assert answer.json()["code"] == "expiry-in-past"
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"


async def test_an_expired_key_stops_at_the_moment(settings: Settings, make: Make) -> None:
    slow = create_app(settings.model_copy(update={"credential_cache_seconds": 300.0}))
    made = await make("read", expires_at=in_future(seconds=1.5))
    async with client(slow, made["key"]) as calling:
        assert (await calling.get("/v1/units")).status_code == 200
        left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
        await asyncio.sleep(left.total_seconds() - 0.3)
        assert (await calling.get("/v1/units")).status_code == 200
        await asyncio.sleep(0.35)
        assert (await calling.get("/v1/units")).status_code == 401
    await stop(slow)


async def test_keys_live_no_longer_than_the_service_allows(
    settings: Settings, tenant: Tenant
) -> None:
    strict = create_app(settings.model_copy(update={"api_key_longest_days": 90}))
    async with client(strict, tenant.key) as admin:
        body = {"name": "A", "scopes": ["read"]}
        made = (await admin.post("/v1/api-keys", json=body)).json()
        given = {**body, "expires_at": in_future(days=91)}
        beyond = await admin.post("/v1/api-keys", json=given)
        within = await admin.post(
            "/v1/api-keys", json={**body, "expires_at": in_future(days=89, hours=23)}
        )
        rotated = (await admin.post(f"/v1/api-keys/{made['id']}:rotate")).json()
    life = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < life <= timedelta(days=90)
    assert (beyond.status_code, beyond.json()["code"]) == (422, "expiry-too-far")
    assert beyond.json()["days"] == 90
    assert within.status_code == 201
    assert rotated["expires_at"] >= made["expires_at"]
    await stop(strict)


# What is told to who has none


async def test_unknown_revoked_and_expired_keys_are_told_the_same_for_the_same_work(
    app: FastAPI,
    build: Build,
    make: Make,
    database: Database,
    tenant: Tenant,
    heard: AbstractContextManager[list[str]],
) -> None:
    revoked, expired = await make("read"), await make("read", expires_at=in_future(days=1))
    await build.post(f"api-keys/{revoked['id']}:revoke")
    async with database.transaction() as tx:
        past = "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = :id"
        await tx.execute(text(past), {"id": expired["id"]})
    told = []
    with heard as statements:
        for key in (new_key(uuid4()), new_key(tenant.tenant_id), revoked["key"], expired["key"]):
            async with client(app, key) as calling:
                answer = await calling.get("/v1/units", headers={"X-Request-ID": "r"})
            told.append((answer.status_code, answer.text, list(answer.headers), len(statements)))
            statements.clear()
    assert [each[:3] for each in told] == [told[0][:3]] * 4
    assert [each[3] for each in told] == [1] * 4
    assert told[0][0] == 401


async def test_a_key_opens_its_own_tenant_only(
    app: FastAPI, tenant: Tenant, other_tenant: Tenant, other_rest: httpx.AsyncClient, make: Make
) -> None:
    mine = await make("read")
    assert (await other_rest.get(f"/v1/api-keys/{mine['id']}")).status_code == 404
    assert (await other_rest.post(f"/v1/api-keys/{mine['id']}:revoke")).status_code == 404
    assert (await other_rest.post(f"/v1/api-keys/{mine['id']}:rotate")).status_code == 404
    swapped = mine["key"].replace(tenant.tenant_id.hex, other_tenant.tenant_id.hex)
    async with client(app, swapped) as calling:
        assert (await calling.get("/v1/units")).status_code == 401


async def test_a_list_tells_keys_in_force_from_those_that_ended(build: Build, make: Make) -> None:
    person = await build.person(external_id="NV")
    kept, ended = await make("read", person_id="external:NV"), await make("read")
    await build.post(f"api-keys/{ended['id']}:revoke")
    in_force = [k["id"] for k in (await build.get("api-keys?in_force=true"))["data"]]
    over = [k["id"] for k in (await build.get("api-keys?in_force=false"))["data"]]
    theirs = (await build.get("api-keys?person_id=external:NV"))["data"]
    assert kept["id"] in in_force
    assert over == [ended["id"]]
    assert [(k["id"], k["person_id"]) for k in theirs] == [(kept["id"], person["id"])]

"""What is known of a person can be erased, and everything still verifies."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.access.test_access import key_with
from tests.audit.walked import assert_chained
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant

from okr_service.kernel.database import Database
from okr_service.models import METADATA

Json = dict[str, Any]  # what httpx gives

_NAME, _EMAIL, _KEY, _TITLE = "Nguyễn Thị Mai", "mai@sao-mai.vn", "HR-4711", "Kế toán trưởng"
_ALL = (_NAME, _EMAIL, _KEY, _TITLE)


@pytest.fixture
async def mai(build: Build) -> Json:
    """Register a person under HR's key, change her record, let her own and report things."""
    unit = await build.unit()
    body = {"name": "Mai", "email": _EMAIL, "unit_id": unit["id"]}
    headers = {"Idempotency-Key": "k-1"}
    made = await build.rest.post("/v1/people", json=body, headers=headers)
    person: Json = made.json()
    edited = {"name": _NAME, "external_id": _KEY, "job_title": _TITLE}
    await build.rest.patch(f"/v1/people/{person['id']}", json=edited)
    objective = await build.objective(owner_id=f"external:{_KEY}")
    key_result = await build.key_result(objective, owner_id=f"external:{_KEY}")
    await build.check_in(key_result, 1, author_id=f"external:{_KEY}")
    plan = await build.action_plan(key_result, owner_id=f"external:{_KEY}")
    await build.action(plan, owner_id=f"external:{_KEY}")
    await build.rest.patch(f"/v1/units/{unit['id']}", json={"manager_id": f"external:{_KEY}"})
    await build.unit(manager_id=f"external:{_KEY}")
    return person


async def _erase(rest: httpx.AsyncClient, person: Json) -> httpx.Response:
    return await rest.post(f"/v1/people/{person['id']}:erase")


async def _mentions(database: Database, tenant_id: UUID, words: tuple[str, ...]) -> set[str]:
    """Return the tables of which a row of the tenant has one of some words in any column."""
    found = set()
    async with database.reading() as connection:
        for name in METADATA.tables:
            # Bytes are looked through as they are, and as the text they are of.
            looked_through = f"SELECT t::text, {'t.body' if 'answers' in name else 'NULL::bytea'}"
            rows = await connection.execute(
                text(f"{looked_through} FROM {name} AS t WHERE tenant_id = :tenant"),
                {"tenant": tenant_id},
            )
            for row, body in rows:
                whole = row + (body or b"").decode()
                if any(word.lower() in whole.lower() for word in words):
                    found.add(name)
    return found


async def test_nothing_of_a_person_is_left_but_the_id(
    database: Database, tenant: Tenant, build: Build, mai: Json
) -> None:
    held = await _mentions(database, tenant.tenant_id, _ALL)
    assert held == {"people", "audit_personal_data", "events", "idempotent_answers"}

    erased = await _erase(build.rest, mai)

    assert await _mentions(database, tenant.tenant_id, (*_ALL, "mai")) == set()
    assert erased.status_code == 200
    shown = erased.json()
    assert (
        erased.headers["etag"] == (await build.rest.get(f"/v1/people/{mai['id']}")).headers["etag"]
    )
    assert {name: shown[name] for name in shown if name not in ("created_at", "updated_at")} == {
        "id": mai["id"],
        "external_id": None,
        "version": 3,
        "name": "—",
        "email": None,
        "job_title": None,
        "unit_id": None,
        "active": False,
        "role": "member",
    }
    found = await build.get("people?q=mai")
    assert found["data"] == []


async def test_the_chain_verifies_and_says_what_is_erased(
    database: Database, tenant: Tenant, build: Build, mai: Json
) -> None:
    other = await build.person(name="Trần Văn Ba")
    before = await assert_chained(database, tenant.tenant_id)
    await _erase(build.rest, mai)

    found = await assert_chained(database, tenant.tenant_id)
    assert (before.erased, found.erased, found.events) == (0, 2, before.events + 1)
    events = (await build.get(f"audit-events?subject_id={mai['id']}&sort=occurred_at"))["data"]
    assert [(e["action"], e["erased"], e["before"], e["after"]) for e in events] == [
        ("created", True, None, None),
        ("updated", True, None, None),
        ("erased", False, None, None),
    ]
    [kept] = (await build.get(f"audit-events?subject_id={other['id']}"))["data"]
    assert (kept["erased"], kept["after"]["name"]) == (False, "Trần Văn Ba")


async def test_erasing_again_changes_nothing(
    database: Database, tenant: Tenant, build: Build, mai: Json
) -> None:
    first = await _erase(build.rest, mai)
    before = await assert_chained(database, tenant.tenant_id)

    again = await _erase(build.rest, mai)

    assert (again.status_code, again.content) == (200, first.content)
    assert await assert_chained(database, tenant.tenant_id) == before


async def test_what_is_said_after_an_erasure_is_erased_by_the_next(
    database: Database, tenant: Tenant, build: Build, mai: Json
) -> None:
    await _erase(build.rest, mai)
    await build.rest.patch(f"/v1/people/{mai['id']}", json={"name": _NAME})
    assert "audit_personal_data" in await _mentions(database, tenant.tenant_id, _ALL)

    await _erase(build.rest, mai)

    assert await _mentions(database, tenant.tenant_id, _ALL) == set()
    assert (await assert_chained(database, tenant.tenant_id)).erased == 3


async def test_a_repeated_request_is_not_done_again(build: Build, mai: Json) -> None:
    body = {"name": "Mai", "email": _EMAIL, "unit_id": mai["unit_id"]}
    headers = {"Idempotency-Key": "k-1"}
    replayed = await build.rest.post("/v1/people", json=body, headers=headers)
    assert replayed.headers["idempotency-replayed"] == "true"
    await _erase(build.rest, mai)

    for sent in (body, {"name": "Another"}):
        refused = await build.rest.post("/v1/people", json=sent, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "first-answer-erased")
    assert len((await build.get("people"))["data"]) == 1


async def test_other_answers_are_still_repeated(build: Build, mai: Json) -> None:
    headers = {"Idempotency-Key": "ba"}
    body = {"name": "Trần Văn Ba"}
    first = await build.rest.post("/v1/people", json=body, headers=headers)
    await _erase(build.rest, mai)
    again = await build.rest.post("/v1/people", json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)


async def test_the_erasing_itself_can_be_repeated(build: Build, mai: Json) -> None:
    path, headers = f"/v1/people/{mai['id']}:erase", {"Idempotency-Key": "erase"}
    first = await build.rest.post(path, headers=headers)
    again = await build.rest.post(path, headers=headers)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"


async def test_of_a_deleted_person_the_history_can_be_erased(
    database: Database, tenant: Tenant, build: Build
) -> None:
    person = await build.person(name=_NAME, external_id=_KEY)
    assert (await build.rest.delete(f"/v1/people/{person['id']}")).status_code == 204
    by_key = await build.rest.post(f"/v1/people/external:{_KEY}:erase")
    assert (by_key.status_code, by_key.json()["code"]) == (404, "person-not-found")

    for _ in range(2):
        assert (await _erase(build.rest, person)).status_code == 204

    assert await _mentions(database, tenant.tenant_id, (_NAME, _KEY)) == set()
    assert (await assert_chained(database, tenant.tenant_id)).events == 3


async def test_by_the_caller_s_own_key(build: Build, mai: Json) -> None:
    erased = await build.rest.post(f"/v1/people/external:{_KEY}:erase")
    assert (erased.status_code, erased.json()["id"]) == (200, mai["id"])
    gone = await build.rest.post(f"/v1/people/external:{_KEY}:erase")
    assert gone.status_code == 404


async def test_hr_can_use_the_key_of_an_erased_person_again(build: Build, mai: Json) -> None:
    await _erase(build.rest, mai)
    put = await build.rest.put(f"/v1/people/external:{_KEY}", json={"name": "Another"})
    assert put.status_code == 201
    assert put.json()["id"] != mai["id"]


async def test_only_an_admin_erases(app: FastAPI, build: Build, mai: Json) -> None:
    for scope in ("read", "organisation", "plan", "audit"):
        async with client(app, await key_with(build.rest, scope)) as calling:
            assert (await _erase(calling, mai)).json()["code"] == "not-permitted"


async def test_another_tenant_s_person_is_not_there(
    database: Database, tenant: Tenant, mai: Json, other_rest: httpx.AsyncClient
) -> None:
    assert (await _erase(other_rest, mai)).status_code == 404
    assert await _mentions(database, tenant.tenant_id, (_NAME,))


async def test_a_stale_version_is_refused(build: Build, mai: Json) -> None:
    stale = {"If-Match": '"1-0"'}
    refused = await build.rest.post(f"/v1/people/{mai['id']}:erase", headers=stale)
    assert refused.status_code == 412
    assert (await build.get(f"people/{mai['id']}"))["name"] == _NAME


async def test_an_edit_at_the_same_time_is_erased_or_comes_after(
    database: Database, tenant: Tenant, build: Build
) -> None:
    for _ in range(8):
        person = await build.person(name=_NAME)
        path = f"/v1/people/{person['id']}"
        edits = [build.rest.patch(path, json={"job_title": f"T{n}"}) for n in range(3)]
        answers = await asyncio.gather(*edits[:2], _erase(build.rest, person), edits[2])
        assert {answer.status_code for answer in answers} == {200}
        await _erase(build.rest, person)
    assert await _mentions(database, tenant.tenant_id, (_NAME, '"T0', '"T1', '"T2')) == set()
    await assert_chained(database, tenant.tenant_id)

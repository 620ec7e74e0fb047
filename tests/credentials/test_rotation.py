"""Rotating keys: a successor for the same, and an overlap in which both work."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build, Json
from tests.calling import client
from tests.credentials.conftest import Make, SignIn

from okr_service.kernel.database import Database


async def rotate(rest: httpx.AsyncClient, key: Json, **body: object) -> httpx.Response:
    return await rest.post(f"/v1/api-keys/{key['id']}:rotate", json=body)


async def works(app: FastAPI, key: Json) -> bool:
    async with client(app, key["key"]) as calling:
        return (await calling.get("/v1/units")).is_success


def moment(shown: str) -> datetime:
    return datetime.fromisoformat(shown)


async def test_both_work_until_the_overlap_ends(app: FastAPI, build: Build, make: Make) -> None:
    person = await build.person()
    old = await make("read", "check_in", person_id=person["id"])
    new = (await rotate(build.rest, old, overlap_seconds=1)).json()
    same = ("name", "scopes", "person_id", "expires_at")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert new["replaces_id"] == old["id"]
    assert new["key"] != old["key"]
    assert await works(app, old)
    assert await works(app, new)
    await asyncio.sleep(1.1)
    assert not await works(app, old)
    assert await works(app, new)


async def test_the_overlap_is_a_day_unless_said(build: Build, make: Make) -> None:
    old = await make("read")
    await build.rest.post(f"/v1/api-keys/{old['id']}:rotate")
    ends = moment((await build.get(f"api-keys/{old['id']}"))["expires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)


async def test_without_an_overlap_the_old_one_stops_at_once(
    app: FastAPI, build: Build, make: Make
) -> None:
    old = await make("read")
    assert await works(app, old)
    assert (await rotate(build.rest, old, overlap_seconds=0)).status_code == 201
    assert not await works(app, old)


async def test_an_overlap_gives_no_key_longer_than_it_had(build: Build, make: Make) -> None:
    expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    old = await make("read", expires_at=expires_at)
    new = (await rotate(build.rest, old)).json()
    assert (await build.get(f"api-keys/{old['id']}"))["expires_at"] == old["expires_at"]
    life = moment(new["expires_at"]) - moment(new["created_at"])
    assert abs(life - timedelta(hours=1)) < timedelta(minutes=1)


async def test_the_new_expiry_can_be_said(build: Build, make: Make) -> None:
    expires_at = "2030-01-01T00:00:00Z"
    new = (await rotate(build.rest, await make("read"), expires_at=expires_at)).json()
    assert moment(new["expires_at"]) == moment(expires_at)
    past = await rotate(build.rest, await make("read"), expires_at="2020-01-01T00:00:00Z")
    assert past.json()["code"] == "expiry-in-past"


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1, "60", 1.5, None, True])
async def test_an_overlap_beyond_reason_is_refused(
    build: Build, make: Make, seconds: object
) -> None:
    answer = await rotate(build.rest, await make("read"), overlap_seconds=seconds)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")


async def test_nothing_else_changes_with_a_rotation(build: Build, make: Make) -> None:
    answer = await rotate(build.rest, await make("read"), scopes=["admin"])
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown-field")


async def test_what_ended_is_not_rotated(build: Build, make: Make, database: Database) -> None:
    revoked, expired = await make("read"), await make("read")
    await build.post(f"api-keys/{revoked['id']}:revoke")
    async with database.transaction() as tx:
        past = "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = :id"
        await tx.execute(text(past), {"id": expired["id"]})
    for key in (revoked, expired):
        answer = await rotate(build.rest, key)
        assert (answer.status_code, answer.json()["code"]) == (409, "api-key-ended")
    unknown = await rotate(build.rest, {"id": uuid4()})
    assert unknown.json()["code"] == "api-key-not-found"


async def test_a_key_has_one_successor(build: Build, make: Make) -> None:
    old = await make("read")
    new = (await rotate(build.rest, old)).json()
    again = await rotate(build.rest, old)
    assert (again.status_code, again.json()["code"]) == (409, "already-rotated")
    assert again.json()["successor_id"] == new["id"]
    assert (await rotate(build.rest, new)).status_code == 201


async def test_a_successor_that_was_lost_is_revoked_and_made_anew(build: Build, make: Make) -> None:
    old = await make("read")
    lost = (await rotate(build.rest, old)).json()
    ends = (await build.get(f"api-keys/{old['id']}"))["expires_at"]
    await build.post(f"api-keys/{lost['id']}:revoke")
    new = await rotate(build.rest, old, overlap_seconds=86_400 * 3)
    assert new.status_code == 201
    assert new.json()["expires_at"] is None  # though the old one's days are counted by now
    assert (await build.get(f"api-keys/{old['id']}"))["expires_at"] == ends


async def test_of_many_rotations_at_once_one_is_done(build: Build, make: Make) -> None:
    old = await make("read")
    answers = await asyncio.gather(*(rotate(build.rest, old) for _ in range(8)))
    assert sorted(a.status_code for a in answers) == [201, *[409] * 7]
    assert {a.json()["code"] for a in answers if not a.is_success} == {"already-rotated"}
    listed = (await build.get("api-keys"))["data"]
    assert len([k for k in listed if k["replaces_id"] == old["id"]]) == 1


async def test_a_rotation_that_meets_a_revocation_leaves_no_key_by_surprise(
    build: Build, make: Make
) -> None:
    for _ in range(5):
        old = await make("read")
        rotated, revoked = await asyncio.gather(
            rotate(build.rest, old), build.rest.post(f"/v1/api-keys/{old['id']}:revoke")
        )
        assert revoked.status_code == 200
        assert rotated.status_code == 201 or rotated.json()["code"] == "api-key-ended"


async def test_a_rotation_leaves_an_event_at_both_keys(build: Build, make: Make) -> None:
    old = await make("read")
    new = (await rotate(build.rest, old)).json()
    [rotated, _] = (await build.get(f"audit-events?subject_id={old['id']}"))["data"]
    [created] = (await build.get(f"audit-events?subject_id={new['id']}"))["data"]
    assert (rotated["action"], rotated["before"]) == ("rotated", {"expires_at": None})
    assert (created["action"], created["after"]["replaces_id"]) == ("created", old["id"])
    assert new["key"] not in str(created)


async def test_a_person_who_lost_a_role_does_not_rotate_what_it_allowed(
    build: Build, make: Make, signed_in: SignIn
) -> None:
    person = await build.person()
    key = await make("admin", person_id=person["id"])
    async with signed_in(person) as me:
        refused = await rotate(me, key)
        assert (refused.status_code, refused.json()["permission"]) == (403, "administer")
        assert (await me.post(f"/v1/api-keys/{key['id']}:revoke")).status_code == 200

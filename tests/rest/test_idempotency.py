"""A POST repeated with its Idempotency-Key gets its first answer again."""

import asyncio

import httpx
from tests.build import Build


async def test_the_same_key_and_body_replays_the_first_answer(build: Build) -> None:
    headers = {"Idempotency-Key": "k1"}
    body = {"name": "A"}
    first = await build.rest.post("/v1/units", json=body, headers=headers)
    again = await build.rest.post("/v1/units", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (await build.get("units?count=exact"))["page"]["total"] == 1


async def test_the_same_key_with_another_body_is_refused(build: Build) -> None:
    headers = {"Idempotency-Key": "k1"}
    await build.rest.post("/v1/units", json={"name": "A"}, headers=headers)
    other = await build.rest.post("/v1/units", json={"name": "B"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    elsewhere = await build.rest.post("/v1/people", json={"name": "A"}, headers=headers)
    assert elsewhere.status_code == 422


async def test_a_failed_write_leaves_its_key_free(build: Build) -> None:
    headers = {"Idempotency-Key": "k1"}
    failed = await build.rest.post("/v1/units", json={"name": ""}, headers=headers)
    mended = await build.rest.post("/v1/units", json={"name": "A"}, headers=headers)
    assert (failed.status_code, mended.status_code) == (422, 201)


async def test_of_many_at_once_one_writes_and_none_doubles(build: Build) -> None:
    headers = {"Idempotency-Key": "k1"}
    calls = [build.rest.post("/v1/units", json={"name": "A"}, headers=headers) for _ in range(8)]
    answers = await asyncio.gather(*calls)
    codes = {answer.status_code for answer in answers}
    assert 201 in codes
    assert codes <= {201, 409}
    flying = [a.json()["code"] for a in answers if a.status_code == 409]
    assert set(flying) <= {"idempotency-key-in-flight"}
    assert len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    assert (await build.get("units?count=exact"))["page"]["total"] == 1


async def test_keys_of_two_tenants_do_not_meet(build: Build, other_rest: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    mine = await build.rest.post("/v1/units", json={"name": "A"}, headers=headers)
    theirs = await other_rest.post("/v1/units", json={"name": "B"}, headers=headers)
    assert (mine.status_code, theirs.status_code) == (201, 201)


async def test_a_key_that_is_no_key_is_refused(build: Build) -> None:
    for key in ("", "x" * 256):
        headers = {"Idempotency-Key": key}
        response = await build.rest.post("/v1/units", json={"name": "A"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (400, "invalid-idempotency-key")

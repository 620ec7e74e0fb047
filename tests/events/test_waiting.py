"""Waiting for events: told soon, by whichever process they come; nobody who may not know."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant

from okr_service.access.errors import InvalidCredential
from okr_service.access.policy import Principal
from okr_service.events.feed import Feed
from okr_service.events.wakeups import Wakeups
from okr_service.kernel.errors import DatabaseUnavailable

Json = dict[str, Any]  # what httpx gives


def feed_of(app: FastAPI) -> Feed:
    feed: Feed = app.state.service.feed
    return feed


@pytest.fixture(autouse=True)
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    yield
    await feed_of(app).close()


async def latest(rest: httpx.AsyncClient) -> str:
    found: str = (await rest.get("/v1/events?after=latest")).json()["page"]["next_cursor"]
    return found


async def test_an_event_of_another_process_ends_the_wait(
    start: Start, tenant: Tenant, build: Build
) -> None:
    other = start()
    cursor = await latest(build.rest)
    async with client(other, tenant.key) as waiting:
        began = monotonic()
        answer = asyncio.create_task(waiting.get(f"/v1/events?after={cursor}&wait=20"))
        await asyncio.sleep(0.5)
        assert not answer.done()
        unit = await build.unit()
        found = (await answer).json()
    assert 0.5 < monotonic() - began < 5
    assert [event["subject"] for event in found["data"]] == [f"units/{unit['id']}"]
    await feed_of(other).close()


async def test_what_is_not_wanted_does_not_end_the_wait(build: Build) -> None:
    cursor = await latest(build.rest)
    path = f"/v1/events?after={cursor}&wait=20&types=okr.person.created"
    answer = asyncio.create_task(build.rest.get(path))
    await asyncio.sleep(0.3)
    await build.unit()
    await asyncio.sleep(0.7)
    assert not answer.done()
    person = await build.person()
    found = (await answer).json()["data"]
    assert [event["subject"] for event in found] == [f"people/{person['id']}"]


async def test_a_wait_ends_with_nothing(build: Build) -> None:
    cursor, began = await latest(build.rest), monotonic()
    answer = await build.rest.get(f"/v1/events?after={cursor}&wait=0.6")
    assert 0.5 < monotonic() - began < 5
    assert answer.json() == {"data": [], "page": {"next_cursor": cursor, "has_more": False}}


async def test_a_wait_is_shorter_than_a_request_may_take(start: Start, tenant: Tenant) -> None:
    app, began = start(request_timeout_seconds=1.5), monotonic()
    async with client(app, tenant.key) as calling:
        answer = await calling.get("/v1/events?after=latest&wait=30")
    assert answer.status_code == 200
    assert monotonic() - began < 1.5
    await feed_of(app).close()


async def test_who_waits_holds_no_connection(start: Start, tenant: Tenant, build: Build) -> None:
    app = start(pool_size=1, pool_timeout_seconds=2)
    async with client(app, tenant.key) as calling:
        cursor = await latest(calling)
        path = f"/v1/events?after={cursor}&wait=20"
        waiting = [asyncio.create_task(calling.get(path)) for _ in range(40)]
        await asyncio.sleep(0.5)
        assert (await calling.get("/v1/units")).status_code == 200
        await build.unit()
        answers = await asyncio.gather(*waiting)
    assert {len(answer.json()["data"]) for answer in answers} == {1}
    await feed_of(app).close()


async def test_who_waited_is_asked_again_who_they_are(build: Build, app: FastAPI) -> None:
    made = await build.post("api-keys", name="Follower", scopes=["read"])
    cursor = await latest(build.rest)
    async with client(app, made["key"]) as calling:
        answer = asyncio.create_task(calling.get(f"/v1/events?after={cursor}&wait=20"))
        await asyncio.sleep(0.3)
        await build.post(f"api-keys/{made['id']}:revoke")
        await build.unit(name="Not to be told")
        refused = await answer
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid-credential")


async def test_a_follower_gets_each_event_until_they_may_not(
    app: FastAPI, tenant: Tenant, build: Build
) -> None:
    allowed = True

    async def recognise() -> Principal:
        if not allowed:
            raise InvalidCredential
        return tenant.who

    following = feed_of(app).follow(recognise, after=await latest(build.rest))
    for _ in range(3):
        asked = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.1)
        unit = await build.unit()
        assert (await asked).event["subject"] == f"units/{unit['id']}"
    allowed = False
    await build.unit()
    with pytest.raises(InvalidCredential):
        await anext(following)


async def test_events_are_found_again_once_the_database_is_back(tenant: Tenant) -> None:
    looks = iter((DatabaseUnavailable(), 1, 2))

    async def look(_: object) -> int:
        match next(looks):
            case int(place):
                return place
            case error:
                raise error

    wakeups = Wakeups(look, every=0.05)
    assert await wakeups.beyond(tenant.tenant_id, 1, 5)
    assert not await wakeups.beyond(tenant.tenant_id, 1, 0)
    await wakeups.close()


async def test_too_many_do_not_wait(tenant: Tenant) -> None:
    async def look(_: object) -> int:
        return 0

    wakeups = Wakeups(look, every=0.05, most=1)
    first = asyncio.create_task(wakeups.beyond(tenant.tenant_id, 0, 0.5))
    await asyncio.sleep(0)
    began = monotonic()
    assert not await wakeups.beyond(tenant.tenant_id, 0, 5)
    assert monotonic() - began < 0.4
    assert not await first
    await wakeups.close()


async def test_nobody_looks_while_nobody_waits(tenant: Tenant) -> None:
    looked = 0

    async def look(_: object) -> int:
        nonlocal looked
        looked += 1
        return 0

    wakeups = Wakeups(look, every=0.02)
    assert not await wakeups.beyond(tenant.tenant_id, 0, 0.1)
    await asyncio.sleep(0.1)
    before = looked
    await asyncio.sleep(0.1)
    assert looked == before > 0
    await wakeups.close()

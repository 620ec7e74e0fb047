"""Whatever writes at once: who reads the feed, and crashes, ends up with what is stored."""

import asyncio
import json
from random import Random

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.events.mirror import Mirror, consume
from tests.rollup.racing import EDITS, planted
from tests.rollup.test_concurrency import edited_at_once

from okr_service.checkins.service import record_check_in
from okr_service.checkins.shapes import NewCheckIn
from okr_service.events.feed import Feed
from okr_service.events.reads import Part
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref

_HOLDS_AN_ID = select(func.pg_current_xact_id())


def feed_of(app: FastAPI) -> Feed:
    feed: Feed = app.state.service.feed
    return feed


@pytest.mark.parametrize("seed", range(3))
async def test_consumers_that_crash_end_up_with_what_is_stored(
    app: FastAPI, start: Start, database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await _followed(app, start(), database, tenant, build, seed, 30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 106))
async def test_consumers_of_many_writes_end_up_with_what_is_stored(
    app: FastAPI, start: Start, database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    await _followed(app, start(), database, tenant, build, seed, 200)


async def _followed(
    app: FastAPI,
    other: FastAPI,
    database: Database,
    tenant: Tenant,
    build: Build,
    seed: int,
    edits: int,
) -> None:
    finished, feeds = asyncio.Event(), (feed_of(app), feed_of(other))
    following = [
        asyncio.create_task(consume(feeds[n % 2], tenant.who, Random(f"{seed}/{n}"), finished))
        for n in range(4)
    ]
    tree = await planted(database, tenant, build, seed)
    await edited_at_once(database, tree, edits, EDITS)
    finished.set()
    mirrors: list[Mirror] = await asyncio.gather(*following)

    first = mirrors[0]
    places = [int(cursor.partition("-")[0]) for cursor in first.read]
    assert places == list(range(1, len(places) + 1))
    assert all(mirror.read == first.read for mirror in mirrors)
    async with database.reading(tenant.tenant_id) as connection:
        await first.compare(connection, tenant.tenant_id)
    for feed in feeds:
        await feed.close()


async def test_a_transaction_that_is_late_comes_later_and_holds_nothing_up(
    app: FastAPI, database: Database, tenant: Tenant, build: Build
) -> None:
    early, late = await build.key_result(), await build.key_result()
    feed, who = feed_of(app), tenant.who
    start = str((await feed.read(who, EventsWanted(after="latest"))).until)
    async with database.transaction() as tx:
        # Has its transaction id, and its events' order, before the other begins.
        await record_check_in(tx, who, _report(late["id"]))
        await build.check_in(early, 1)
        found = await feed.read(who, EventsWanted(after=start))
        assert _subjects(found) == {early["id"], early["objective_id"]}
        assert not found.has_more
    then = await feed.read(who, EventsWanted(after=str(found.until)))
    assert _subjects(then) == {late["id"], late["objective_id"]}


async def test_changes_of_one_thing_come_in_the_order_they_were_made(
    app: FastAPI, database: Database, tenant: Tenant, build: Build
) -> None:
    # The root is moved last by whoever wrote first: transaction ids would say otherwise.
    root = await build.objective()
    first, second = [
        await build.key_result(await build.objective(parent_id=root["id"])) for _ in range(2)
    ]
    feed, who = feed_of(app), tenant.who
    start = str((await feed.read(who, EventsWanted(after="latest"))).until)
    async with database.transaction() as tx:
        await tx.execute(_HOLDS_AN_ID)
        await build.check_in(first, 100)
        await record_check_in(tx, who, _report(second["id"]))
    found = await feed.read(who, EventsWanted(after=start, limit=1000))
    moved = [
        event["data"]
        for event in json.loads(b"[" + found.data + b"]")
        if event["subject"] == f"objectives/{root['id']}"
    ]
    assert [(each["before"]["progress"], each["after"]["progress"]) for each in moved] == [
        (0, 0.5),
        (0.5, 0.505),
    ]


def _report(key_result: str) -> NewCheckIn:
    return NewCheckIn(key_result_id=Ref(key_result), value=1)


def _subjects(part: Part) -> set[str]:
    subjects = [str(each.event["subject"]).split("/") for each in part.events()]
    return {row_id for kind, row_id in subjects if kind != "check-ins"}

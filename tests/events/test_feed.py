"""What is read from the feed, over REST."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.build import Build
from tests.conftest import Tenant

from okr_service.events import feed as feed_module
from okr_service.events.feed import Feed
from okr_service.events.model import Event
from okr_service.kernel.database import Database

Json = dict[str, Any]  # what httpx gives


async def read(rest: httpx.AsyncClient, **asked: str | int) -> Json:
    response = await rest.get("/v1/events", params=asked)
    assert response.is_success, response.text
    found: Json = response.json()
    return found


async def test_a_check_in_tells_of_all_it_moved(build: Build, tenant: Tenant) -> None:
    above = await build.objective()
    objective = await build.objective(parent_id=above["id"])
    key_result = await build.key_result(objective)
    start = (await read(build.rest, after="latest"))["page"]["next_cursor"]

    check_in = await build.check_in(key_result, 50, confidence="at_risk")

    found = await read(build.rest, after=start)
    assert [(event["type"], event["subject"]) for event in found["data"]] == [
        ("okr.check_in.recorded", f"check-ins/{check_in['id']}"),
        ("okr.key_result.progressed", f"key-results/{key_result['id']}"),
        ("okr.objective.progressed", f"objectives/{objective['id']}"),
        ("okr.objective.progressed", f"objectives/{above['id']}"),
    ]
    recorded, reported, moved, _ = found["data"]
    assert recorded["specversion"] == "1.0"
    assert recorded["source"] == f"urn:uuid:{tenant.tenant_id}"
    assert recorded["data"]["after"]["value"] == "50"
    assert reported["data"]["after"]["current_value"] == "50"
    assert reported["data"]["after"]["confidence"] == "at_risk"
    assert moved["data"] == {"before": {"progress": 0}, "after": {"progress": 0.5}}
    assert found["page"] == {"next_cursor": found["data"][-1]["cursor"], "has_more": False}


async def test_pages_follow_one_another_and_begin_with_the_oldest(build: Build) -> None:
    for _ in range(7):
        await build.unit()
    whole = (await read(build.rest))["data"]
    assert [event["type"] for event in whole].count("okr.unit.created") == 7
    part = await read(build.rest, limit=2)
    parts = part["data"]
    while part["page"]["has_more"]:
        part = await read(build.rest, limit=2, after=part["page"]["next_cursor"])
        parts += part["data"]
    assert parts == whole


async def test_from_any_event_on(build: Build) -> None:
    units = [await build.unit() for _ in range(3)]
    events = (await read(build.rest, types="okr.unit.created"))["data"]
    assert [event["subject"] for event in events] == [f"units/{unit['id']}" for unit in units]
    after_first = await read(build.rest, after=events[0]["cursor"], types="okr.unit.created")
    assert after_first["data"] == events[1:]


async def test_only_some_types(build: Build) -> None:
    await build.check_in(await build.key_result(), 1)
    wanted = ("okr.check_in.recorded", "okr.cycle.created")
    both = (await read(build.rest, types=",".join(wanted)))["data"]
    assert [event["type"] for event in both] == [wanted[1], wanted[0]]
    repeated = await build.rest.get("/v1/events", params={"types": wanted})
    assert repeated.json()["data"] == both


async def test_what_nobody_wanted_is_gone_past(build: Build) -> None:
    await build.unit()
    found = await read(build.rest, types="okr.check_in.voided")
    assert found["data"] == []
    assert not found["page"]["has_more"]
    assert (await read(build.rest, after=found["page"]["next_cursor"]))["data"] == []


async def test_a_feed_without_events_has_a_cursor(build: Build) -> None:
    latest = await read(build.rest, after="latest")
    assert latest["data"] == []
    again = await read(build.rest, after=latest["page"]["next_cursor"])
    assert again == latest
    await build.unit()
    assert len((await read(build.rest, after=latest["page"]["next_cursor"]))["data"]) == 1


async def test_each_has_their_own_feed(build: Build, other_rest: httpx.AsyncClient) -> None:
    cursor = (await read(build.rest, after="latest"))["page"]["next_cursor"]
    await build.unit(name="Only ours")
    assert "Only ours" not in (await other_rest.get("/v1/events")).text
    strange = await other_rest.get("/v1/events", params={"after": cursor[:-1] + "f"})
    assert strange.status_code in (200, 410)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "1", "-1-000000000000", "1-00000000000g", "01-000000000000", "１-000000000000",
     "9" * 30 + "-000000000000", "latest ", "1-000000000000\n"],
)  # fmt: skip
async def test_what_is_no_cursor_is_refused(rest: httpx.AsyncClient, cursor: str) -> None:
    refused = await rest.get("/v1/events", params={"after": cursor})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-cursor")


@pytest.mark.parametrize(
    "asked",
    [{"types": "okr.unit.exploded"}, {"wait": "-1"}, {"wait": "31"}, {"wait": "nan"},
     {"limit": 0}, {"limit": 1001}, {"cursor": "1"}, {"after": "a\0"}],
)  # fmt: skip
async def test_what_cannot_be_asked_is_named(rest: httpx.AsyncClient, asked: Json) -> None:
    refused = await rest.get("/v1/events", params=asked)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-query")


async def test_a_cursor_of_what_never_was_here_is_told(build: Build) -> None:
    await build.unit()
    known = (await read(build.rest))["page"]["next_cursor"]
    place, _, mark = known.partition("-")
    other = "f" * 12 if mark != "f" * 12 else "e" * 12
    for cursor in (f"{place}-{other}", f"{int(place) + 5}-{mark}"):
        refused = await build.rest.get("/v1/events", params={"after": cursor})
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor-of-another-feed")


async def test_what_is_too_old_is_forgotten_and_told(
    app: FastAPI, database: Database, tenant: Tenant, build: Build
) -> None:
    feed: Feed = app.state.service.feed
    await build.unit()
    old = await read(build.rest)
    await build.unit()  # nobody has read this one, and it is too old, too
    await _make_older(database, tenant, timedelta(days=15))
    new = await build.unit()

    assert await feed.forget(tenant.tenant_id) == len(old["data"]) + 1
    assert await feed.forget(tenant.tenant_id) == 0

    kept = await read(build.rest)
    assert [event["subject"] for event in kept["data"]] == [f"units/{new['id']}"]
    for cursor in (old["page"]["next_cursor"], old["data"][0]["cursor"], "0-000000000000"):
        refused = await build.rest.get("/v1/events", params={"after": cursor})
        assert (refused.status_code, refused.json()["code"]) == (410, "events-forgotten")
    await _make_older(database, tenant, timedelta(days=15))
    assert await feed.forget(tenant.tenant_id) == 1
    # Whoever had read it all goes on, though it is all gone.
    rest = await read(build.rest, after=kept["page"]["next_cursor"])
    assert rest["data"] == []
    await build.unit()
    assert len((await read(build.rest, after=rest["page"]["next_cursor"]))["data"]) == 1


async def _make_older(database: Database, tenant: Tenant, by: timedelta) -> None:
    async with database.transaction() as tx:
        older = update(Event).where(Event.tenant_id == tenant.tenant_id)
        await tx.execute(older.values(occurred_at=Event.occurred_at - by))


async def test_what_events_say_of_a_person_is_erased_with_them(build: Build) -> None:
    person = await build.person(name="Trần Văn Xóa", email="xoa@saomai.example")
    await build.rest.patch(f"/v1/people/{person['id']}", json={"job_title": "Kế toán Xóa"})
    before = await read(build.rest)
    assert "Trần Văn Xóa" in str(before["data"])
    await build.person(name="Somebody else")
    await build.post(f"people/{person['id']}:erase")
    after = await read(build.rest)
    assert "Xóa" not in str(after["data"])
    assert "xoa@" not in str(after["data"])
    assert "Somebody else" in str(after["data"])
    of_them = [e for e in after["data"] if e["subject"] == f"people/{person['id']}"]
    assert [event["type"] for event in of_them] == [
        "okr.person.created",
        "okr.person.updated",
        "okr.person.erased",
    ]
    assert [event["data"] for event in of_them] == [{"before": None, "after": None}] * 3


async def test_in_an_import_things_are_created_before_they_progress(build: Build) -> None:
    rows = (
        "unit,cycle,objective,objective_title,key_result,key_result_title,target,current,"
        "action,action_state\n"
        "U,2026,O-1,Objective,KR1,Key result,100,40,Ring,done\n"
        "U,2026,O-1,Objective,KR2,Key result,100,60,,\n"
    )
    headers = {"Content-Type": "text/csv"}
    loaded = await build.rest.post("/v1/imports?mode=commit", content=rows, headers=headers)
    assert loaded.is_success, loaded.text
    seen: set[str] = set()
    events = (await read(build.rest, limit=1000))["data"]
    for event in events:
        is_first = event["type"].split(".")[2] in ("created", "recorded")
        assert is_first != (event["subject"] in seen), event
        seen.add(event["subject"])
    assert events[-1]["type"] == "okr.objective.progressed"
    assert events[-1]["data"]["after"] == {"progress": 0.5}


async def test_a_dry_run_and_a_refusal_leave_no_events(build: Build) -> None:
    cursor = (await read(build.rest, after="latest"))["page"]["next_cursor"]
    rows = "unit,cycle,objective,objective_title\nU,2026,O-1,Objective\n"
    headers = {"Content-Type": "text/csv"}
    await build.rest.post("/v1/imports?mode=dry_run", content=rows, headers=headers)
    await build.rest.post("/v1/units", json={"name": ""})
    assert (await read(build.rest, after=cursor))["data"] == []


async def test_from_now_on_is_after_all_that_waits_for_its_place(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PLACED_AT_ONCE", 3)
    for _ in range(5):
        await build.unit()
    start = (await read(build.rest, after="latest"))["page"]["next_cursor"]
    assert (await read(build.rest, after=start))["data"] == []

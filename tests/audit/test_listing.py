"""Audit events are listed with filters, shown one by one, and exported as they are."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.access.test_access import key_with
from tests.build import Build
from tests.calling import client
from tests.conftest import API_KEY_SECRET, BOOTSTRAP_KEY, Tenant

from okr_service.access.policy import Principal
from okr_service.audit.reads import exported
from okr_service.audit.service import Change, record
from okr_service.kernel.database import Database
from okr_service.kernel.model import new_id
from okr_service.main import create_app
from okr_service.settings import Settings

Json = dict[str, Any]  # what httpx gives
_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_EXPORT = "/v1/audit-events:export"


@pytest.fixture
async def events(database: Database, tenant: Tenant) -> list[UUID]:
    """Leave five events of three credentials, the first two of a person; returns their subjects."""
    subjects, person = [new_id() for _ in range(5)], new_id()
    calls = [
        (Principal(tenant.tenant_id, "erp", {}, "req-1", person), "created", "unit"),
        (Principal(tenant.tenant_id, "erp", {}, "req-2", person), "updated", "unit"),
        (Principal(tenant.tenant_id, "hr", {}, "req-2"), "created", "person"),
        (Principal(tenant.tenant_id, "hr", {}, "req-3"), "deleted", "cycle"),
        (Principal(tenant.tenant_id, "cli", {}, "req-4"), "repaired", "objective"),
    ]
    for subject_id, (who, action, subject) in zip(subjects, calls, strict=True):
        async with database.transaction() as tx:
            await record(tx, who, Change(action, subject, subject_id, after={"name": "A"}))
    return subjects


async def _found(rest: httpx.AsyncClient, query: str) -> list[int]:
    """Return the places of what is listed, and make sure that as much is exported."""
    listed = (await rest.get(f"/v1/audit-events?{query}")).json()["data"]
    exported = await _lines(rest, query)
    assert [line["id"] for line in exported] == [event["id"] for event in reversed(listed)]
    return [event["place"] for event in listed]


async def _lines(rest: httpx.AsyncClient, query: str = "") -> list[Json]:
    answer = await rest.get(f"{_EXPORT}?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("credential=erp", [2, 1]),
        ("credential=nobody", []),
        ("request_id=req-2", [3, 2]),
        ("subject=unit,cycle", [4, 2, 1]),
        ("subject=unit&subject=person", [3, 2, 1]),
        ("action=created", [3, 1]),
        ("action=created,deleted&credential=hr", [4, 3]),
        ("actor_id={actor}", [2, 1]),
        ("actor_id={nobody}", []),
        ("subject_id={third}", [3]),
        ("occurred_from={second_at}", [5, 4, 3, 2]),
        ("occurred_until={second_at}", [1]),
        ("occurred_from={second_at}&occurred_until={fourth_at}", [3, 2]),
    ],
)
async def test_filters(
    rest: httpx.AsyncClient, events: list[UUID], query: str, places: list[int]
) -> None:
    all_of_them = (await rest.get("/v1/audit-events?sort=occurred_at")).json()["data"]
    facts = {
        "actor": all_of_them[0]["actor_id"],
        "nobody": events[0],
        "third": events[2],
        "second_at": all_of_them[1]["occurred_at"].replace("+", "%2B"),
        "fourth_at": all_of_them[3]["occurred_at"].replace("+", "%2B"),
    }
    assert await _found(rest, query.format(**facts)) == places


@pytest.mark.usefixtures("events")
async def test_pages_go_by_time(rest: httpx.AsyncClient) -> None:
    places: list[int] = []
    path = "/v1/audit-events?limit=2"
    while True:
        page = (await rest.get(path)).json()
        places += [event["place"] for event in page["data"]]
        if not page["page"]["has_more"]:
            break
        path = f"/v1/audit-events?limit=2&cursor={page['page']['next_cursor']}"
    assert places == [5, 4, 3, 2, 1]


@pytest.mark.usefixtures("events")
async def test_one_event_is_shown_as_in_the_list(rest: httpx.AsyncClient) -> None:
    for event in (await rest.get("/v1/audit-events")).json()["data"]:
        shown = await rest.get(f"/v1/audit-events/{event['id']}")
        assert (shown.status_code, shown.json()) == (200, event)
        again = {"If-None-Match": shown.headers["etag"]}
        path = f"/v1/audit-events/{event['id']}"
        assert (await rest.get(path, headers=again)).status_code == 304


async def test_no_such_event(rest: httpx.AsyncClient) -> None:
    for event_id, status, code in (
        (new_id(), 404, "audit-event-not-found"),
        ("none", 400, "invalid-query"),
    ):
        answer = await rest.get(f"/v1/audit-events/{event_id}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_another_tenant_s_events_are_not_there(
    rest: httpx.AsyncClient, other_rest: httpx.AsyncClient, build: Build
) -> None:
    await build.unit()
    [event] = (await rest.get("/v1/audit-events")).json()["data"]
    assert (await other_rest.get(f"/v1/audit-events/{event['id']}")).status_code == 404
    assert (await other_rest.get("/v1/audit-events")).json()["data"] == []
    assert await _lines(other_rest) == []
    assert (await other_rest.get(_EXPORT)).content == b""


async def test_who_may_read_them(app: FastAPI, rest: httpx.AsyncClient) -> None:
    for scope in ("read", "plan", "check_in", "organisation", "audit", "admin"):
        async with client(app, await key_with(rest, scope)) as calling:
            for path in ("/v1/audit-events", f"/v1/audit-events/{new_id()}", _EXPORT):
                answer = await calling.get(path)
                assert (answer.status_code != 403) == (scope in ("audit", "admin")), (scope, path)


async def test_an_auditor_s_key_reads_nothing_else_and_writes_nothing(
    app: FastAPI, rest: httpx.AsyncClient
) -> None:
    async with client(app, await key_with(rest, "audit")) as auditor:
        for path in ("objectives", "units", "people", "api-keys", "tenant", "check-ins"):
            assert (await auditor.get(f"/v1/{path}")).status_code == 403, path
        assert (await auditor.post("/v1/units", json={"name": "A"})).status_code == 403
        erase = await auditor.post(f"/v1/people/{new_id()}:erase")
        assert erase.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "limit=2",
        "sort=id",
        "occurred_since=2026-01-01",
        "actor_id=x",
        "credential=%00",
        "subject=%00",
        "occurred_from=9999-01-01T00:00:00Z",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_before_anything_is_sent(
    rest: httpx.AsyncClient, query: str
) -> None:
    refused = await rest.get(f"{_EXPORT}?{query}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-query")


async def test_an_export_in_another_form_is_refused(rest: httpx.AsyncClient) -> None:
    refused = await rest.get(_EXPORT, headers={"Accept": "text/csv"})
    assert refused.status_code == 406
    for accepted in ("application/x-ndjson", "*/*", "application/*"):
        assert (await rest.get(_EXPORT, headers={"Accept": accepted})).status_code == 200


async def test_without_a_database_an_export_is_refused_and_not_cut_short() -> None:
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        bootstrap_api_key=BOOTSTRAP_KEY,
        api_key_secret=API_KEY_SECRET,
    )
    async with client(create_app(settings), BOOTSTRAP_KEY) as calling:
        refused = await calling.get(_EXPORT)
    assert (refused.status_code, refused.json()["code"]) == (503, "database-unavailable")


async def test_an_export_of_many_parts_is_whole(
    database: Database, tenant: Tenant, rest: httpx.AsyncClient
) -> None:
    for many in (999, 1, 1, 1499):
        async with database.transaction() as tx:
            changes = [Change("created", "unit", new_id()) for _ in range(many)]
            await record(tx, tenant.who, *changes)
        places = [line["place"] for line in await _lines(rest)]
        assert places == list(range(1, len(places) + 1))
    assert len(places) == 2500


async def test_an_export_holds_no_connection_between_its_parts(
    database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as tx:
        await record(tx, tenant.who, *(Change("created", "unit", new_id()) for _ in range(5)))
    slow = [exported(database, tenant.tenant_id, [], 2) for _ in range(30)]
    for parts in slow:
        assert (await anext(parts)).count(b"\n") == 2
    async with asyncio.timeout(5), database.reading() as connection:
        assert await connection.scalar(text("SELECT true"))
    assert [len([part async for part in parts]) for parts in slow] == [2] * 30


async def test_an_export_leaves_out_what_comes_after_it_began(
    database: Database, tenant: Tenant
) -> None:
    async with database.transaction() as late:
        await record(late, tenant.who, Change("created", "unit", new_id()))  # in a lane of its own
        async with database.transaction() as tx:
            await record(tx, tenant.who, *(Change("created", "unit", new_id()) for _ in range(2)))
        parts = exported(database, tenant.tenant_id, [], 2)
        first = await anext(parts)
    async with database.transaction() as tx:
        await record(tx, tenant.who, Change("created", "unit", new_id()))
    lines = (first + b"".join([part async for part in parts])).decode().split("\n")[:-1]
    by_lane: dict[int, list[int]] = {}
    for line in map(json.loads, lines):
        by_lane.setdefault(line["lane"], []).append(line["place"])
    assert all(places == list(range(1, len(places) + 1)) for places in by_lane.values())
    assert len(lines) < 4


async def test_the_window_of_an_export_is_half_open(rest: httpx.AsyncClient, build: Build) -> None:
    for _ in range(3):
        await build.unit()
    moments = [
        datetime.fromisoformat(event["occurred_at"]).astimezone(UTC) for event in await _lines(rest)
    ]
    windows = [*moments, moments[-1] + timedelta(seconds=1)]
    for start, end in pairwise(windows):
        window = f"occurred_from={start:{_ISO}}&occurred_until={end:{_ISO}}"
        assert len(await _lines(rest, window)) == 1

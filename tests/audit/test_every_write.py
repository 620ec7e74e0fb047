"""Every operation that writes leaves its events; one that fails leaves none."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.audit.walked import assert_chained
from tests.build import Build
from tests.conftest import Tenant
from tests.contracts.test_documents import OPERATIONS
from tests.feeds import feeding

from okr_service.checkins.service import record_check_in
from okr_service.checkins.shapes import NewCheckIn
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import new_id

Json = dict[str, Any]  # what httpx gives

_REQUEST = "audited-1"
_WRITES_NOTHING = {"simulate", "cancel_import"}  # to the plan
# What the tests of tenants, keys, issuers, webhooks and calendars look at.
_ELSEWHERE = {
    *("create_tenant", "create_api_key", "rotate_api_key", "revoke_api_key"),
    *(f"{verb}_identity_provider" for verb in ("create", "put", "patch", "delete")),
    *("check_identity_provider", "prove_identity_provider"),
    *(f"{verb}_webhook" for verb in ("create", "put", "patch", "delete", "ping", "replay")),
    *("rotate_webhook_secret", "replay_webhook_delivery"),
    *("create_calendar", "delete_calendar"),
}
_WRITING = {
    operation["operationId"]: (method, path)
    for path, method, operation in OPERATIONS
    if path.startswith("/v1") and method != "get"
}
_CREATED, _UPDATED, _DELETED = "created", "updated", "deleted"


@dataclass(frozen=True)
class Ground:
    """Some of each thing, none of which anything hinders from being changed or deleted."""

    unit: str = ""
    spare_unit: str = ""
    person: str = ""
    owner: str = ""
    cycle: str = ""
    spare_cycle: str = ""
    objective: str = ""
    above: str = ""
    draft: str = ""
    closed: str = ""
    key_result: str = ""
    by_actions: str = ""
    plan: str = ""
    spare_plan: str = ""
    action: str = ""
    check_in: str = ""
    feed: str = ""
    spare_feed: str = ""
    mapping: str = ""
    unmapped: str = ""


@dataclass(frozen=True)
class Write:
    """What an operation is asked, about which thing; and the events that this leaves."""

    body: Json | bytes | None
    events: set[tuple[str, str]]  # action and subject
    about: str = ""
    refused: Json | bytes | None = None  # what it refuses; else it is asked about nothing


def _of_one(kind: str, about: str, put: Json, patch: Json, spare: str = "") -> dict[str, Write]:
    """Return the three operations that are alike for every kind of thing."""
    changed = {(_UPDATED, kind)}
    return {
        f"put_{kind}": Write(put, changed, about, {"none": 1}),
        f"patch_{kind}": Write(patch, changed, about, {"none": 1}),
        f"delete_{kind}": Write(None, {(_DELETED, kind)}, spare or about),
    }


def _creating(kind: str, new: Json) -> Write:
    return Write(new, {(_CREATED, kind)}, refused={**new, "none": 1})


def _writes(of: Ground) -> dict[str, Write]:
    year = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
    month = {"start_date": "2026-09-01", "end_date": "2026-09-30"}
    cycle = {"code": "C-1", **year}
    objective = {"title": "O", "unit_id": of.unit, "cycle_id": of.cycle}
    key_result = {"title": "K", "target_value": "9"}
    plan = {"title": "P", **month}
    action = {"title": "A", "action_plan_id": of.plan}
    with_plan = {"plan": [{"date": "2026-06-30", "value": "5"}]}
    return {
        "create_unit": _creating("unit", {"name": "U"}),
        **_of_one("unit", of.unit, {"name": "V"}, {"name": "W"}, of.spare_unit),
        "create_person": _creating("person", {"name": "P"}),
        **_of_one("person", of.person, {"name": "Q"}, {"name": "R"}),
        "assign_role": Write(
            {"role": "planner"}, {(_UPDATED, "person")}, of.person, {"role": "king"}
        ),
        "hand_over": Write(
            {"to_id": of.person},
            {(_UPDATED, kind) for kind in ("objective", "key_result", "action_plan", "action")},
            of.owner,
            {"to_id": of.owner},
        ),
        "erase_person": Write(None, {("erased", "person")}, of.person),
        "put_tenant": Write({"name": "T"}, {(_UPDATED, "tenant")}, refused={}),
        "patch_tenant": Write({"name": "T"}, {(_UPDATED, "tenant")}, refused={"none": 1}),
        "create_cycle": _creating("cycle", cycle),
        **_of_one("cycle", of.cycle, cycle, {"cadence": "weekly"}, of.spare_cycle),
        "create_objective": _creating("objective", objective),
        **_of_one("objective", of.objective, objective, {"weight": 3}),
        "create_key_result": _creating("key_result", {**key_result, "objective_id": of.objective}),
        "create_key_result_of_objective": Write(
            key_result, {(_CREATED, "key_result")}, of.objective, {"none": 1}
        ),
        **_of_one("key_result", of.key_result, key_result, with_plan),
        "create_action_plan": _creating("action_plan", {**plan, "key_result_id": of.key_result}),
        "create_action_plan_of_key_result": Write(
            plan, {(_CREATED, "action_plan")}, of.key_result, {"none": 1}
        ),
        **_of_one("action_plan", of.plan, plan, {"title": "Q"}, of.spare_plan),
        "create_action": _creating("action", action),
        **_of_one("action", of.action, action, {"state": "done"}),
        **_of_life(of),
        **_of_check_ins(of),
        **_of_feeds(of),
        "import_file": Write(
            b"unit,cycle,objective,objective_title\nU1,2026-Q1,O1,T\n",
            {(_CREATED, subject) for subject in ("unit", "cycle", "objective")},
            refused=b"unit,cycle,objective,objective_title\nU1,2026-Q1,O1,\n",
        ),
    }


def _of_life(of: Ground) -> dict[str, Write]:
    changed = {(_UPDATED, "objective")}
    carried = {(_CREATED, "objective"), (_CREATED, "key_result"), *changed}
    none = {"none": 1}
    return {
        "delete_objective": Write(
            None, {(_DELETED, "objective"), (_DELETED, "key_result")}, of.objective
        ),
        "align_objective": Write({"parent_id": of.above}, changed, of.objective, none),
        "activate_objective": Write(None, changed, of.draft),
        "close_objective": Write({"final_score": "0.5"}, changed, of.objective, none),
        "reopen_objective": Write(None, changed, of.closed),
        "cancel_objective": Write(None, changed, of.objective),
        "carry_over_objective": Write({"cycle_id": of.spare_cycle}, carried, of.objective, none),
        "close_cycle": Write(
            {"carry_over_to": of.spare_cycle, "retrospective": "late"},
            {*carried, ("closed", "cycle")},
            of.cycle,
            none,
        ),
        "reopen_cycle": Write(None, {("open", "cycle")}, of.cycle),
    }


def _of_feeds(of: Ground) -> dict[str, Write]:
    feed = {"name": "F", "source": "erp"}
    mapping = {"metric": "n", "feed_id": of.feed}
    anew = {**mapping, "key_result_id": of.unmapped}
    reading = {"metric": "m", "observed_at": "2026-01-05T00:00:00Z", "reading_id": "r"}
    sent = {"readings": [{**reading, "value": "9"}]}
    # As one reading was sent already, mapping it reports it, and what was reported is corrected.
    mapped = {(_UPDATED, "feed_mapping"), (_CREATED, "check_in"), ("voided", "check_in")}
    edits = _of_one(
        "feed_mapping",
        of.mapping,
        {"metric": "m", "key_result_id": of.key_result, "offset": "3"},
        {"factor": "2"},
    )
    return {
        "create_feed": _creating("feed", feed),
        **_of_one("feed", of.feed, feed, {"utc_offset_minutes": 420}, of.spare_feed),
        "create_feed_mapping": _creating("feed_mapping", anew),
        "create_feed_mapping_of_feed": Write(
            {"metric": "n", "key_result_id": of.unmapped},
            {(_CREATED, "feed_mapping")},
            of.feed,
            {"none": 1},
        ),
        **edits,
        "put_feed_mapping": replace(edits["put_feed_mapping"], events=mapped),
        "patch_feed_mapping": replace(edits["patch_feed_mapping"], events=mapped),
        "send_readings": Write(
            sent,
            {("received", "feed"), (_CREATED, "check_in"), ("voided", "check_in")},
            of.feed,
            {"readings": [{**reading, "value": "NaN"}]},
        ),
        "replay_feed": Write(None, {(_CREATED, "check_in")}, of.feed),
    }


def _of_check_ins(of: Ground) -> dict[str, Write]:
    report = {"key_result_id": of.key_result, "value": "5"}
    other = {"key_result_id": "external:NONE", "value": "5"}
    recorded, voided = {(_CREATED, "check_in")}, {("voided", "check_in")}
    corrected = {**report, "voids_id": of.check_in}
    return {
        "record_check_in": Write(corrected, recorded | voided, refused=other),
        "record_check_ins": Write(
            {"check_ins": [report, report]}, recorded, refused={"check_ins": [report, other]}
        ),
        "void_check_in": Write({"reason": "wrong"}, voided, of.check_in, {"reason": ""}),
    }


@pytest.fixture
async def ground(build: Build) -> Ground:
    """Make some of each thing."""
    owner = (await build.person())["id"]
    owned = await build.objective(owner_id=owner)
    all_along = {"owner_id": owner}
    planned = await build.action_plan(await build.key_result(owned, **all_along), **all_along)
    await build.action(planned, **all_along)
    objective = await build.objective()
    key_result = await build.key_result(objective)
    by_actions = await build.key_result(objective, metric="actions")
    plan = await build.action_plan(key_result)
    feed = await feeding.feed(build)
    mapping = await feeding.mapping(build, feed, key_result, metric="m")
    await feeding.send(build, feed, feeding.reading(5, 4, metric="m"))
    return Ground(
        unit=objective["unit_id"],
        spare_unit=(await build.unit())["id"],
        person=(await build.person())["id"],
        owner=owner,
        cycle=objective["cycle_id"],
        spare_cycle=(await build.cycle())["id"],
        objective=objective["id"],
        above=(await build.objective())["id"],
        draft=(await build.objective(state="draft"))["id"],
        closed=(await build.objective(state="closed"))["id"],
        key_result=key_result["id"],
        by_actions=by_actions["id"],
        plan=plan["id"],
        spare_plan=(await build.action_plan(by_actions))["id"],
        action=(await build.action(plan))["id"],
        check_in=(await build.check_in(key_result, 4))["id"],
        feed=feed["id"],
        spare_feed=(await feeding.feed(build))["id"],
        mapping=mapping["id"],
        unmapped=(await build.key_result(objective))["id"],
    )


_NAMES = list(_writes(Ground()))


def test_every_operation_that_writes_is_looked_at() -> None:
    assert set(_WRITING) == {*_NAMES, *_WRITES_NOTHING, *_ELSEWHERE}


async def _send(
    rest: httpx.AsyncClient, name: str, about: str, body: Json | bytes | None
) -> httpx.Response:
    method, path = _WRITING[name]
    path, headers = path.replace("{ref}", about), {"X-Request-ID": _REQUEST}
    if isinstance(body, bytes):
        headers |= {"Content-Type": "text/csv"}
        for_real = {"mode": "commit"}
        return await rest.request(method, path, params=for_real, content=body, headers=headers)
    return await rest.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("name", _NAMES)
async def test_it_leaves_its_events(
    database: Database, tenant: Tenant, build: Build, ground: Ground, name: str
) -> None:
    write = _writes(ground)[name]
    if name == "reopen_cycle":
        await build.post(f"cycles/{ground.cycle}:close")
    if name == "replay_feed":
        [said] = (await build.get("check-ins?source=feed"))["data"]
        await build.post(f"check-ins/{said['id']}:void", reason="to be said again")
    [key] = (await build.get("api-keys"))["data"]

    done = await _send(build.rest, name, write.about, write.body)

    assert done.is_success, done.text
    found = (await build.get(f"audit-events?request_id={_REQUEST}&limit=200"))["data"]
    assert {(event["action"], event["subject"]) for event in found} == write.events
    assert {(event["credential"], event["actor_id"]) for event in found} == {(key["id"], None)}
    for event in found:
        _require_telling(event["action"], event["before"], event["after"])
    told = {event["id"]: event for event in (await build.get("events?limit=1000"))["data"]}
    for event in found:  # others are told the same
        assert told[event["id"]]["subject"].endswith((event["subject_id"], event["subject"]))
        assert told[event["id"]]["data"] == {name: event[name] for name in ("before", "after")}
    await assert_chained(database, tenant.tenant_id)


def _require_telling(action: str, before: Json | None, after: Json | None) -> None:
    match action:
        case "created" | "voided" | "received":
            assert before is None
            assert after
        case "deleted":
            assert before
            assert after is None
        case "erased":
            assert (before, after) == (None, None)
        case _:
            assert before is not None
            assert after is not None
            assert before.keys() == after.keys()
            assert all(before[name] != after[name] for name in before)


@pytest.mark.parametrize("name", _NAMES)
async def test_failing_it_leaves_none(build: Build, ground: Ground, name: str) -> None:
    write = _writes(ground)[name]
    about = write.about if write.refused is not None else str(new_id())

    refused = await _send(build.rest, name, about, write.refused)

    assert 400 <= refused.status_code < 500, refused.text
    assert (await build.get(f"audit-events?request_id={_REQUEST}"))["data"] == []


async def test_a_dry_run_and_a_simulation_leave_none(build: Build, ground: Ground) -> None:
    before = (await build.get("audit-events?limit=200"))["data"]
    csv = {"Content-Type": "text/csv"}
    content = b"unit,cycle,objective,objective_title\nU1,2026-Q1,O1,T\n"
    tried = await build.rest.post("/v1/imports?mode=dry_run", content=content, headers=csv)
    assert tried.json()["counts"]["created"] == 1
    await build.post(f"cycles/{ground.cycle}:close?mode=dry_run", carry_over_to=ground.spare_cycle)
    await build.post("rollup:simulate", changes=[{"delete_objective": ground.objective}])
    assert (await build.get("audit-events?limit=200"))["data"] == before


async def test_a_replayed_request_leaves_no_second_event(build: Build) -> None:
    headers = {"Idempotency-Key": "k", "X-Request-ID": _REQUEST}
    for _ in range(2):
        await build.rest.post("/v1/units", json={"name": "A"}, headers=headers)
    assert len((await build.get(f"audit-events?request_id={_REQUEST}"))["data"]) == 1


async def test_the_actor_is_the_person_that_a_credential_stands_for(
    database: Database, tenant: Tenant, build: Build, ground: Ground
) -> None:
    who = replace(tenant.who, credential="token", person_id=UUID(ground.person))
    async with database.transaction() as tx:
        report = NewCheckIn(key_result_id=Ref(ground.key_result), value=7)
        await record_check_in(tx, who, report)
    [event] = (await build.get(f"audit-events?actor_id={ground.person}"))["data"]
    assert (event["credential"], event["request_id"]) == ("token", "test")


async def test_a_check_in_s_event_tells_all_that_was_said(build: Build, ground: Ground) -> None:
    said = {
        "external_id": "ERP-1",
        "value": "6.50",
        "observed_at": "2026-09-30T00:00:00+00:00",
        "confidence": "at_risk",
        "comment": "tiến độ",
        "obstacles": "trở ngại",
        "next_steps": "cần làm gì",
        "next_check_in_date": "2026-10-31",
        "author_id": ground.person,
        "source": "feed",
        "key_result_id": ground.key_result,
        "voids_id": ground.check_in,
    }
    made = await build.post("check-ins", **said)
    events = (await build.get("audit-events?subject=check_in&limit=2"))["data"]
    created, voided = events
    assert (created["subject_id"], created["after"]) == (made["id"], said)
    assert (voided["subject_id"], voided["action"]) == (ground.check_in, "voided")
    assert voided["after"] == {"void_reason": "corrected"}


async def test_an_event_holds_ids_of_people_whatever_the_caller_called_them(
    build: Build, ground: Ground
) -> None:
    await build.rest.patch(f"/v1/people/{ground.person}", json={"external_id": "HR-1"})
    owned = {"owner_id": "external:HR-1"}
    objective = await build.objective(**owned)
    key_result = await build.key_result(objective, **owned)
    plan = await build.action_plan(key_result, **owned)
    await build.action(plan, **owned)
    found = await build.get("audit-events?action=created&limit=4")
    assert [event["after"]["owner_id"] for event in found["data"]] == [ground.person] * 4
    assert "HR-1" not in str(found)

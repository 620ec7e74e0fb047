"""Readings under other systems' names: what becomes of each, and of the key results."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.feeds.feeding import (
    current,
    feed,
    mapping,
    on,
    outcomes,
    reading,
    send,
    unmatched,
    valid,
)

from okr_service.feeds.model import FeedReading
from okr_service.kernel.database import Database


@pytest.fixture
async def erp(build: Build) -> Json:
    return await feed(build)


@pytest.fixture
async def key_result(build: Build) -> Json:
    return await build.key_result()


async def test_the_same_again_changes_nothing_and_another_value_corrects(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)

    assert await outcomes(build, erp, reading(5, 40)) == [("recorded", None)]
    assert await outcomes(build, erp, reading(5, "40.00")) == [("unchanged", None)]
    assert await outcomes(build, erp, reading(5, 50)) == [("corrected", None)]
    assert await outcomes(build, erp, reading(3, 10)) == [("recorded", None)]

    assert await current(build, key_result) == "50"
    assert await valid(build, key_result) == [on(3, 10), on(5, 50)]
    every = (await build.get(f"check-ins?key_result_id={key_result['id']}"))["data"]
    assert sorted((c["value"], c["void_reason"]) for c in every) == [
        ("10", None), ("40", "corrected"), ("50", None),
    ]  # fmt: skip


async def test_a_check_in_says_which_reading_it_came_from(
    build: Build, erp: Json, key_result: Json
) -> None:
    made = await mapping(build, erp, key_result)
    told = await send(build, erp, reading(5, 40, "FI-1"))

    [check_in] = (await build.get(f"check-ins?key_result_id={key_result['id']}"))["data"]
    assert (check_in["source"], check_in["feed_mapping_id"]) == ("feed", made["id"])
    assert check_in["feed_reading_id"] == told["outcomes"][0]["id"]
    found = await build.get(f"feed-readings/{check_in['feed_reading_id']}")
    assert (found["reading_id"], found["value"], found["reason"]) == ("FI-1", "40", None)
    by_hand = await build.check_in(key_result, 1)
    assert (by_hand["feed_mapping_id"], by_hand["feed_reading_id"]) == (None, None)


async def test_a_reading_moves_to_another_key_result_with_its_dimensions(
    build: Build, erp: Json, key_result: Json
) -> None:
    other = await build.key_result()
    await mapping(build, erp, key_result, dimensions={"plant": "hue", "line": "1"})
    await mapping(build, erp, other, dimensions={"plant": "vinh"})
    hue, vinh = {"line": "1", "plant": "hue"}, {"plant": "vinh"}

    await send(build, erp, reading(5, 40, dimensions=hue))
    moved = await outcomes(build, erp, reading(5, 40, dimensions=vinh))

    assert moved == [("corrected", None)]
    assert await valid(build, key_result) == []
    assert await current(build, key_result) == "0"  # where it started
    assert await valid(build, other) == [on(5, 40)]


@pytest.mark.parametrize(
    ("aggregation", "values"),
    [("latest", ["10", "30", "2"]), ("sum", ["10", "40", "42"]), ("average", ["10", "20", "14"])],
)
async def test_readings_become_values(
    build: Build, erp: Json, key_result: Json, aggregation: str, values: list[str]
) -> None:
    await mapping(build, erp, key_result, aggregation=aggregation)
    await send(build, erp, reading(3, 2), reading(1, 10), reading(2, 30))
    assert [value for _, value in await valid(build, key_result)] == [Decimal(v) for v in values]


async def test_values_are_converted_exactly_and_rounded_once(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(
        build, erp, key_result, aggregation="average", factor="0.5", offset="1", negated=True
    )
    await send(build, erp, reading(1, 1), reading(2, 1), reading(3, "0.0000000003"))
    # 1 - 0.5 × 2.0000000003 / 3
    expected = [Decimal("0.5"), Decimal("0.5"), Decimal("0.6666666666")]
    assert [value for _, value in await valid(build, key_result)] == expected


async def test_a_metric_feeds_several_key_results_each_in_its_way(
    build: Build, erp: Json, key_result: Json
) -> None:
    other = await build.key_result()
    await mapping(build, erp, key_result)
    await mapping(build, erp, other, aggregation="sum", factor="0.001")
    await send(build, erp, reading(1, 1000), reading(2, 500))
    assert (await current(build, key_result), await current(build, other)) == ("500", "1.5")


async def test_of_several_at_one_moment_the_last_by_its_id_counts(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 7, "b"), reading(1, 5, "a"))
    assert await valid(build, key_result) == [on(1, 7)]


async def test_a_batch_that_says_one_thing_twice_ends_with_what_it_said_last(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    found = await outcomes(build, erp, reading(1, 7), reading(1, 7), reading(1, 8))
    assert [outcome for outcome, _ in found] == ["recorded", "unchanged", "corrected"]
    assert await valid(build, key_result) == [on(1, 8)]


async def test_what_nothing_maps_is_kept_and_counts_once_it_is_mapped(
    build: Build, erp: Json, key_result: Json
) -> None:
    assert await outcomes(build, erp, reading(1, 7, "x")) == [("unmatched", "no_mapping")]
    assert await outcomes(build, erp, reading(1, 7, "x")) == [("unchanged", "no_mapping")]
    assert await unmatched(build, erp) == [("x", "no_mapping")]

    made = await mapping(build, erp, key_result)

    assert await unmatched(build, erp) == []
    assert await current(build, key_result) == "7"
    await build.rest.delete(f"/v1/feed-mappings/{made['id']}")
    assert await unmatched(build, erp) == [("x", "no_mapping")]
    assert await current(build, key_result) == "7"  # what was reported stays


async def test_the_days_of_a_cycle_are_those_of_the_feed(build: Build, key_result: Json) -> None:
    erp = await feed(build, utc_offset_minutes=420)
    await mapping(build, erp, key_result, aggregation="sum")
    midnight = reading(1, 7, "first") | {"observed_at": "2026-01-01T00:00:00+07:00"}
    before = reading(1, 5, "before") | {"observed_at": "2025-12-31T23:59:59+07:00"}

    found = await outcomes(build, erp, before, midnight)

    assert found == [("unmatched", "outside_cycle"), ("recorded", None)]
    assert await current(build, key_result) == "7"
    await build.rest.patch(f"/v1/feeds/{erp['id']}", json={"utc_offset_minutes": 480})
    assert await unmatched(build, erp) == []
    assert await current(build, key_result) == "12"


async def test_a_closed_cycle_takes_them_once_it_is_open_again(build: Build, erp: Json) -> None:
    cycle = await build.cycle()
    objective = await build.objective(cycle_id=cycle["id"])
    key_result = await build.key_result(objective)
    await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 7, "open"))
    await build.post(f"cycles/{cycle['id']}:close")

    assert await outcomes(build, erp, reading(1, 8, "open")) == [("corrected", "cycle_closed")]
    assert await outcomes(build, erp, reading(2, 9, "late")) == [("unmatched", "cycle_closed")]
    assert await current(build, key_result) == "7"

    await build.post(f"cycles/{cycle['id']}:reopen")
    assert (await build.post(f"feeds/{erp['id']}:replay"))["changed"] == 0
    reasons = {reason for _, reason in await unmatched(build, erp)}
    assert reasons == {"objective_ended"}  # closed with its cycle

    await build.post(f"objectives/{objective['id']}:reopen")
    told = await build.post(f"feeds/{erp['id']}:replay")
    assert told == {"changed": 2, "has_more": False}
    assert await valid(build, key_result) == [on(1, 8), on(2, 9)]
    assert await unmatched(build, erp) == []
    assert (await build.post(f"feeds/{erp['id']}:replay"))["changed"] == 0


async def test_what_ended_or_takes_no_reports_is_told(build: Build, erp: Json) -> None:
    ended = await build.objective()
    of_ended = await build.key_result(ended)
    summed = await build.key_result()
    boolean = await build.key_result(metric="boolean")
    gone = await build.key_result()
    for name, target in (("e", of_ended), ("s", summed), ("b", boolean), ("g", gone)):
        await mapping(build, erp, target, metric=name)
    await build.post(f"objectives/{ended['id']}:cancel")
    change = {"source": "children", "aggregate": "sum"}
    path = f"/v1/key-results/{summed['id']}"
    assert (await build.rest.patch(path, json=change)).is_success
    assert (await build.rest.delete(f"/v1/key-results/{gone['id']}")).is_success
    sent = [reading(1, 7, metric=name) for name in "esbg"]

    assert await outcomes(build, erp, *sent) == [
        ("unmatched", "objective_ended"),
        ("unmatched", "takes_no_check_ins"),
        ("unmatched", "not_zero_or_one"),
        ("unmatched", "no_mapping"),
    ]
    assert await outcomes(build, erp, reading(1, 1, metric="b")) == [("corrected", None)]
    assert await current(build, boolean) == "1"


async def test_a_value_that_grows_too_long_is_left_out_where_it_is(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result, aggregation="sum")
    most = "99999999999999999999"
    found = await outcomes(build, erp, reading(1, most), reading(2, 1), reading(3, -2))
    assert [reason for _, reason in found] == [None, "value_out_of_range", None]
    assert await current(build, key_result) == "99999999999999999998"


async def test_what_is_far_ahead_is_refused_and_the_rest_taken(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    ahead = reading(1, 9, "ahead") | {"observed_at": "2199-01-01T00:00:00Z"}
    told = await send(build, erp, ahead, reading(1, 7))
    refused = {"id": None, "outcome": "refused", "reason": "observed_in_future"}
    assert told["outcomes"][0] == refused
    assert await current(build, key_result) == "7"


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"value": "NaN"}, "/readings/1/value", "not-finite"),
        ({"value": "-Infinity"}, "/readings/1/value", "not-finite"),
        ({"value": "1" * 31}, "/readings/1/value", "too-many-digits"),
        ({"value": "0." + "1" * 11}, "/readings/1/value", "too-many-decimals"),
        ({"value": True}, "/readings/1/value", "not-a-number"),
        ({"reading_id": ""}, "/readings/1/reading_id", "too-short"),
        ({"observed_at": "2026-01-01"}, "/readings/1/observed_at", "not-a-time"),
        ({"dimensions": {"plant": 7}}, "/readings/1/dimensions/plant", "not-text"),
        ({"key_result_id": "x"}, "/readings/1/key_result_id", "unknown-field"),
    ],
)
async def test_what_cannot_be_is_refused_with_all_the_rest(
    build: Build, erp: Json, key_result: Json, wrong: Json, pointer: str, code: str
) -> None:
    await mapping(build, erp, key_result)
    path = f"/v1/feeds/{erp['id']}/readings"
    answer = await build.rest.post(path, json={"readings": [reading(1, 7), reading(2, 8) | wrong]})
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert await valid(build, key_result) == []
    assert (await build.get(f"feed-readings?feed_id={erp['id']}"))["data"] == []


async def test_only_so_many_that_nothing_maps_are_kept(
    start: Start, tenant: Tenant, build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    lost = [reading(1, 7, str(n), metric="lost") for n in range(5)]
    async with client(start(feed_unmatched_limit=3), tenant.key) as calling:
        bounded = Build(calling)
        found = await outcomes(bounded, erp, *lost[:2], reading(1, 9), *lost[2:])
        kept, full = ("unmatched", "no_mapping"), ("refused", "unmatched_full")
        assert found == [kept, kept, ("recorded", None), kept, full, full]
        assert await outcomes(bounded, erp, lost[4], reading(2, 1)) == [full, ("recorded", None)]
    assert [one for one, _ in await unmatched(build, erp)] == ["0", "1", "2"]


async def test_they_are_kept_for_so_long(
    database: Database, build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 7, "mapped"), reading(1, 7, "lost", metric="lost"))
    async with database.transaction() as tx:
        aged = {"received_at": FeedReading.received_at - timedelta(days=91)}
        of = FeedReading.feed_id == UUID(erp["id"])
        await tx.execute(update(FeedReading).where(of).values(aged))
    await send(build, erp, reading(2, 7, "new", metric="lost"))
    assert [one for one, _ in await unmatched(build, erp)] == ["new"]
    kept = (await build.get(f"feed-readings?feed_id={erp['id']}&unmatched=false"))["data"]
    assert [one["reading_id"] for one in kept] == ["mapped"]


async def test_what_a_person_voids_comes_back_when_it_is_replayed(
    build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 7), reading(2, 9))
    [latest, _] = (await build.get("check-ins?sort=-observed_at"))["data"]
    await build.post(f"check-ins/{latest['id']}:void", reason="wrong")
    assert await current(build, key_result) == "7"
    assert await outcomes(build, erp, reading(2, 9)) == [("unchanged", None)]
    assert await current(build, key_result) == "7"
    await build.post(f"feeds/{erp['id']}:replay")
    assert await current(build, key_result) == "9"


async def test_figures_roll_up_and_others_are_told(
    build: Build, erp: Json, rest: httpx.AsyncClient
) -> None:
    objective = await build.objective()
    await mapping(build, erp, await build.key_result(objective))
    latest = (await build.get("events?after=latest"))["page"]["next_cursor"]

    await send(build, erp, reading(1, 50), reading(1, 1, metric="lost"))

    assert await build.progress(objective) == 0.5
    told = (await build.get(f"events?after={latest}"))["data"]
    kinds = [event["type"] for event in told]
    assert kinds.count("okr.check_in.recorded") == kinds.count("okr.objective.progressed") == 1
    [received] = [event for event in told if event["type"] == "okr.feed.received"]
    assert received["subject"] == f"feeds/{erp['id']}"
    expected = {"recorded": 1, "unchanged": 0, "corrected": 0, "unmatched": 1, "refused": 0}
    assert received["data"]["after"] == expected
    assert (await rest.get("/v1/audit-events?action=received")).json()["data"]


async def test_a_program_that_reports_sends_and_sees_nothing(
    app: FastAPI, build: Build, erp: Json, key_result: Json
) -> None:
    await mapping(build, erp, key_result)
    keys = {
        s: (await build.post("api-keys", name=s, scopes=[s]))["key"] for s in ("check_in", "read")
    }
    async with client(app, keys["check_in"]) as sender:
        assert (await send(Build(sender), erp, reading(1, 7)))["recorded"] == 1
        for path in ("feeds", f"feeds/{erp['id']}/unmatched", "feed-mappings", "feed-readings"):
            assert (await sender.get(f"/v1/{path}")).status_code == 403
        made = await sender.post("/v1/feeds", json={"name": "X", "source": "x"})
        assert made.status_code == 403
    async with client(app, keys["read"]) as reader:
        body = {"readings": [reading(2, 7)]}
        answer = await reader.post(f"/v1/feeds/{erp['id']}/readings", json=body)
        assert answer.status_code == 403
        assert (await reader.get("/v1/feed-readings")).json()["data"] == []

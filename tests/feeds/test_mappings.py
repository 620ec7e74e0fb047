"""What key results make of a feed's readings: said once, changed later, by either door."""

import pytest
from tests.build import Build, Json
from tests.feeds.feeding import current, feed, mapping, on, reading, send, unmatched, valid
from tests.graphql.asking import answered


@pytest.fixture
async def erp(build: Build) -> Json:
    return await feed(build, external_id="erp")


@pytest.fixture
async def key_result(build: Build) -> Json:
    return await build.key_result(external_id="KR")


async def _refused(
    build: Build, method: str, path: str, body: Json | None = None
) -> tuple[str, ...]:
    answer = await build.rest.request(method, f"/v1/{path}", json=body)
    told = answer.json()
    return (str(answer.status_code), told["code"], *(e["pointer"] for e in told["errors"]))


async def test_changing_a_mapping_corrects_what_it_reported(
    build: Build, erp: Json, key_result: Json
) -> None:
    made = await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 10), reading(2, 20), reading(1, 7, metric="cost"))

    path = f"/v1/feed-mappings/{made['id']}"
    changed = await build.rest.patch(path, json={"aggregation": "sum", "factor": "2"})
    assert (changed.json()["version"], changed.json()["factor"]) == (2, "2")
    assert await valid(build, key_result) == [on(1, 20), on(2, 60)]

    assert (await build.rest.patch(path, json={"metric": "cost"})).is_success
    assert await valid(build, key_result) == [on(1, 14)]
    reasons = await unmatched(build, erp)
    assert reasons == [("r", "no_mapping"), ("r", "no_mapping")]


async def test_another_mapping_takes_over_where_it_has_readings(
    build: Build, erp: Json, key_result: Json
) -> None:
    first = await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 10), reading(2, 20), reading(2, 7, metric="cost"))
    await build.rest.delete(f"/v1/feed-mappings/{first['id']}")

    second = await mapping(build, erp, key_result, metric="cost")

    assert await valid(build, key_result) == [on(1, 10), on(2, 7)]
    rows = (await build.get("check-ins?voided=false&sort=observed_at"))["data"]
    assert [row["feed_mapping_id"] for row in rows] == [first["id"], second["id"]]


async def test_what_a_mapping_cannot_be(build: Build, erp: Json, key_result: Json) -> None:
    made = await mapping(build, erp, key_result)
    other, bi = await build.key_result(), await feed(build)
    actions = await build.key_result(metric="actions", source="actions")
    new = {"metric": "m", "feed_id": "external:erp", "key_result_id": "external:KR"}
    path, one = "feed-mappings", f"feed-mappings/{made['id']}"

    twice = await _refused(build, "POST", path, new)
    assert twice == ("409", "key-result-mapped", "/key_result_id")
    no_value = await _refused(build, "POST", path, {**new, "key_result_id": actions["id"]})
    assert no_value == ("422", "key-result-has-no-value", "/key_result_id")
    nowhere = await _refused(build, "POST", path, {**new, "feed_id": "external:none"})
    assert nowhere[1:] == ("metric-feed-not-found", "/feed_id")
    moved = await _refused(build, "PATCH", one, {"key_result_id": other["id"]})
    assert moved == ("422", "feed-mapping-fixed", "/key_result_id")
    moved = await _refused(build, "PATCH", one, {"feed_id": bi["id"]})
    assert moved == ("422", "feed-mapping-fixed", "/feed_id")
    in_use = await _refused(build, "DELETE", "feeds/external:erp")
    assert in_use == ("409", "still-in-use")


async def test_a_feed_goes_with_its_readings_and_leaves_what_it_reported(
    build: Build, erp: Json, key_result: Json
) -> None:
    made = await mapping(build, erp, key_result)
    await send(build, erp, reading(1, 10))
    assert (await build.rest.delete(f"/v1/feed-mappings/{made['id']}")).status_code == 204
    assert (await build.rest.delete(f"/v1/feeds/{erp['id']}")).status_code == 204
    assert (await build.get("feed-readings"))["data"] == []
    assert await valid(build, key_result) == [on(1, 10)]


async def test_all_of_it_by_graphql(build: Build) -> None:
    key_result = await build.key_result(external_id="KR")
    rest = build.rest
    made = await answered(rest, """mutation {
      createMetricFeed(input: {name: "ERP", source: "erp", externalId: "erp"}) {
        metricFeed { source } errors { code } }
      createFeedMapping(input: {feedId: "external:erp", metric: "revenue",
          dimensions: {plant: "hue"}, keyResultId: "external:KR", aggregation: SUM}) {
        feedMapping { rowId aggregation dimensions keyResult { externalId } } errors { code } }
      sendReadings(input: {ref: "external:erp", readings: [
          {metric: "revenue", dimensions: {plant: "hue"}, value: "7.50", readingId: "a",
           observedAt: "2026-01-01T00:00:00Z"},
          {metric: "revenue", value: 1, readingId: "b", observedAt: "2026-01-01T00:00:00Z"}]}) {
        recorded unmatched outcomes { rowId outcome reason } errors { code } }
      replayMetricFeed(input: {ref: "external:erp"}) { changed hasMore errors { code } }
    }""")  # fmt: skip
    assert made["createFeedMapping"]["feedMapping"]["keyResult"] == {"externalId": "KR"}
    sent = made["sendReadings"]
    assert (sent["recorded"], sent["unmatched"], sent["errors"]) == (1, 1, [])
    assert all(one["rowId"] for one in sent["outcomes"])
    assert [(o["outcome"], o["reason"]) for o in sent["outcomes"]] == [
        ("RECORDED", None), ("UNMATCHED", "NO_MAPPING"),
    ]  # fmt: skip
    assert made["replayMetricFeed"]["changed"] == 0
    assert await current(build, key_result) == "7.5"

    found = await answered(rest, """{ keyResult(ref: "external:KR") {
      latestCheckIn { value feedReading { readingId } feedMapping { feed { name } } }
      feedMappings { totalCount } }
      metricFeed(ref: "external:erp") {
        readings(filter: {unmatched: true}) { nodes { readingId reason } } } }""")  # fmt: skip
    assert found["keyResult"]["latestCheckIn"] == {
        "value": "7.5",
        "feedReading": {"readingId": "a"},
        "feedMapping": {"feed": {"name": "ERP"}},
    }
    assert found["metricFeed"]["readings"]["nodes"] == [{"readingId": "b", "reason": "NO_MAPPING"}]

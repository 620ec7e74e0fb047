"""Check-ins: the latest that counts is the current value."""

import asyncio

from fastapi import FastAPI
from tests.build import Build
from tests.calling import client


async def test_late_reports_do_not_replace_later_ones(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective)
    await build.check_in(key_result, 60, observed_at="2026-03-01T00:00:00Z", confidence="at_risk")
    await build.check_in(key_result, 30, observed_at="2026-02-01T00:00:00Z")
    found = await build.get(f"key-results/{key_result['id']}")
    assert (found["current_value"], found["confidence"]) == ("60", "at_risk")
    assert await build.progress(objective) == 0.6


async def test_of_two_seen_at_once_the_latest_recorded_counts(build: Build) -> None:
    key_result = await build.key_result()
    for value in (10, 20, 15):
        await build.check_in(key_result, value, observed_at="2026-03-01T00:00:00Z")
    assert (await build.get(f"key-results/{key_result['id']}"))["current_value"] == "15"


async def test_voiding_brings_back_the_value_before(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective)
    await build.check_in(key_result, 20)
    wrong = await build.check_in(key_result, 90)

    voided = await build.post(f"check-ins/{wrong['id']}:void", reason="a typing error")

    assert voided["void_reason"] == "a typing error"
    assert await build.progress(objective) == 0.2
    again = await build.rest.post(f"/v1/check-ins/{wrong['id']}:void", json={"reason": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "already-voided")


async def test_voiding_leaves_a_value_alone_that_others_feed(build: Build) -> None:
    key_result = await build.key_result()
    first = await build.check_in(key_result, 10)
    await build.check_in(key_result, 20)
    path = f"/v1/key-results/{key_result['id']}"
    changed = await build.rest.patch(path, json={"source": "children", "aggregate": "sum"})
    assert changed.is_success, changed.text
    voided = await build.rest.post(f"/v1/check-ins/{first['id']}:void", json={"reason": "Wrong"})
    assert voided.is_success, voided.text
    after = await build.get(path.removeprefix("/v1/"))
    assert after["current_value"] == changed.json()["current_value"] != "20"


async def test_who_may_report_and_not_read_voids_without_reading(
    app: FastAPI, build: Build
) -> None:
    key_result = await build.key_result()
    told = {"comment": "for our eyes", "obstacles": "ours", "next_steps": "ours"}
    kept = await build.check_in(key_result, 1, external_id="F/1", **told)
    feed = await build.post("api-keys", name="Feed", scopes=["check_in"])
    async with client(app, feed["key"]) as feeding:
        path = f"/v1/check-ins/{kept['id']}:void"
        voided = await feeding.post(path, json={"reason": "a typing error"})
    assert voided.status_code == 200
    assert voided.json() == {
        "id": kept["id"],
        "version": 1,
        "voided_at": (await build.get(f"check-ins/{kept['id']}"))["voided_at"],
        "void_reason": "a typing error",
    }
    assert "etag" in voided.headers


async def test_a_correction_voids_the_one_it_corrects(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective)
    wrong = await build.check_in(key_result, 90, observed_at="2026-03-02T00:00:00Z")
    await build.check_in(key_result, 9, observed_at="2026-03-01T00:00:00Z", voids_id=wrong["id"])
    assert await build.progress(objective) == 0.09
    assert (await build.get(f"check-ins/{wrong['id']}"))["voided_at"] is not None
    other = await build.key_result(objective)
    body = {"key_result_id": other["id"], "value": 1, "voids_id": wrong["id"]}
    refused = await build.rest.post("/v1/check-ins", json=body)
    assert refused.json()["code"] == "voids-another-key-result"


async def test_a_report_with_an_external_id_is_recorded_once_for_ever(build: Build) -> None:
    key_result = await build.key_result()
    body = {"key_result_id": key_result["id"], "value": "7", "external_id": "ERP/1"}
    first = await build.rest.post("/v1/check-ins", json=body)
    again = await build.rest.post("/v1/check-ins", json=body)
    differs = await build.rest.post("/v1/check-ins", json={**body, "value": "8"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (differs.status_code, differs.json()["code"]) == (409, "check-in-differs")
    assert (await build.get("check-ins/external:ERP/1"))["id"] == first.json()["id"]


async def test_a_batch_counts_what_is_new(build: Build) -> None:
    objective = await build.objective(external_id="O")
    for number in (1, 2):
        await build.key_result(objective, external_id=f"O/KR{number}")
    reports = [
        {"key_result_id": f"external:O/KR{n % 2 + 1}", "value": n, "external_id": f"b/{n}"}
        for n in range(50)
    ]
    first = await build.post("check-ins:batch", check_ins=reports)
    again = await build.post("check-ins:batch", check_ins=reports)
    assert (first["recorded"], first["unchanged"]) == (50, 0)
    assert (again["recorded"], again["unchanged"]) == (0, 50)
    assert first["ids"] == again["ids"]
    assert await build.progress(objective) == 0.485


async def test_ten_thousand_reports_go_in_one_batch(build: Build) -> None:
    objective = await build.objective(external_id="O")
    await build.key_result(objective, external_id="O/KR")
    reports = [{"key_result_id": "external:O/KR", "value": n / 100} for n in range(10_000)]
    assert (await build.post("check-ins:batch", check_ins=reports))["recorded"] == 10_000
    assert await build.progress(objective) == 0.9999
    response = await build.rest.post("/v1/check-ins:batch", json={"check_ins": [*reports, {}]})
    assert response.json()["errors"][0]["code"] in ("too-many-items", "required")


async def test_reporting_on_a_closed_objective_is_refused(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective)
    await build.post(f"objectives/{objective['id']}:close")
    body = {"key_result_id": key_result["id"], "value": 1}
    response = await build.rest.post("/v1/check-ins", json=body)
    assert (response.status_code, response.json()["code"]) == (409, "objective-ended")


async def test_of_many_with_one_external_id_one_is_recorded(build: Build) -> None:
    objective = await build.objective()
    key_results = [await build.key_result(objective) for _ in range(8)]
    reports = [{"key_result_id": k["id"], "value": 1, "external_id": "ERP/1"} for k in key_results]
    answers = await asyncio.gather(
        *(build.rest.post("/v1/check-ins", json=report) for report in reports)
    )
    assert sorted(a.status_code for a in answers) == [201] + [409] * 7
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"check-in-differs"}
    assert (await build.get("check-ins?count=exact"))["page"]["total"] == 1

"""Bad input gets a clear problem document in both languages, and leaves no trace."""

import json
from uuid import UUID, uuid4

import httpx
import pytest
from tests.build import Build, Json

from okr_service.kernel.documents import encode_cursor

DEEP = b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


async def expect_problem(response: httpx.Response, status: int, code: str) -> Json:
    document: Json = response.json()
    assert (response.status_code, document["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"/problems/{code}"
    assert document["status"] == status
    assert document["request_id"] == response.headers["x-request-id"]
    return document


async def expect_refused(
    rest: httpx.AsyncClient, path: str, body: object, status: int, code: str, pointer: str | None
) -> None:
    """Expect the same refusal in English and in Vietnamese, worded differently."""
    said = set()
    for language in ("en", "vi"):
        headers = {"Accept-Language": language}
        response = await rest.post(f"/v1/{path}", json=body, headers=headers)
        document = await expect_problem(response, status, code)
        assert response.headers["content-language"] == language
        if pointer is None:
            said.add(document["detail"])
        else:
            [located] = [e for e in document["errors"] if e["pointer"] == pointer]
            said.add(located["message"])
    assert len(said) == 2, said


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed-json"),
        (b'{"title": "a" "b"}', "malformed-json"),
        (b"[1, 2", "malformed-json"),
        (DEEP, "malformed-json"),
        (b'{"weight": NaN}', "malformed-json"),
        (b'{"weight": -Infinity}', "malformed-json"),
        (b'{"title": "a", "title": "b"}', "malformed-json"),
        (b'{"title": "\xff"}', "not-utf8"),
        (b'{"title": "\xed\xa0\x80"}', "not-utf8"),
        (b'{"weight": ' + b"9" * 5000 + b"}", "malformed-json"),
    ],
)
async def test_a_body_that_is_not_json_is_malformed(
    rest: httpx.AsyncClient, body: bytes, code: str
) -> None:
    for language in ("en", "vi"):
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        response = await rest.post("/v1/objectives", content=body, headers=headers)
        await expect_problem(response, 400, code)


@pytest.mark.parametrize("title", ["a\\u0000b", "\\ud800", "x\\udfffy"])
async def test_text_that_cannot_be_stored_is_refused_at_its_place(
    rest: httpx.AsyncClient, title: str
) -> None:
    body = f'{{"links": [{{"title": "{title}"}}]}}'
    headers = {"Content-Type": "application/json"}
    response = await rest.post("/v1/objectives", content=body, headers=headers)
    document = await expect_problem(response, 422, "invalid-input")
    assert [e["pointer"] for e in document["errors"]] == ["/links/0/title"]
    assert [e["code"] for e in document["errors"]] == ["invalid-character"]


@pytest.mark.parametrize(
    "path",
    ["/v1/units?q=a%00b", "/v1/units?cursor=%00", "/v1/units/a%00b", "/v1/units/external:%00"],
)
async def test_a_nul_in_the_address_is_refused(rest: httpx.AsyncClient, path: str) -> None:
    response = await rest.get(path)
    assert response.status_code in (400, 404), response.text


async def test_a_huge_body_is_refused_unread(rest: httpx.AsyncClient) -> None:
    async def much() -> object:
        for _ in range(100):
            yield b"x" * 1_048_576

    headers = {"Content-Type": "application/json"}
    for path in ("/v1/objectives", "/v1/check-ins:batch"):
        response = await rest.post(path, content=b"x" * 100_000_000, headers=headers)
        await expect_problem(response, 413, "body-too-large")
    response = await rest.post("/v1/objectives", content=much(), headers=headers)  # type: ignore[arg-type] # httpx takes it
    await expect_problem(response, 413, "body-too-large")


async def test_another_media_type_is_refused(rest: httpx.AsyncClient) -> None:
    response = await rest.post(
        "/v1/objectives", content="title=x", headers={"Content-Type": "text/plain"}
    )
    await expect_problem(response, 415, "unsupported-media-type")
    response = await rest.get("/v1/objectives", headers={"Accept": "text/html"})
    await expect_problem(response, 406, "not-acceptable-media-type")


async def test_an_unknown_field_and_a_wrong_type_are_named(build: Build) -> None:
    objective = await build.objective()
    given = {"unit_id": objective["unit_id"], "cycle_id": objective["cycle_id"], "title": "A"}
    for field, value, code in [
        ("colour", "red", "unknown-field"),
        ("title", 5, "not-text"),
        ("title", "", "too-short"),
        ("title", "x" * 501, "too-long"),
        ("weight", "-1", "below-minimum"),
        ("weight", -0.0001, "below-minimum"),
        ("weight", "1000001", "above-maximum"),
        ("weight", "1.00001", "too-many-decimals"),
        ("weight", "NaN", "not-finite"),
        ("weight", "Infinity", "not-finite"),
        ("weight", "many", "not-a-number"),
        ("weight", "1_0", "not-a-number"),
        ("weight", "٣", "not-a-number"),
        ("weight", True, "not-a-number"),
        ("state", "finished", "not-allowed"),
        ("tags", "one", "not-a-list"),
        ("unit_id", None, "not-text"),
    ]:
        body = {**given, field: value}
        for language in ("en", "vi"):
            headers = {"Accept-Language": language}
            response = await build.rest.post("/v1/objectives", json=body, headers=headers)
            document = await expect_problem(response, 422, "invalid-input")
            [error] = document["errors"]
            assert (error["pointer"], error["code"]) == (f"/{field}", code), (field, value)
    assert len((await build.get("objectives?count=exact"))["data"]) == 1


@pytest.mark.parametrize(
    ("figures", "code", "pointer"),
    [
        ({"start_value": "5", "target_value": "5"}, "target-equals-start", "/target_value"),
        ({"start_value": "5", "target_value": "4"}, "target-on-wrong-side", "/target_value"),
        (
            {"metric": "decrease", "start_value": "5", "target_value": "6"},
            "target-on-wrong-side",
            "/target_value",
        ),
        ({"target_value": None}, "figure-required", "/target_value"),
        ({"metric": "decrease", "target_value": "1"}, "figure-required", "/start_value"),
        ({"metric": "between", "target_value": "1"}, "figure-required", "/target_max"),
        (
            {"metric": "between", "target_value": "2", "target_max": "1"},
            "target-range-empty",
            "/target_max",
        ),
        ({"metric": "boolean", "target_value": "1"}, "figure-not-used", "/target_value"),
        ({"metric": "actions", "start_value": "1"}, "figure-not-used", "/start_value"),
        ({"target_value": "1", "target_max": "2"}, "figure-not-used", "/target_max"),
        ({"target_value": "1", "format": "currency"}, "currency-mismatch", "/currency"),
        ({"target_value": "1", "due_date": "2027-01-01"}, "date-outside-cycle", "/due_date"),
        ({"target_value": "1", "start_date": "2025-12-31"}, "date-outside-cycle", "/start_date"),
        (
            {"target_value": "1", "plan": [{"date": "2025-01-31", "value": "1"}]},
            "date-outside-cycle",
            "/plan/0/date",
        ),
    ],
)
async def test_figures_that_contradict_their_metric_are_refused(
    build: Build, figures: Json, code: str, pointer: str
) -> None:
    objective = await build.objective()
    body = {"title": "A", "objective_id": objective["id"], **figures}
    await expect_refused(build.rest, "key-results", body, 422, code, pointer)
    assert (await build.get("key-results"))["data"] == []
    assert await build.progress(objective) is None


async def test_exponents_and_long_figures_are_refused_or_exact(build: Build) -> None:
    objective = await build.objective()
    body = {"title": "A", "objective_id": objective["id"], "target_value": "1e400"}
    response = await build.rest.post("/v1/key-results", json=body)
    await expect_problem(response, 422, "invalid-input")
    long = "12345678901234567890.0123456789"
    made = await build.post(
        "key-results", title="B", objective_id=objective["id"], target_value=long
    )
    assert made["target_value"] == long


async def test_numbers_in_json_lose_no_digit(build: Build) -> None:
    objective = await build.objective()
    raw = (
        f'{{"title": "A", "objective_id": "{objective["id"]}",'
        ' "target_value": 12345678901234567890.0123456789}'
    )
    headers = {"Content-Type": "application/json"}
    response = await build.rest.post("/v1/key-results", content=raw, headers=headers)
    assert response.json()["target_value"] == "12345678901234567890.0123456789"


async def test_what_another_tenant_has_does_not_exist(
    build: Build, other_rest: httpx.AsyncClient
) -> None:
    theirs = Build(other_rest)
    foreign = await theirs.objective(external_id="SHARED")
    mine = await build.objective(external_id="MINE")
    body = {
        "title": "A",
        "unit_id": mine["unit_id"],
        "cycle_id": mine["cycle_id"],
        "parent_id": foreign["id"],
    }
    await expect_refused(build.rest, "objectives", body, 404, "objective-not-found", "/parent_id")
    for ref in (foreign["id"], "external:SHARED"):
        response = await build.rest.get(f"/v1/objectives/{ref}")
        await expect_problem(response, 404, "objective-not-found")
        await expect_problem(
            await build.rest.delete(f"/v1/objectives/{ref}"), 404, "objective-not-found"
        )
    own = await build.objective(external_id="SHARED")
    assert own["id"] != foreign["id"]


async def test_a_loop_in_alignment_is_refused(build: Build) -> None:
    top = await build.objective()
    middle = await build.objective(parent_id=top["id"])
    bottom = await build.objective(parent_id=middle["id"])
    for below in (top, middle, bottom):
        body = {"parent_id": below["id"]}
        path = f"objectives/{top['id']}:align"
        await expect_refused(build.rest, path, body, 422, "alignment-would-loop", "/parent_id")


async def test_alignment_deeper_than_32_levels_is_refused(build: Build) -> None:
    above = await build.objective()
    for _ in range(31):
        above = await build.objective(parent_id=above["id"])
    body = {**{k: above[k] for k in ("unit_id", "cycle_id")}, "title": "A"}
    body["parent_id"] = above["id"]
    await expect_refused(build.rest, "objectives", body, 422, "alignment-too-deep", "/parent_id")


async def test_a_child_outside_its_parents_cycle_is_refused(build: Build) -> None:
    year = await build.objective()
    next_year = await build.cycle(start_date="2027-01-01", end_date="2027-12-31")
    body = {"title": "A", "unit_id": year["unit_id"], "cycle_id": next_year["id"]}
    body["parent_id"] = year["id"]
    await expect_refused(build.rest, "objectives", body, 422, "cycle-mismatch", "/parent_id")


async def test_a_closed_cycle_accepts_no_writes_but_reopening(build: Build) -> None:
    cycle = await build.cycle(code="CLOSING")
    objective = await build.objective(cycle_id="CLOSING")
    key_result = await build.key_result(objective)
    plan = await build.action_plan(key_result)
    await build.post("cycles/CLOSING:close")

    report = {"key_result_id": key_result["id"], "value": 5}
    await expect_refused(build.rest, "check-ins", report, 409, "cycle-closed", None)
    new = {"title": "A", "unit_id": objective["unit_id"], "cycle_id": cycle["id"]}
    await expect_refused(build.rest, "objectives", new, 409, "cycle-closed", None)
    measured = {"title": "A", "objective_id": objective["id"], "target_value": 1}
    await expect_refused(build.rest, "key-results", measured, 409, "cycle-closed", None)
    step = {"title": "A", "action_plan_id": plan["id"]}
    await expect_refused(build.rest, "actions", step, 409, "cycle-closed", None)
    for path in (f"objectives/{objective['id']}", f"key-results/{key_result['id']}"):
        response = await build.rest.patch(f"/v1/{path}", json={"title": "B"})
        await expect_problem(response, 409, "cycle-closed")
        await expect_problem(await build.rest.delete(f"/v1/{path}"), 409, "cycle-closed")

    await build.post("cycles/CLOSING:reopen")
    await build.post(f"objectives/{objective['id']}:reopen")
    await build.check_in(key_result, 50)
    assert await build.progress(objective) == 0.5


async def test_check_ins_that_make_no_sense_are_refused(build: Build) -> None:
    objective = await build.objective()
    measured = await build.key_result(objective)
    yes_or_no = await build.key_result(objective, metric="boolean")
    by_actions = await build.key_result(objective, metric="actions")
    cases = [
        ({"value": 1, "observed_at": "2100-01-01T00:00:00Z"}, "observed-in-future", "/observed_at"),
        ({"value": 2, "key_result_id": yes_or_no["id"]}, "not-zero-or-one", "/value"),
        (
            {"value": 1, "key_result_id": by_actions["id"]},
            "key-result-has-no-value",
            "/key_result_id",
        ),
    ]
    for given, code, pointer in cases:
        body = {"key_result_id": measured["id"], **given}
        await expect_refused(build.rest, "check-ins", body, 422, code, pointer)
    for ref in (str(uuid4()), "external:nobody", "nonsense"):
        body = {"key_result_id": ref, "value": 1}
        code, pointer = "key-result-not-found", "/key_result_id"
        await expect_refused(build.rest, "check-ins", body, 404, code, pointer)
    for value, code in [("NaN", "not-finite"), ("Infinity", "not-finite"), ("x", "not-a-number")]:
        body = {"key_result_id": measured["id"], "value": value}
        response = await build.rest.post("/v1/check-ins", json=body)
        assert [e["code"] for e in response.json()["errors"]] == [code]
    response = await build.rest.post(
        "/v1/check-ins",
        json={"key_result_id": measured["id"], "value": 1, "observed_at": "2026-01-01T00:00:00"},
    )
    assert [e["code"] for e in response.json()["errors"]] == ["not-a-time"]
    assert (await build.get("check-ins"))["data"] == []
    assert await build.progress(objective) == 0


async def test_a_batch_with_one_bad_report_records_nothing(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective)
    good = {"key_result_id": key_result["id"], "value": 10}
    body = {"check_ins": [good, {**good, "key_result_id": "external:none"}, good]}
    pointer = "/check_ins/1/key_result_id"
    await expect_refused(build.rest, "check-ins:batch", body, 422, "invalid-input", pointer)
    assert (await build.get("check-ins"))["data"] == []
    assert await build.progress(objective) == 0


async def test_a_taken_external_id_is_a_conflict(build: Build) -> None:
    await build.unit(external_id="U")
    body = {"name": "B", "external_id": "U"}
    await expect_refused(build.rest, "units", body, 409, "external-id-taken", "/external_id")


async def test_what_is_in_use_cannot_be_deleted(build: Build) -> None:
    parent = await build.objective()
    await build.objective(parent_id=parent["id"])
    response = await build.rest.delete(f"/v1/objectives/{parent['id']}")
    await expect_problem(response, 409, "objective-has-children")
    for path in (f"units/{parent['unit_id']}", f"cycles/{parent['cycle_id']}"):
        await expect_problem(await build.rest.delete(f"/v1/{path}"), 409, "still-in-use")


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=0", "/limit", "below-minimum"),
        ("limit=201", "/limit", "above-maximum"),
        ("limit=x", "/limit", "not-an-integer"),
        ("colour=red", "/colour", "unknown-field"),
        ("sort=colour", "/sort", "not-allowed"),
        ("include=colour", "/include", "not-allowed"),
        ("fields=colour", "/fields", "not-allowed"),
        ("state=finished", "/state/0", "not-allowed"),
        ("progress_gte=2", "/progress_gte", "above-maximum"),
        ("updated_since=yesterday", "/updated_since", "not-a-time"),
    ],
)
async def test_a_query_that_does_not_fit_is_named(
    rest: httpx.AsyncClient, query: str, pointer: str, code: str
) -> None:
    for language in ("en", "vi"):
        headers = {"Accept-Language": language}
        response = await rest.get(f"/v1/objectives?{query}", headers=headers)
        document = await expect_problem(response, 400, "invalid-query")
        assert [(e["pointer"], e["code"]) for e in document["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("cursor", ["x", "WyJ0aXRsZSIsMSwyXQ", "bnVsbA", "é", "W10"])
async def test_a_forged_cursor_is_refused(rest: httpx.AsyncClient, cursor: str) -> None:
    response = await rest.get("/v1/objectives", params={"cursor": cursor})
    await expect_problem(response, 400, "invalid-cursor")


@pytest.mark.parametrize(
    ("path", "sort", "key"),
    [
        ("objectives", "title", "a\0"),
        ("objectives", "created_at", "0001-01-01T00:00:00+14:00"),
        ("objectives", "created_at", "9999-12-31T23:59:59-14:00"),
        ("objectives", "progress", "NaN"),
        ("objectives", "progress", "1e999999999"),
        ("objectives", "title", None),
        ("objectives", "progress", ["1"]),
        ("key-results", "due_date", "2026-13-01"),
        ("audit-events", "id", "9" * 40),
    ],
)
async def test_a_cursor_with_an_odd_place_in_it_is_no_mistake_of_ours(
    rest: httpx.AsyncClient, path: str, sort: str, key: object
) -> None:
    cursor = encode_cursor(sort, key, str(UUID(int=1)))  # type: ignore[arg-type] # as a forger may
    response = await rest.get(f"/v1/{path}", params={"sort": sort, "cursor": cursor})
    assert response.status_code in (200, 400), response.text
    if key is not None:
        assert response.json()["code"] in ("invalid-cursor", "invalid-query")


async def test_an_unknown_address_and_method_are_problems(rest: httpx.AsyncClient) -> None:
    await expect_problem(await rest.get("/v1/nothing"), 404, "route-not-found")
    response = await rest.delete("/v1/objectives")
    await expect_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, HEAD, POST"
    response = await rest.post("/v1/objectives/x")
    await expect_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"


async def test_head_answers_as_get_does(rest: httpx.AsyncClient) -> None:
    answered = await rest.head("/v1/objectives")
    assert (answered.status_code, answered.headers["content-type"]) == (200, "application/json")


async def test_a_patch_that_leaves_a_field_empty_is_refused(build: Build) -> None:
    objective = await build.objective()
    path = f"/v1/objectives/{objective['id']}"
    for patch, code in [({"title": None}, "required"), ({"colour": 1}, "unknown-field")]:
        document = await expect_problem(
            await build.rest.patch(path, json=patch), 422, "invalid-input"
        )
        assert [e["code"] for e in document["errors"]] == [code]
    response = await build.rest.patch(
        path, content=json.dumps([1]), headers={"Content-Type": "application/merge-patch+json"}
    )
    await expect_problem(response, 422, "invalid-input")


async def test_an_edit_cannot_take_an_external_id(build: Build) -> None:
    await build.objective(external_id="TAKEN")
    other = await build.objective()
    taken = {"external_id": "TAKEN"}

    refused = await build.rest.patch(f"/v1/objectives/{other['id']}", json=taken)
    tried = await build.rest.post(
        "/v1/rollup:simulate",
        json={"changes": [{"edit_objective": {"id": other["id"], "changes": taken}}]},
    )

    await expect_problem(refused, 409, "external-id-taken")
    document = await expect_problem(tried, 422, "invalid-input")
    assert document["errors"][0]["pointer"] == "/changes/0/external_id"

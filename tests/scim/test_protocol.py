"""The protocol over HTTP: discovery, conditions, attributes, bulk, errors (RFC 7643, 7644)."""

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.conftest import Start
from tests.scim.calling import (
    BULK,
    CORE_GROUP,
    CORE_USER,
    ENTERPRISE,
    OKR,
    Json,
    Scim,
    calling,
    patching,
    refused,
)


async def test_it_tells_what_it_is(scim: Scim) -> None:
    config = await scim.get("/ServiceProviderConfig")
    assert all(config[each]["supported"] for each in ("patch", "bulk", "filter", "sort", "etag"))
    assert config["bulk"]["maxOperations"] == 500
    assert config["bulk"]["maxPayloadSize"] == 1_048_576
    assert config["filter"]["maxResults"] == config["pagination"]["maxPageSize"] == 200
    types = {each["id"]: each for each in (await scim.get("/ResourceTypes"))["Resources"]}
    assert {id_: each["schema"] for id_, each in types.items()} == {
        "User": CORE_USER,
        "Group": CORE_GROUP,
    }
    assert types["Group"]["schemaExtensions"] == [{"schema": OKR, "required": False}]
    schemas = {each["id"] for each in (await scim.get("/Schemas"))["Resources"]}
    assert schemas == {CORE_USER, CORE_GROUP, ENTERPRISE, OKR}
    for path in (f"/Schemas/{OKR}", "/ResourceTypes/User"):
        assert (await scim.get(path))["meta"]["location"] == f"http://okr.test/scim/v2{path}"


async def test_discovery_names_only_what_is_kept(scim: Scim) -> None:
    schema = await scim.get(f"/Schemas/{CORE_USER}")
    assert {each["name"] for each in schema["attributes"]} == {
        *("userName", "name", "displayName", "title", "active", "emails", "groups")
    }


async def test_a_created_user_is_located_and_versioned(scim: Scim) -> None:
    made = await scim.client.post(
        "/Users", json={"schemas": [CORE_USER], "userName": "mai@sao.vn", "displayName": "Mai"}
    )
    user = made.json()
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/scim+json"
    assert made.headers["location"] == user["meta"]["location"]
    assert made.headers["etag"] == user["meta"]["version"]
    assert user["meta"]["resourceType"] == "User"
    found = await scim.client.get(f"/Users/{user['id']}")
    assert (found.json(), found.headers["etag"]) == (user, made.headers["etag"])


async def test_what_is_known_is_not_sent_again(scim: Scim) -> None:
    user = await scim.user("mai")
    tag = {"If-None-Match": user["meta"]["version"]}
    known = await scim.client.get(f"/Users/{user['id']}", headers=tag)
    assert (known.status_code, known.content) == (304, b"")
    unit = await scim.group("Sales", members=[{"value": user["id"]}])
    assert (await scim.client.get(f"/Users/{user['id']}", headers=tag)).status_code == 200
    of_group = {"If-None-Match": unit["meta"]["version"]}
    await scim.patch(f"/Groups/{unit['id']}", {"op": "remove", "path": "members"})
    changed = await scim.client.get(f"/Groups/{unit['id']}", headers=of_group)
    assert changed.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_meant_for_another_version_is_refused(scim: Scim, method: str) -> None:
    user = await scim.user("mai")
    path = f"/Users/{user['id']}"
    await scim.patch(path, {"op": "replace", "path": "title", "value": "A"})
    body = {
        "PUT": {"schemas": [CORE_USER], "userName": "mai", "title": "B"},
        "PATCH": patching({"op": "replace", "path": "title", "value": "B"}),
        "DELETE": None,
    }[method]
    stale = {"If-Match": user["meta"]["version"]}
    answer = await scim.client.request(method, path, json=body, headers=stale)
    refused(answer, 412)
    assert (await scim.get(path))["title"] == "A"


async def test_a_patch_that_changes_nothing_leaves_the_version(scim: Scim) -> None:
    user = await scim.user("mai", title="A")
    same = {"op": "replace", "path": "title", "value": "A"}
    assert (await scim.patch(f"/Users/{user['id']}", same))["meta"] == user["meta"]


async def test_only_the_attributes_asked_for_are_shown(scim: Scim) -> None:
    user = await scim.user("mai", title="A")
    await scim.group("Sales", members=[{"value": user["id"]}])
    some = await scim.get(f"/Users/{user['id']}", attributes="title")
    assert set(some) == {"schemas", "id", "title"}
    [group] = (await scim.get("/Groups", excludedAttributes="members"))["Resources"]
    assert "members" not in group
    [group] = (await scim.get("/Groups", attributes="members.value"))["Resources"]
    assert group["members"] == [{"value": user["id"]}]


async def test_a_search_can_be_sent_as_a_body(scim: Scim) -> None:
    user = await scim.user("mai")
    await scim.user("an")
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
    page = await scim.post("/Users/.search", schemas=schemas, filter='userName eq "MAI"')
    assert [each["id"] for each in page["Resources"]] == [user["id"]]


async def test_units_have_kind_parent_and_manager(scim: Scim, build: Build) -> None:
    above = await scim.group("Sao Mai", **{OKR: {"kind": "company"}})
    mai = await scim.user("mai", displayName="Mai")
    said = {"parent": {"value": above["id"]}, "manager": {"value": mai["id"]}}
    unit = await scim.group("Sales", externalId="S", **{OKR: {"kind": "team", **said}})
    shown = await build.get("units/external:S")
    assert (shown["kind"], shown["parent_id"], shown["manager_id"]) == (
        "team",
        above["id"],
        mai["id"],
    )
    assert unit[OKR]["parent"]["display"] == "Sao Mai"
    assert unit[OKR]["manager"]["displayName"] == "Mai"
    moved = await scim.patch(f"/Groups/{unit['id']}", {"op": "remove", "path": f"{OKR}:parent"})
    assert "parent" not in moved[OKR]
    assert await scim.found("/Groups", f'{OKR}:kind eq "company"') == [above["id"]]
    looping = {"op": "add", "path": f"{OKR}:parent", "value": {"value": unit["id"]}}
    answer = await scim.client.patch(f"/Groups/{unit['id']}", json=patching(looping))
    refused(answer, 400, "invalidValue")


async def test_a_bulk_request_does_all_it_can_and_names_the_rest(scim: Scim) -> None:
    there = await scim.user("there")
    user = {"schemas": [CORE_USER], "userName": "mai"}
    operations: list[Json] = [
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "g",
            "data": {
                "schemas": [CORE_GROUP],
                "displayName": "Sales",
                "members": [{"value": "bulkId:u"}],
            },
        },
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user},
        {"method": "POST", "path": "/Users", "bulkId": "v", "data": {**user, "userName": "MAI"}},
        {"method": "PATCH", "path": "/Users/none", "data": patching()},
        {"method": "DELETE", "path": f"/Users/{there['id']}"},
    ]
    vi = {"Accept-Language": "vi"}
    body = {"schemas": [BULK], "Operations": operations}
    answer = await scim.client.post("/Bulk", json=body, headers=vi)
    done = answer.json()["Operations"]
    assert [each["status"] for each in done] == ["201", "201", "409", "400", "204"]
    assert done[2]["response"]["scimType"] == "uniqueness"
    assert done[2]["response"]["detail"] == "Đã có người khác mang tên đăng nhập MAI."
    [group] = (await scim.get("/Groups"))["Resources"]
    [left] = (await scim.get("/Users"))["Resources"]
    assert [each["value"] for each in group["members"]] == [left["id"]]
    assert left["userName"] == "mai"


async def test_a_bulk_request_stops_after_as_many_errors_as_it_says(scim: Scim) -> None:
    wrong = {"method": "DELETE", "path": "/Users/none"}
    right = {
        "method": "POST",
        "path": "/Users",
        "bulkId": "u",
        "data": {"schemas": [CORE_USER], "userName": "mai"},
    }
    answer = await scim.post("/Bulk", schemas=[BULK], failOnErrors=1, Operations=[wrong, right])
    assert [each["status"] for each in answer["Operations"]] == ["404"]
    assert (await scim.get("/Users"))["totalResults"] == 0


async def test_bulk_requests_and_bodies_have_limits(start: Start, scim: Scim) -> None:
    app = start(scim_bulk_operations=2, body_limit_bytes=2_048)
    key = scim.client.headers["authorization"].removeprefix("Bearer ")
    async with calling(app, key) as client:
        wrong = {"method": "DELETE", "path": "/Users/none"}
        many = {"schemas": [BULK], "Operations": [wrong] * 3}
        refused(await client.post("/Bulk", json=many), 413)
        user = {"schemas": [CORE_USER], "userName": "mai", "title": "x" * 3_000}
        refused(await client.post("/Users", json=user), 413)
        config = (await client.get("/ServiceProviderConfig")).json()
        assert config["bulk"] == {
            "supported": True,
            "maxOperations": 2,
            "maxPayloadSize": 2_048,
        }


async def test_a_repeated_post_with_its_key_is_answered_once(scim: Scim) -> None:
    body = {"schemas": [CORE_USER], "userName": "mai"}
    key = {"Idempotency-Key": "k"}
    first = await scim.client.post("/Users", json=body, headers=key)
    again = await scim.client.post("/Users", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"


async def test_requests_are_limited_as_everywhere(start: Start, scim: Scim) -> None:
    key = scim.client.headers["authorization"].removeprefix("Bearer ")
    async with calling(start(rate_limit_per_credential=1), key) as client:
        answers = [await client.get("/Users") for _ in range(40)]
    late = next(answer for answer in answers if answer.status_code != 200)
    refused(late, 429)
    assert int(late.headers["retry-after"]) > 0


_WRONG: list[tuple[str, str, object, int, str | None]] = [
    ("GET", "/Users?filter=userName", None, 400, "invalidFilter"),
    ("GET", "/Users?filter=colour eq 1", None, 400, "invalidFilter"),
    ("GET", '/Users?filter=schemas eq "x"', None, 400, "invalidFilter"),
    ("GET", f"/Users?filter={'not (' * 40}title pr{')' * 40}", None, 400, "invalidFilter"),
    ("GET", '/Users?filter=userName eq "\\u0000"', None, 400, "invalidFilter"),
    ("GET", "/Users?filter=%00", None, 400, None),
    ("GET", "/Users?sortBy=colour", None, 400, "invalidPath"),
    ("GET", "/Users?cursor=forged", None, 400, "invalidCursor"),
    ("GET", "/Users?startIndex=x", None, 400, "invalidValue"),
    ("GET", "/Groups?sortBy=members", None, 400, "invalidPath"),
    ("GET", "/Groups?sortBy=meta.version", None, 400, "invalidPath"),
    ("GET", "/Users/none", None, 404, None),
    ("GET", "/Nothing", None, 404, None),
    ("GET", "/Me", None, 501, None),
    ("GET", "/", None, 501, None),
    ("DELETE", "/Users", None, 405, None),
    ("POST", "/Users", [], 400, "invalidSyntax"),
    ("POST", "/Users", {"schemas": [CORE_USER]}, 400, "invalidValue"),
    ("POST", "/Users", {"schemas": [CORE_USER], "userName": 1}, 400, "invalidValue"),
    ("POST", "/Users", {"schemas": [CORE_USER], "userName": "a\0"}, 400, "invalidValue"),
    ("POST", "/Users", {"schemas": [CORE_USER], "userName": "x" * 501}, 400, "invalidValue"),
    (
        "POST",
        "/Users",
        {"schemas": [CORE_USER], "userName": "a", "title": " "},
        400,
        "invalidValue",
    ),
    (
        "POST",
        "/Users",
        {"schemas": [CORE_USER], "userName": "a", "emails": [{"value": "no address"}]},
        400,
        "invalidValue",
    ),
    (
        "POST",
        "/Users",
        {"schemas": [CORE_USER], "userName": "a", ENTERPRISE: {"department": "none"}},
        400,
        "invalidValue",
    ),
    (
        "POST",
        "/Groups",
        {"schemas": [CORE_GROUP], "displayName": "a", "members": [{"value": "none"}]},
        400,
        "invalidValue",
    ),
    (
        "POST",
        "/Groups",
        {"schemas": [CORE_GROUP], "displayName": "a", OKR: {"kind": "galaxy"}},
        400,
        "invalidValue",
    ),
    ("POST", "/Users", "{", 400, "invalidSyntax"),
]


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize(("method", "path", "body", "status", "scim_type"), _WRONG)
async def test_what_is_wrong_is_told_in_scim_s_form(
    scim: Scim,
    method: str,
    path: str,
    body: object,
    status: int,
    scim_type: str | None,
    language: str,
) -> None:
    sent = {"content": body} if isinstance(body, str) else {} if body is None else {"json": body}
    headers = {"Accept-Language": language}
    answer = await scim.client.request(method, path, headers=headers, **sent)
    told = refused(answer, status, scim_type)
    assert answer.headers["content-language"] == language
    assert told["detail"].isascii() == (language == "en")
    assert (await scim.get("/Users"))["totalResults"] == 0
    assert (await scim.get("/Groups"))["totalResults"] == 0


async def test_a_place_beyond_all_is_an_empty_page(scim: Scim) -> None:
    await scim.user("mai")
    page = await scim.get("/Users", startIndex=10**30, count=10**30)
    assert (page["totalResults"], page["Resources"]) == (1, [])
    first = await scim.get("/Users", startIndex=-3, count=10)
    assert (first["startIndex"], len(first["Resources"])) == (1, 1)
    assert (await scim.get("/Users", count=-1))["Resources"] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"emails[{'not (' * 500}type pr{')' * 500}].value", "a@sao.vn"),
        ('emails[value eq "a\\u0000@sao.vn"].primary', True),
        ('emails[value eq "a\\ud800@sao.vn"].primary', True),
        ("id", "x"),
        ("meta.created", "2020-01-01T00:00:00Z"),
        ("groups", []),
        ("userName", None),
        ("userName", "x" * 501),
        ("active", "perhaps"),
        ("emails[", "x"),
    ],
    ids=range(10),
)
async def test_a_patch_that_makes_no_sense_is_refused(scim: Scim, path: str, value: object) -> None:
    user = await scim.user("mai", displayName="Mai")
    wrong = {"op": "replace", "path": path, "value": value}
    right = {"op": "replace", "path": "title", "value": "A"}
    answer = await scim.client.patch(f"/Users/{user['id']}", json=patching(right, wrong))
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert await scim.get(f"/Users/{user['id']}") == user


async def test_another_media_type_is_refused(scim: Scim) -> None:
    answer = await scim.client.post(
        "/Users", content="<a/>", headers={"Content-Type": "application/xml"}
    )
    refused(answer, 415)


async def test_one_that_takes_too_long_is_told_so(start: Start, scim: Scim) -> None:
    key = scim.client.headers["authorization"].removeprefix("Bearer ")
    async with calling(start(request_timeout_seconds=1e-9), key) as client:
        refused(await client.get("/Users"), 503)


@pytest.mark.parametrize("scope", ["read", "check_in", "plan", "audit"])
async def test_a_key_of_another_scope_is_refused(app: FastAPI, build: Build, scope: str) -> None:
    made = await build.post("api-keys", name="A", scopes=[scope])
    async with calling(app, made["key"]) as client:
        for method, path in (("GET", "/Users"), ("GET", "/Schemas"), ("POST", "/Users")):
            answer = await client.request(method, path)
            refused(answer, 403)
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_without_a_good_key_nothing_is_told(app: FastAPI) -> None:
    async with calling(app, "okr_none") as client:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = await client.request(method, "/Users/x")
            refused(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_failed_request_leaves_no_trace(scim: Scim, rest: httpx.AsyncClient) -> None:
    user = await scim.user("mai")
    group = {
        "schemas": [CORE_GROUP],
        "displayName": "Sales",
        "members": [{"value": user["id"]}, {"value": "01890000-0000-7000-8000-000000000000"}],
    }
    before = (await rest.get("/v1/audit-events?limit=200")).json()["data"]
    refused(await scim.client.post("/Groups", json=group), 400, "invalidValue")
    assert (await rest.get("/v1/audit-events?limit=200")).json()["data"] == before
    assert (await rest.get("/v1/units")).json()["data"] == []

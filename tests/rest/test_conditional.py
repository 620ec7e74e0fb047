"""Versions on the wire: If-Match, If-None-Match, PUT and PATCH."""

from urllib.parse import quote

import httpx
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant, stop

from okr_service.main import create_app
from okr_service.settings import Settings


async def test_an_edit_with_the_etag_read_is_accepted_and_a_stale_one_refused(
    build: Build,
) -> None:
    objective = await build.objective()
    path = f"/v1/objectives/{objective['id']}"
    tag = (await build.rest.get(path)).headers["etag"]

    first = await build.rest.patch(path, json={"title": "B"}, headers={"If-Match": tag})
    stale = await build.rest.patch(path, json={"title": "C"}, headers={"If-Match": tag})

    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert (stale.status_code, stale.json()["code"]) == (412, "version-mismatch")
    assert (await build.get(f"objectives/{objective['id']}"))["title"] == "B"
    for stale_call in (
        build.rest.put(path, json={"title": "D"}, headers={"If-Match": tag}),
        build.rest.delete(path, headers={"If-Match": tag}),
        build.rest.post(f"{path}:close", headers={"If-Match": tag}),
        build.rest.patch(path, json={"title": "E"}, headers={"If-Match": 'W/"2-aa"'}),
    ):
        assert (await stale_call).status_code in (412, 422)


async def test_a_rolled_up_figure_is_nobodys_edit(build: Build) -> None:
    company = await build.objective()
    key_result = await build.key_result(await build.objective(parent_id=company["id"]))
    path = f"/v1/objectives/{company['id']}"
    tag = (await build.rest.get(path)).headers["etag"]

    await build.check_in(key_result, 50)

    read = await build.rest.get(path, headers={"If-None-Match": tag})
    assert (read.status_code, read.json()["version"]) == (200, 1)
    assert read.headers["etag"] != tag
    edited = await build.rest.patch(path, json={"title": "B"}, headers={"If-Match": tag})
    assert edited.status_code == 200


async def test_what_the_caller_has_already_is_not_sent_again(build: Build) -> None:
    unit = await build.unit()
    path = f"/v1/units/{unit['id']}"
    tag = (await build.rest.get(path)).headers["etag"]
    again = await build.rest.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


async def test_put_creates_and_replaces_under_the_callers_key(build: Build) -> None:
    path = "/v1/units/external:GACH/KD"
    made = await build.rest.put(path, json={"name": "Kinh doanh", "kind": "team"})
    replaced = await build.rest.put(path, json={"name": "Bán hàng"})
    assert (made.status_code, made.json()["external_id"]) == (201, "GACH/KD")
    assert made.headers["location"] == f"/v1/units/{made.json()['id']}"
    assert (replaced.status_code, replaced.json()["kind"]) == (200, "department")
    assert replaced.json()["id"] == made.json()["id"]
    assert replaced.json()["version"] == 2
    same = await build.rest.put(path, json={"name": "Bán hàng"})
    assert same.json()["version"] == 2


async def test_put_with_if_none_match_creates_only(build: Build) -> None:
    headers = {"If-None-Match": "*"}
    path = "/v1/people/external:NV-1"
    first = await build.rest.put(path, json={"name": "Mai"}, headers=headers)
    second = await build.rest.put(path, json={"name": "Lan"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 412)
    assert second.json()["code"] == "already-exists"
    assert (await build.get("people/external:NV-1"))["name"] == "Mai"


async def test_put_refuses_two_keys_and_an_unknown_id(build: Build) -> None:
    response = await build.rest.put("/v1/units/external:A", json={"name": "A", "external_id": "B"})
    assert [e["pointer"] for e in response.json()["errors"]] == ["/external_id"]
    unknown = "/v1/units/01890000-0000-7000-8000-000000000000"
    assert (await build.rest.put(unknown, json={"name": "A"})).status_code == 404
    headers = {"If-Match": '"1-aa"'}
    absent = await build.rest.put("/v1/units/external:A", json={"name": "A"}, headers=headers)
    assert absent.status_code == 412


async def test_put_without_a_state_leaves_a_closed_objective_closed(build: Build) -> None:
    objective = await build.objective(external_id="O")
    await build.post("objectives/external:O:close")
    body = {key: objective[key] for key in ("title", "unit_id", "cycle_id")}
    replaced = await build.rest.put("/v1/objectives/external:O", json=body)
    assert replaced.json()["state"] == "closed"


async def test_a_merge_patch_removes_with_null_and_keeps_the_rest(build: Build) -> None:
    person = await build.person()
    objective = await build.objective(owner_id=person["id"], tags=["a"], weight="2.5")
    headers = {"Content-Type": "application/merge-patch+json"}
    response = await build.rest.patch(
        f"/v1/objectives/{objective['id']}", content=b'{"owner_id": null}', headers=headers
    )
    changed = response.json()
    assert changed["owner_id"] is None
    assert (changed["tags"], changed["weight"]) == (["a"], 2.5)


async def test_a_service_may_ask_for_if_match(
    build: Build, settings: Settings, tenant: Tenant
) -> None:
    unit = await build.unit()
    app = create_app(settings.model_copy(update={"require_if_match": True}))
    async with client(app, tenant.key) as calling:
        path = f"/v1/units/{unit['id']}"
        without = await calling.patch(path, json={"name": "B"}, headers={"Accept-Language": "vi"})
        tag = (await calling.get(path)).headers["etag"]
        having = await calling.patch(path, json={"name": "B"}, headers={"If-Match": tag})
    await stop(app)
    assert (without.status_code, without.json()["code"]) == (428, "missing-if-match")
    assert having.status_code == 200


async def test_where_it_was_put_is_where_it_is_whatever_its_key(rest: httpx.AsyncClient) -> None:
    for key in ("a?b", "a b", "a/b", "Đơn vị 1", "a%3Fb", "a#b"):
        path = f"/v1/units/external:{quote(key, safe='')}"
        made = await rest.put(path, json={"name": "A"})
        assert made.status_code == 201, made.text
        found = await rest.get(made.headers["location"])
        assert found.json()["external_id"] == key

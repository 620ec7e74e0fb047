"""What a write by SCIM leaves: events, versions, nothing of those who are erased; and together."""

import asyncio

import httpx
from sqlalchemy import func, select
from tests.audit.walked import assert_chained
from tests.build import Build
from tests.conftest import Tenant
from tests.scim.calling import CORE_USER, ENTERPRISE, Json, Scim, patching, refused

from okr_service.kernel.database import Database
from okr_service.models import METADATA
from okr_service.scim.model import ScimUser

_ADDRESS = [{"value": "mai@sao.vn", "type": "work"}]


async def _events(build: Build) -> list[tuple[str, str, str | None, Json]]:
    """Return the events so far, the first first: action, subject, credential, what is now."""
    found = (await build.get("audit-events?limit=200"))["data"]
    return [
        (each["action"], each["subject"], each["credential"], each["after"])
        for each in reversed(found)
        if each["subject"] in ("person", "unit")
    ]


async def test_it_leaves_the_events_of_rest(
    scim: Scim, build: Build, database: Database, tenant: Tenant
) -> None:
    [key] = [k for k in (await build.get("api-keys"))["data"] if k["name"] == "HR"]
    user = await scim.user("mai", displayName="Mai", emails=_ADDRESS)
    gone = {"op": "replace", "path": "active", "value": False}
    await scim.patch(f"/Users/{user['id']}", gone)
    renamed = {"op": "replace", "path": "userName", "value": "mai2"}
    await scim.patch(f"/Users/{user['id']}", renamed)
    group = await scim.group("Sales", members=[{"value": user["id"]}])
    person = {"name": "Mai", "email": "mai@sao.vn", "active": True}
    nothing = {"external_id": None, "job_title": None, "unit_id": None}
    unit = {"name": "Sales", "kind": "department", "external_id": None}
    assert await _events(build) == [
        ("created", "person", key["id"], {**person, **nothing}),
        ("updated", "person", key["id"], {"user_name": "mai"}),
        ("updated", "person", key["id"], {"active": False}),
        ("updated", "person", key["id"], {"user_name": "mai2"}),
        ("created", "unit", key["id"], {**unit, "parent_id": None, "manager_id": None}),
        ("updated", "person", key["id"], {"unit_id": group["id"]}),
    ]
    told = (await build.get("events?limit=200"))["data"]
    assert [event["type"] for event in told if "person" in event["type"]] == [
        "okr.person.created",
        *["okr.person.updated"] * 4,
    ]
    await assert_chained(database, tenant.tenant_id)


async def test_what_somebody_owned_goes_to_who_leads_them(scim: Scim, build: Build) -> None:
    chief, worker, deleted = [await scim.user(name) for name in ("chief", "mai", "lan")]
    group = await scim.group("Sales", members=[{"value": one["id"]} for one in (worker, deleted)])
    await build.rest.patch(f"/v1/units/{group['id']}", json={"manager_id": chief["id"]})
    owned = [
        await build.objective(owner_id=one["id"], unit_id=group["id"]) for one in (worker, deleted)
    ]
    await scim.patch(f"/Users/{worker['id']}", {"op": "Replace", "value": {"active": "False"}})
    assert (await scim.client.delete(f"/Users/{deleted['id']}")).status_code == 204
    for one in owned:
        assert (await build.get(f"objectives/{one['id']}"))["owner_id"] == chief["id"]


async def test_each_write_is_one_version(scim: Scim, build: Build) -> None:
    user = await scim.user("mai")
    path = f"/Users/{user['id']}"
    for changes in (
        [{"op": "replace", "path": "userName", "value": "an"}],
        [{"op": "replace", "path": "title", "value": "A"}],
        [
            {"op": "replace", "path": "title", "value": "B"},
            {"op": "replace", "path": "externalId", "value": "x"},
        ],
    ):
        before = (await build.get(f"people/{user['id']}"))["version"]
        await scim.patch(path, *changes)
        assert (await build.get(f"people/{user['id']}"))["version"] == before + 1


async def test_what_rest_changes_scim_shows(scim: Scim, build: Build) -> None:
    user = await scim.user("mai", displayName="Mai")
    changed = {"name": "Mai Trần", "job_title": "A", "external_id": "NV-1"}
    await build.rest.patch(f"/v1/people/{user['id']}", json=changed)
    shown = await scim.get(f"/Users/{user['id']}")
    assert (shown["displayName"], shown["title"]) == ("Mai Trần", "A")
    assert shown[ENTERPRISE] == {"employeeNumber": "NV-1"}
    assert shown["meta"]["version"] != user["meta"]["version"]


async def test_a_department_is_one_unit_s_name_or_external_id(scim: Scim, build: Build) -> None:
    north, south = await build.unit(name="Sales"), await build.unit(name="Sales", external_id="S")
    user = await scim.user("mai", **{ENTERPRISE: {"department": "S"}})
    assert user["groups"][0]["value"] == south["id"]
    assert user[ENTERPRISE]["department"] == "Sales"
    body: Json = {"schemas": [CORE_USER], "userName": "mai", ENTERPRISE: {"department": "Sales"}}
    same = await scim.put(f"/Users/{user['id']}", body)
    assert same["groups"][0]["value"] == south["id"], "it is called so"
    body["userName"] = "an"
    vi = {"Accept-Language": "vi"}
    told = refused(await scim.client.post("/Users", json=body, headers=vi), 400, "invalidValue")
    assert told["detail"].startswith("department: Nhiều đơn vị cùng tên Sales")
    await build.rest.delete(f"/v1/units/{north['id']}")
    assert (await scim.post("/Users", **body))["groups"][0]["value"] == south["id"]


async def test_whoever_feeds_in_people_is_no_admin(scim: Scim, build: Build) -> None:
    """The rule is REST's: HR cannot take the account of a planner or an admin."""
    chief = await build.person(email="chief@sao.vn", name="Chief")
    await build.post(f"people/{chief['id']}:assign-role", role="admin")
    changes: list[Json] = [
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "hr@sao.vn"},
        {"op": "replace", "path": f"{ENTERPRISE}:employeeNumber", "value": "NV-1"},
    ]
    for change in changes:
        refused(await scim.client.patch(f"/Users/{chief['id']}", json=patching(change)), 403)
    another = {"schemas": [CORE_USER], "userName": "x", "emails": [{"value": "CHIEF@sao.vn"}]}
    refused(await scim.client.post("/Users", json=another), 403)
    assert (await build.get(f"people/{chief['id']}"))["email"] == "chief@sao.vn"


async def test_who_is_erased_is_not_there_any_more(
    scim: Scim, build: Build, database: Database, tenant: Tenant
) -> None:
    name = {"familyName": "Trần", "givenName": "Mai"}
    user = await scim.user("mai-tran", externalId="okta-7", name=name, emails=_ADDRESS)
    await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "userName", "value": "mt"})
    await build.post(f"people/{user['id']}:erase")
    refused(await scim.client.get(f"/Users/{user['id']}"), 404)
    assert (await scim.get("/Users"))["totalResults"] == 0
    row = select(func.to_jsonb(METADATA.tables[ScimUser.__tablename__].table_valued()))
    async with database.reading() as connection:
        [kept] = await connection.scalars(row.where(ScimUser.tenant_id == tenant.tenant_id))
    assert {k for k, v in kept.items() if v is not None} == {
        *("tenant_id", "person_id", "deleted_at")
    }
    events = await build.rest.get("/v1/audit-events?limit=200")
    for text in ("mai-tran", "okta-7", "Trần", "mai@sao.vn"):
        assert text not in events.text
        assert text not in (await build.rest.get("/v1/events?limit=1000")).text


async def test_a_deleted_record_takes_its_user_with_it(
    scim: Scim, build: Build, database: Database, tenant: Tenant
) -> None:
    user = await scim.user("mai")
    assert (await build.rest.delete(f"/v1/people/{user['id']}")).status_code == 204
    async with database.reading() as connection:
        of_tenant = select(func.count()).where(ScimUser.tenant_id == tenant.tenant_id)
        assert await connection.scalar(of_tenant) == 0
    assert (await scim.user("mai"))["id"] != user["id"]


async def test_of_those_who_take_a_name_at_once_one_has_it(scim: Scim) -> None:
    body = {"schemas": [CORE_USER], "userName": "mai"}
    answers = await asyncio.gather(*(scim.client.post("/Users", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert (await scim.get("/Users"))["totalResults"] == 1


async def test_patches_at_once_lose_nothing(scim: Scim) -> None:
    """Each reads what the one before it wrote, though all of them began at once."""
    users = [await scim.user(f"u{number}") for number in range(6)]
    group = await scim.group("Sales")
    path = f"/Groups/{group['id']}"
    adding = [
        patching({"op": "add", "path": "members", "value": [{"value": user["id"]}]})
        for user in users
    ]
    answers: list[httpx.Response] = await asyncio.gather(
        *(scim.client.patch(path, json=body) for body in adding)
    )
    assert {answer.status_code for answer in answers} == {204}
    assert len((await scim.get(path))["members"]) == 6
    one = f"/Users/{users[0]['id']}"
    fields = ("title", "externalId", "name.givenName", "name.familyName")
    await asyncio.gather(
        *(
            scim.client.patch(one, json=patching({"op": "add", "path": each, "value": each}))
            for each in fields
        )
    )
    shown = await scim.get(one)
    assert (shown["title"], shown["externalId"]) == ("title", "externalId")
    assert shown["name"] == {"givenName": "name.givenName", "familyName": "name.familyName"}


async def test_bulk_requests_in_opposite_orders_wait_for_each_other(scim: Scim) -> None:
    users = [await scim.user(f"u{number}") for number in range(4)]
    groups = [await scim.group(f"G{number}") for number in range(2)]
    title = patching({"op": "replace", "path": "title", "value": "A"})
    operations = [
        *({"method": "PATCH", "path": f"/Users/{each['id']}", "data": title} for each in users),
        *(
            {
                "method": "PATCH",
                "path": f"/Groups/{each['id']}",
                "data": patching({"op": "replace", "path": "displayName", "value": "B"}),
            }
            for each in groups
        ),
    ]
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    orders = [operations, operations[::-1], operations[:4], operations[3::-1]]
    answers = await asyncio.gather(
        *(
            scim.client.post("/Bulk", json={"schemas": schemas, "Operations": order})
            for order in orders
        )
    )
    for answer in answers:
        assert {each["status"] for each in answer.json()["Operations"]} == {"200"}, answer.text

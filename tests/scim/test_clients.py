"""What Entra ID, Okta and Workday send, as they document it or are known to."""

import pytest
from tests.build import Build
from tests.scim.calling import CORE_GROUP, CORE_USER, ENTERPRISE, Json, Scim, patching

_ENTRA_USER: Json = {
    "schemas": [CORE_USER, ENTERPRISE],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "mai@saomai.onmicrosoft.com",
    "active": True,
    "displayName": "Nguyễn Thị Mai",
    "emails": [{"primary": True, "type": "work", "value": "mai@saomai.vn"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Mai Nguyễn", "familyName": "Nguyễn", "givenName": "Mai"},
    "roles": [],
    "addresses": [{"type": "work", "locality": "Đà Nẵng", "primary": True}],
    "phoneNumbers": [{"type": "mobile", "value": "+84 90"}],
    "title": "Trưởng phòng",
    "preferredLanguage": "vi",
    ENTERPRISE: {"employeeNumber": "NV-1", "department": "Kinh doanh", "costCenter": "1"},
}
_OKTA_USER: Json = {
    "schemas": [CORE_USER],
    "userName": "an@saomai.vn",
    "name": {"givenName": "An", "familyName": "Lê"},
    "emails": [{"primary": True, "value": "an@saomai.vn", "type": "work"}],
    "displayName": "Lê An",
    "locale": "vi-VN",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}


class TestEntra:
    """Microsoft Entra ID."""

    async def test_it_probes_for_nobody(self, scim: Scim) -> None:
        """At set-up it asks for a user of a random name, and expects an empty list."""
        page = await scim.get("/Users", filter='userName eq "2e1f7d0c-8d5c-4a2e-9e5a-f4a3b2f6c0d1"')
        assert (page["totalResults"], page["Resources"]) == (0, [])
        page = await scim.get(
            "/Groups", excludedAttributes="members", filter='displayName eq "none"'
        )
        assert (page["totalResults"], page["Resources"]) == (0, [])

    async def test_it_creates_and_finds_what_it_sent(self, scim: Scim, build: Build) -> None:
        unit = await build.unit(name="Kinh doanh")
        made = await scim.post("/Users", **_ENTRA_USER)
        for name in ("externalId", "userName", "displayName", "name", "title", "active"):
            assert made[name] == _ENTRA_USER[name]
        assert made["emails"] == [{"value": "mai@saomai.vn", "type": "work", "primary": True}]
        assert made[ENTERPRISE] == {"employeeNumber": "NV-1", "department": "Kinh doanh"}
        person = await build.get("people/external:NV-1")
        assert (person["id"], person["unit_id"]) == (made["id"], unit["id"])
        assert (person["name"], person["email"]) == ("Nguyễn Thị Mai", "mai@saomai.vn")
        for wanted in (
            f'externalId eq "{_ENTRA_USER["externalId"]}"',
            'userName eq "Mai@SaoMai.onmicrosoft.com"',
            'emails[type eq "work"].value eq "mai@saomai.vn"',
            f'{ENTERPRISE}:employeeNumber eq "NV-1"',
        ):
            assert await scim.found("/Users", wanted) == [made["id"]], wanted

    async def test_it_finds_whom_it_did_not_make(self, scim: Scim, build: Build) -> None:
        """Else it would make people of a planning file a second time."""
        mai = await build.person(external_id="NV-1", email="Mai@saomai.vn")
        an = await build.person(external_id="NV-2")
        assert await scim.found("/Users", 'userName eq "mai@saomai.vn"') == [mai["id"]]
        assert await scim.found("/Users", 'externalId eq "NV-2"') == [an["id"]]
        assert await scim.found("/Users", f'userName eq "{an["id"]}"') == [an["id"]]
        taken = await scim.client.post("/Users", json={**_OKTA_USER, "userName": "MAI@saomai.vn"})
        assert taken.status_code == 409

    @pytest.mark.parametrize("false", ["False", "false", pytest.param(False, id="boolean")])
    async def test_it_disables(self, scim: Scim, build: Build, false: object) -> None:
        user = await scim.user("mai")
        gone = {"op": "Replace", "path": "active", "value": false}
        assert (await scim.patch(f"/Users/{user['id']}", gone))["active"] is False
        assert (await build.get(f"people/{user['id']}"))["active"] is False
        back = {"op": "Add", "path": "active", "value": "True"}
        assert (await scim.patch(f"/Users/{user['id']}", back))["active"] is True

    async def test_its_patches(self, scim: Scim, build: Build) -> None:
        await build.unit(name="Kế toán")
        user = await scim.user("mai", displayName="Mai")
        patched = await scim.patch(
            f"/Users/{user['id']}",
            {"op": "Add", "path": 'emails[type eq "work"].value', "value": "mai@saomai.vn"},
            {"op": "Replace", "path": "name.familyName", "value": "Trần"},
            {"op": "Replace", "path": "displayName", "value": "Trần Mai"},
            {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Kế toán"},
            {"op": "Add", "path": f"{ENTERPRISE}:employeeNumber", "value": "NV-7"},
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": user["id"]},
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+84"},
        )
        assert patched["emails"] == [{"value": "mai@saomai.vn", "type": "work", "primary": True}]
        assert (patched["name"], patched["displayName"]) == ({"familyName": "Trần"}, "Trần Mai")
        assert patched[ENTERPRISE] == {"employeeNumber": "NV-7", "department": "Kế toán"}
        other = {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "m@saomai.vn"}
        assert (await scim.patch(f"/Users/{user['id']}", other))["emails"][0]["value"] == (
            "m@saomai.vn"
        )
        without = await scim.patch(
            f"/Users/{user['id']}", {"op": "Remove", "path": 'emails[type eq "work"].value'}
        )
        assert "emails" not in without

    async def test_its_patch_without_a_path_has_paths_for_names(self, scim: Scim) -> None:
        user = await scim.user("mai")
        value = {"name.givenName": "Mai", "title": "A", f"{ENTERPRISE}:employeeNumber": "NV-1"}
        patched = await scim.patch(f"/Users/{user['id']}", {"op": "Add", "value": value})
        assert (patched["name"], patched["title"]) == ({"givenName": "Mai"}, "A")
        assert patched[ENTERPRISE] == {"employeeNumber": "NV-1"}

    async def test_it_removes_members_by_a_list(self, scim: Scim) -> None:
        mai, an = await scim.user("mai"), await scim.user("an")
        group = await scim.group("Sales", externalId="g-1")
        path = f"/Groups/{group['id']}"
        both = [{"$ref": None, "value": mai["id"]}, {"$ref": None, "value": an["id"]}]
        added = await scim.patch(path, {"op": "Add", "path": "members", "value": both})
        assert {each["value"] for each in added["members"]} == {mai["id"], an["id"]}
        left = await scim.patch(path, {"op": "Remove", "path": "members", "value": both[:1]})
        assert [each["value"] for each in left["members"]] == [an["id"]]
        assert await scim.found(
            "/Groups", f'id eq "{group["id"]}" and members eq "{an["id"]}"'
        ) == [group["id"]]
        assert await scim.found("/Groups", 'externalId eq "g-1"') == [group["id"]]
        shown = await scim.get(path, excludedAttributes="members")
        assert "members" not in shown

    async def test_the_manager_it_sends_is_passed_over(self, scim: Scim, build: Build) -> None:
        """Who leads a unit is said of the unit; a user shows it."""
        chief, mai = await scim.user("chief", displayName="Chief"), await scim.user("mai")
        unit = await build.unit(manager_id=chief["id"])
        await build.rest.patch(f"/v1/people/{mai['id']}", json={"unit_id": unit["id"]})
        sent = {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": mai["id"]}
        shown = (await scim.patch(f"/Users/{mai['id']}", sent))[ENTERPRISE]["manager"]
        assert (shown["value"], shown["displayName"]) == (chief["id"], "Chief")
        assert shown["$ref"] == f"http://okr.test/scim/v2/Users/{chief['id']}"


class TestOkta:
    """Okta."""

    async def test_it_imports_in_pages(self, scim: Scim) -> None:
        page = await scim.get("/Users", startIndex=1, count=2)
        assert (page["totalResults"], page["startIndex"], page["Resources"]) == (0, 1, [])

    async def test_it_looks_creates_and_replaces(self, scim: Scim, build: Build) -> None:
        assert await scim.found("/Users", 'userName eq "an@saomai.vn"') == []
        made = await scim.post("/Users", **_OKTA_USER)
        assert "password" not in made
        changed = {**_OKTA_USER, "id": made["id"], "displayName": "Lê Văn An", "title": "A"}
        changed["name"] = {"givenName": "Văn An", "familyName": "Lê"}
        replaced = await scim.put(f"/Users/{made['id']}", changed)
        assert (replaced["displayName"], replaced["title"]) == ("Lê Văn An", "A")
        assert replaced["name"] == changed["name"]
        again = await scim.put(f"/Users/{made['id']}", {**_OKTA_USER, "displayName": "An"})
        assert "title" not in again
        assert (await build.get(f"people/{made['id']}"))["name"] == "An"

    async def test_its_put_leaves_what_it_does_not_know(self, scim: Scim, build: Build) -> None:
        """It replaces whole users without the Enterprise attributes: they stay where they are."""
        made = await scim.post("/Users", **_OKTA_USER)
        await scim.group("Sales", members=[{"value": made["id"]}])
        await build.rest.patch(f"/v1/people/{made['id']}", json={"external_id": "NV-9"})
        gone = {"op": "replace", "value": {"active": False}}
        await scim.patch(f"/Users/{made['id']}", gone)
        without = {name: value for name, value in _OKTA_USER.items() if name != "active"}
        kept = await scim.put(f"/Users/{made['id']}", without)
        assert kept[ENTERPRISE] == {"employeeNumber": "NV-9", "department": "Sales"}
        assert kept["active"] is False
        nulls = {**_OKTA_USER, ENTERPRISE: {"employeeNumber": None, "department": None}}
        cleared = await scim.put(f"/Users/{made['id']}", nulls)
        assert ENTERPRISE not in cleared
        assert cleared["active"] is True

    async def test_it_deactivates_and_comes_back(self, scim: Scim, build: Build) -> None:
        made = await scim.post("/Users", **_OKTA_USER)
        objective = await build.objective(owner_id=made["id"])
        gone = {"op": "replace", "value": {"active": False}}
        assert (await scim.patch(f"/Users/{made['id']}", gone))["active"] is False
        kept = await build.get(f"objectives/{objective['id']}")
        assert (kept["owner_id"], kept["version"]) == (made["id"], objective["version"])
        assert (await scim.put(f"/Users/{made['id']}", _OKTA_USER))["active"] is True

    async def test_it_pushes_groups(self, scim: Scim, build: Build) -> None:
        mai, an = await scim.user("mai"), await scim.user("an")
        made = await scim.post("/Groups", schemas=[CORE_GROUP], displayName="Sales", members=[])
        path, vi = f"/Groups/{made['id']}", {"value": mai["id"], "display": "mai"}
        named = await scim.patch(
            path, {"op": "replace", "value": {"id": made["id"], "displayName": "Bán hàng"}}
        )
        assert named["displayName"] == "Bán hàng"
        one = await scim.patch(path, {"op": "add", "path": "members", "value": [vi]})
        assert [each["value"] for each in one["members"]] == [mai["id"]]
        swapped = await scim.patch(
            path,
            {"op": "remove", "path": f'members[value eq "{mai["id"]}"]'},
            {"op": "add", "path": "members", "value": [{"value": an["id"], "display": "an"}]},
        )
        assert [each["value"] for each in swapped["members"]] == [an["id"]]
        both = [{"value": mai["id"]}, {"value": an["id"]}]
        all_of_them = await scim.patch(path, {"op": "replace", "path": "members", "value": both})
        assert len(all_of_them["members"]) == 2
        whole = {"schemas": [CORE_GROUP], "displayName": "Sales", "members": both[:1]}
        replaced = await scim.put(path, whole)
        assert [each["value"] for each in replaced["members"]] == [mai["id"]]
        assert (await build.get(f"people/{an['id']}"))["unit_id"] is None

    async def test_its_put_of_a_group_leaves_the_tree(self, scim: Scim, build: Build) -> None:
        above = await build.unit()
        unit = await build.unit(kind="team", parent_id=above["id"], external_id="U")
        mai = await build.person(unit_id=unit["id"])
        said = {"schemas": [CORE_GROUP], "displayName": "Renamed"}
        shown = await scim.put(f"/Groups/{unit['id']}", said)
        assert [each["value"] for each in shown["members"]] == [mai["id"]]
        now = await build.get(f"units/{unit['id']}")
        assert (now["name"], now["kind"], now["parent_id"], now["external_id"]) == (
            "Renamed",
            "team",
            above["id"],
            "U",
        )

    async def test_a_user_of_two_pushed_groups_is_in_the_last(self, scim: Scim) -> None:
        mai = await scim.user("mai")
        first = await scim.group("A", members=[{"value": mai["id"]}])
        second = await scim.group("B", members=[{"value": mai["id"]}])
        assert "members" not in await scim.get(f"/Groups/{first['id']}")
        [group] = (await scim.get(f"/Users/{mai['id']}"))["groups"]
        assert group["value"] == second["id"]

    async def test_an_unlinked_group_is_deleted(self, scim: Scim, build: Build) -> None:
        mai = await scim.user("mai")
        group = await scim.group("A", members=[{"value": mai["id"]}])
        assert (await scim.client.delete(f"/Groups/{group['id']}")).status_code == 204
        assert "groups" not in await scim.get(f"/Users/{mai['id']}")
        used = await build.unit()
        await build.objective(unit_id=used["id"])
        await scim.patch(
            f"/Groups/{used['id']}",
            {"op": "add", "path": "members", "value": [{"value": mai["id"]}]},
        )
        assert (await scim.client.delete(f"/Groups/{used['id']}")).status_code == 409
        assert len((await scim.get(f"/Groups/{used['id']}"))["members"]) == 1


class TestWorkday:
    """Workday."""

    async def test_a_count_beyond_reason_is_served_in_pages(self, scim: Scim) -> None:
        for number in range(3):
            await scim.user(f"w{number}", **{ENTERPRISE: {"employeeNumber": f"2104{number}"}})
        page = await scim.get("/Users", startIndex=1, count=1_000_000)
        assert (page["totalResults"], page["itemsPerPage"]) == (3, 3)
        beyond = await scim.get("/Users", startIndex=4, count=1_000_000)
        assert (beyond["totalResults"], beyond["Resources"]) == (3, [])

    async def test_workers_go_by_their_employee_number(self, scim: Scim, build: Build) -> None:
        """It is the external id, by which planning files and REST know them."""
        number: Json = {ENTERPRISE: {"employeeNumber": "21046"}}
        worker = await scim.user("21046", displayName="An", **number)
        assert (await build.get("people/external:21046"))["id"] == worker["id"]
        taken = {"schemas": [CORE_USER], "userName": "other", **number}
        again = await scim.client.post("/Users", json=taken)
        assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")

    async def test_a_worker_without_a_display_name_has_one(self, scim: Scim, build: Build) -> None:
        name = {"givenName": "An", "middleName": "Văn", "familyName": "Lê"}
        worker = await scim.user("21046", name=name)
        assert (await build.get(f"people/{worker['id']}"))["name"] == "An Văn Lê"
        formatted = {"schemas": [CORE_USER], "userName": "1", "name": {"formatted": "Lê Văn An"}}
        replaced = await scim.put(f"/Users/{worker['id']}", formatted)
        assert replaced["displayName"] == "Lê Văn An"

    async def test_who_left_and_returns_is_the_same_person(self, scim: Scim, build: Build) -> None:
        """Objectives go on naming them; for SCIM they are gone, and of no unit."""
        number: Json = {ENTERPRISE: {"employeeNumber": "21046"}}
        worker = await scim.user("an", displayName="An", **number)
        unit = await scim.group("Sales", members=[{"value": worker["id"]}])
        objective = await build.objective(owner_id=worker["id"])
        path = f"/Users/{worker['id']}"
        assert (await scim.client.delete(path)).status_code == 204
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            body = patching({"op": "replace", "path": "title", "value": "A"})
            gone = await scim.client.request(method, path, json=body)
            assert gone.status_code == 404, method
        assert await scim.found("/Users", 'userName eq "an"') == []
        [event] = (await build.get("audit-events?limit=1"))["data"]
        assert (event["before"], event["after"]) == ({"user_name": "an"}, {"user_name": None})
        members = [{"value": worker["id"]}]
        group = {"schemas": [CORE_GROUP], "displayName": "Sales", "members": members}
        assert (await scim.client.post("/Groups", json=group)).status_code == 400
        assert (await build.get(f"people/{worker['id']}"))["active"] is False
        assert (await build.get(f"objectives/{objective['id']}"))["owner_id"] == worker["id"]
        assert (await scim.client.delete(f"/Groups/{unit['id']}")).status_code == 204
        another = await scim.user("an")
        assert another["id"] != worker["id"]
        back = await scim.user("an2", displayName="An", **number)
        assert (back["id"], back["active"]) == (worker["id"], True)

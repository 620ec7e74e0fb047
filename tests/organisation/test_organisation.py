"""Units form a tree, people belong to units."""

from tests.build import Build


async def test_units_form_a_tree_without_loops(build: Build) -> None:
    group = await build.unit(kind="group", external_id="TD")
    company = await build.unit(kind="company", parent_id="external:TD")
    response = await build.rest.patch("/v1/units/external:TD", json={"parent_id": company["id"]})
    assert response.json()["code"] == "unit-would-loop"
    found = await build.get("units?parent_id=external:TD")
    assert [unit["id"] for unit in found["data"]] == [company["id"]]
    assert (await build.get("units?kind=group"))["data"][0]["id"] == group["id"]


async def test_people_are_found_without_accents(build: Build) -> None:
    unit = await build.unit()
    person = await build.person(name="Nguyễn Thị Đào", unit_id=unit["id"], email="dao@x.example")
    for query in ("q=nguyen thi dao", "q=ĐÀO", f"unit_id={unit['id']}", "active=true"):
        assert [p["id"] for p in (await build.get(f"people?{query}"))["data"]] == [person["id"]]
    await build.rest.patch(f"/v1/people/{person['id']}", json={"active": False})
    assert (await build.get("people?active=true"))["data"] == []
    refused = await build.rest.delete(f"/v1/units/{unit['id']}")
    assert refused.json()["code"] == "still-in-use"
    assert (await build.rest.delete(f"/v1/people/{person['id']}")).status_code == 204

"""Lists: pages, filters, orders, shapes."""

import pytest
from tests.build import Build, Json


async def pages(build: Build, path: str) -> list[list[Json]]:
    """Follow the links from page to page."""
    found, following = [], f"/v1/{path}"
    while following:
        response = await build.rest.get(following)
        assert response.status_code == 200, response.text
        found.append(response.json()["data"])
        link = response.headers.get("link")
        assert bool(link) == response.json()["page"]["has_more"]
        following = link.partition(">")[0].removeprefix("<") if link else ""
    return found


@pytest.mark.parametrize("sort", ["", "-id", "title", "-title", "progress", "-progress", "weight"])
async def test_pages_follow_each_other_without_gap_or_repetition(build: Build, sort: str) -> None:
    for number in range(7):
        objective = await build.objective(title=f"T{number % 3}", weight=number % 2)
        if number % 2:
            key_result = await build.key_result(objective)
            await build.check_in(key_result, number % 4 * 10)
    whole = (await build.get(f"objectives?sort={sort}" if sort else "objectives"))["data"]

    split = await pages(build, f"objectives?limit=2&sort={sort}" if sort else "objectives?limit=2")

    assert [len(page) for page in split] == [2, 2, 2, 1]
    assert [o["id"] for page in split for o in page] == [o["id"] for o in whole]
    assert len({o["id"] for o in whole}) == 7


async def test_a_page_is_stable_while_others_insert(build: Build) -> None:
    made = [await build.unit() for _ in range(4)]
    first = await build.get("units?limit=2")
    added = await build.unit()
    rest = await build.get(f"units?limit=10&cursor={first['page']['next_cursor']}")
    ids = [u["id"] for u in first["data"] + rest["data"]]
    assert ids == [u["id"] for u in [*made, added]]


async def test_a_cursor_of_another_order_is_refused(build: Build) -> None:
    for _ in range(3):
        await build.unit()
    cursor = (await build.get("units?limit=1&sort=name"))["page"]["next_cursor"]
    response = await build.rest.get(f"/v1/units?limit=1&sort=-name&cursor={cursor}")
    assert response.json()["code"] == "invalid-cursor"


async def test_objectives_are_found_by_each_filter(build: Build) -> None:
    owner = await build.person(external_id="NV-1")
    parent = await build.objective(title="Dẫn đầu thị trường gạch ốp lát", external_id="P")
    child = await build.objective(
        title="Mở rộng đại lý miền Đông",
        parent_id=parent["id"],
        owner_id=owner["id"],
        ambition="aspirational",
        tags=["sales", "2026"],
        state="draft",
    )
    await build.check_in(await build.key_result(child), 40)

    async def ids(query: str) -> list[str]:
        return [o["id"] for o in (await build.get(f"objectives?{query}"))["data"]]

    only_child, both = [child["id"]], [parent["id"], child["id"]]
    assert await ids("owner_id=external:NV-1") == only_child
    assert await ids(f"owner_id={owner['id']}") == only_child
    assert await ids("parent_id=external:P") == only_child
    assert await ids("root=true") == [parent["id"]]
    assert await ids("root=false") == only_child
    assert await ids("state=draft") == only_child
    assert await ids("state=draft,active") == both
    assert await ids("state=draft&state=active") == both
    assert await ids("ambition=aspirational") == only_child
    assert await ids("tag=sales,2026") == only_child
    assert await ids("tag=sales,2027") == []
    assert await ids("progress_gte=0.4") == only_child
    assert await ids("progress_gte=0.400001") == []
    assert await ids("progress_lte=0.4") == only_child
    assert await ids("measured=false") == [parent["id"]]
    assert await ids("q=mo rong dai ly") == only_child
    assert await ids("q=DẪN ĐẦU") == [parent["id"]]
    assert await ids("q=dan dau thi tr") == [parent["id"]]
    assert await ids("q=gach dong") == []
    assert await ids("q=%3A%26!%27") == []
    assert await ids(f"unit_id={parent['unit_id']}&cycle_id={parent['cycle_id']}") == both
    assert await ids("unit_id=external:none") == []
    assert await ids("updated_since=2100-01-01T00:00:00Z") == []
    assert await ids("updated_since=2026-01-01") == both


async def test_a_cycle_is_named_by_its_code(build: Build) -> None:
    await build.cycle(code="2026-Q3", start_date="2026-07-01", end_date="2026-09-30")
    objective = await build.objective(cycle_id="2026-Q3")
    found = await build.get("objectives?cycle_id=2026-Q3")
    assert [o["id"] for o in found["data"]] == [objective["id"]]
    assert (await build.get("cycles/2026-Q3"))["id"] == objective["cycle_id"]
    found = (await build.get("cycles?on=2026-08-01&sort=start_date"))["data"]
    assert "2026-Q3" in [cycle["code"] for cycle in found]
    assert (await build.get("cycles?on=2025-08-01"))["data"] == []


async def test_answers_take_the_shape_that_is_asked_for(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective, plan=[{"date": "2026-03-31", "value": "2.50"}])
    child = await build.objective(parent_id=objective["id"])

    listed = await build.get("objectives?fields=title&include=key_results,children&root=true")

    [shown] = listed["data"]
    assert set(shown) == {"id", "title", "key_results", "children"}
    assert [k["id"] for k in shown["key_results"]] == [key_result["id"]]
    assert shown["key_results"][0]["plan"] == [{"date": "2026-03-31", "value": "2.5"}]
    assert shown["children"] == [child["id"]]
    one = await build.get(f"objectives/{objective['id']}?fields=weight")
    assert one == {"id": objective["id"], "weight": 1}


async def test_a_list_counts_only_where_asked(build: Build) -> None:
    for _ in range(3):
        await build.unit()
    assert "total" not in (await build.get("units?limit=1"))["page"]
    assert (await build.get("units?limit=1&count=exact"))["page"]["total"] == 3


async def test_key_results_are_listed_under_their_objective(build: Build) -> None:
    objective = await build.objective(external_id="O/1")
    mine = await build.key_result(objective, external_id="O/1/KR1")
    await build.key_result()
    found = await build.get("objectives/external:O/1/key-results")
    assert [k["id"] for k in found["data"]] == [mine["id"]]
    assert (await build.get("key-results/external:O/1/KR1"))["id"] == mine["id"]
    assert (await build.get("key-results/external:O%2F1%2FKR1"))["id"] == mine["id"]

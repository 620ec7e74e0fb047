"""What becomes of objectives and key results, and what that does to the figures above."""

from tests.build import Build, Json


async def planned(build: Build) -> tuple[Json, Json, Json]:
    """Plan a company with two teams, at 20 % and 60 %."""
    company = await build.objective()
    teams = []
    for value in (20, 60):
        team = await build.objective(parent_id=company["id"])
        await build.check_in(await build.key_result(team), value)
        teams.append(team)
    return company, teams[0], teams[1]


async def test_states_count_or_do_not(build: Build) -> None:
    company, low, high = await planned(build)
    assert await build.progress(company) == 0.4
    path = f"objectives/{low['id']}"
    for verb, progress in [("close", 0.4), ("reopen", 0.4), ("cancel", 0.6)]:
        await build.post(f"{path}:{verb}")
        assert await build.progress(company) == progress, verb
    again = await build.rest.post(f"/v1/{path}:reopen")
    assert (again.status_code, again.json()["code"]) == (409, "state-change-not-allowed")
    assert await build.progress(high) == 0.6


async def test_a_draft_counts_once_it_is_activated(build: Build) -> None:
    company, _, _ = await planned(build)
    draft = await build.objective(parent_id=company["id"], state="draft")
    await build.check_in(await build.key_result(draft), 100)
    assert await build.progress(company) == 0.4
    await build.post(f"objectives/{draft['id']}:activate")
    assert await build.progress(company) == 0.6


async def test_weights_moves_and_deletions_reach_the_top(build: Build) -> None:
    company, low, high = await planned(build)
    await build.rest.patch(f"/v1/objectives/{low['id']}", json={"weight": "3"})
    assert await build.progress(company) == 0.3
    elsewhere = await build.objective()
    await build.post(f"objectives/{low['id']}:align", parent_id=elsewhere["id"])
    assert (await build.progress(company), await build.progress(elsewhere)) == (0.6, 0.2)
    await build.post(f"objectives/{low['id']}:align", parent_id=None)
    assert await build.progress(elsewhere) is None
    assert (await build.rest.delete(f"/v1/objectives/{high['id']}")).status_code == 204
    assert await build.progress(company) is None
    assert (await build.rest.get(f"/v1/objectives/{high['id']}")).status_code == 404


async def test_a_zero_weight_is_aligned_but_not_counted(build: Build) -> None:
    company, low, _ = await planned(build)
    await build.rest.patch(f"/v1/objectives/{low['id']}", json={"weight": 0})
    assert await build.progress(company) == 0.6


async def test_an_edited_target_moves_what_is_above(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective, target_value="200")
    await build.check_in(key_result, "100")
    path = f"/v1/key-results/{key_result['id']}"
    for change, progress in [
        ({"target_value": "400"}, 0.25),
        ({"start_value": "-200"}, 0.5),
        ({"metric": "at_least", "start_value": None, "target_value": "100"}, 1),
        ({"metric": "boolean", "target_value": None}, 1),
    ]:
        response = await build.rest.patch(path, json=change)
        assert response.status_code == 200, response.text
        assert await build.progress(objective) == progress, change


async def test_a_deleted_key_result_counts_no_more_and_keeps_its_history(build: Build) -> None:
    objective = await build.objective()
    first = await build.key_result(objective, external_id="KR")
    report = await build.check_in(first, 50)
    await build.rest.delete(f"/v1/key-results/{first['id']}")
    assert await build.progress(objective) is None
    assert (await build.rest.get("/v1/key-results/external:KR")).status_code == 404
    assert (await build.get(f"check-ins/{report['id']}"))["value"] == "50"
    again = await build.key_result(objective, external_id="KR")
    assert again["id"] != first["id"]


async def test_each_metric_reads_progress_its_own_way(build: Build) -> None:
    objective = await build.objective()
    cases = [
        ({"metric": "increase", "start_value": "10", "target_value": "20"}, "23", 1, 1.3),
        ({"metric": "increase", "start_value": "10", "target_value": "20"}, "7", 0, -0.3),
        ({"metric": "decrease", "start_value": "30", "target_value": "20"}, "26.5", 0.35, 0.35),
        ({"metric": "at_least", "target_value": "5"}, "5", 1, 1),
        ({"metric": "at_least", "target_value": "5"}, "4.9", 0, 0),
        ({"metric": "at_most", "target_value": "5"}, "5", 1, 1),
        ({"metric": "at_most", "target_value": "5"}, "5.1", 0, 0),
        ({"metric": "between", "target_value": "1", "target_max": "2"}, "2", 1, 1),
        ({"metric": "between", "target_value": "1", "target_max": "2"}, "0", 0, 0),
        ({"metric": "boolean"}, "1", 1, 1),
    ]
    for figures, value, progress, raw in cases:
        key_result = await build.key_result(objective, **figures)
        assert key_result["progress"] == 0, "no check-in yet means the start"
        await build.check_in(key_result, value)
        shown = await build.get(f"key-results/{key_result['id']}")
        assert (shown["progress"], shown["raw_progress"]) == (progress, raw), figures


async def test_a_key_result_stays_with_its_objective(build: Build) -> None:
    key_result = await build.key_result()
    other = await build.objective()
    path = f"/v1/key-results/{key_result['id']}"
    response = await build.rest.patch(path, json={"objective_id": other["id"]})
    assert response.json()["code"] == "objective-fixed"


async def test_what_is_deleted_takes_no_room_in_the_depth(build: Build) -> None:
    chain = [await build.objective()]
    for _ in range(31):
        chain.append(await build.objective(parent_id=chain[-1]["id"]))
    for objective in reversed(chain[1:]):
        await build.rest.delete(f"/v1/objectives/{objective['id']}")
    top = await build.objective()
    moved = await build.post(f"objectives/{chain[0]['id']}:align", parent_id=top["id"])
    assert moved["parent_id"] == top["id"]

"""Action plans and actions, and key results measured by them."""

from tests.build import Build


async def test_the_weighted_share_of_actions_done_is_the_progress(build: Build) -> None:
    objective = await build.objective()
    key_result = await build.key_result(objective, metric="actions")
    plan = await build.action_plan(key_result)
    first = await build.action(plan, weight=2)
    await build.action(plan, weight=1, state="done")
    await build.action(plan, weight=5, state="cancelled")
    assert await build.progress(objective) == 0.333333

    done = await build.rest.patch(f"/v1/actions/{first['id']}", json={"state": "done"})

    assert done.json()["done_at"] is not None
    assert await build.progress(objective) == 1
    await build.rest.delete(f"/v1/actions/{first['id']}")
    assert await build.progress(objective) == 1
    assert (await build.get(f"key-results/{key_result['id']}"))["current_value"] is None


async def test_without_actions_nothing_is_done(build: Build) -> None:
    objective = await build.objective()
    await build.key_result(objective, metric="actions")
    assert await build.progress(objective) == 0


async def test_plans_and_actions_are_found_by_month_owner_and_overdue(build: Build) -> None:
    owner = await build.person()
    plan = await build.action_plan(await build.key_result(), owner_id=owner["id"])
    late = await build.action(plan, due_date="2026-09-10", owner_id=owner["id"])
    done = await build.action(plan, due_date="2026-09-10", state="done")
    free = await build.action(plan)
    for query, wanted in [
        ("overdue=true", [late]),
        ("overdue=false", [done, free]),
        ("month=2026-09", [late, done]),
        (f"owner_id={owner['id']}", [late]),
        ("state=done", [done]),
    ]:
        found = (await build.get(f"actions?{query}"))["data"]
        assert [a["id"] for a in found] == [a["id"] for a in wanted], query
    key_result_id = plan["key_result_id"]
    [listed] = (await build.get(f"key-results/{key_result_id}/action-plans?include=actions"))[
        "data"
    ]
    assert len(listed["actions"]) == 3
    assert (await build.get("action-plans?month=2026-10"))["data"] == []
    response = await build.rest.delete(f"/v1/action-plans/{plan['id']}")
    assert response.json()["code"] == "action-plan-has-actions"

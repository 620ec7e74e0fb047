"""Events of what is private, and links to it: told to those who see it, by what they see now."""

import json
from typing import Any

import httpx
import pytest
from tests.group import BELONGING, PRIVATE, UNIT_OF, Group, sees

Json = dict[str, Any]  # what httpx gives


async def _read(group: Group, person: str, *scopes: str) -> list[Json]:
    async with group.calling(person, *scopes) as calling:
        answer = await calling.get("/v1/events?limit=1000")
        assert answer.is_success, answer.text
        found: list[Json] = answer.json()["data"]
        return found


@pytest.mark.parametrize("person", UNIT_OF)
async def test_events_are_told_to_those_who_see_the_thing(group: Group, person: str) -> None:
    subjects = {event["subject"].split("/")[-1] for event in await _read(group, person)}
    for name in BELONGING:
        for row in group.of(name):
            assert (row["id"] in subjects) == sees(person, name), (name, row)
    assert group.units["group"]["id"] in subjects


@pytest.mark.parametrize("person", UNIT_OF)
async def test_links_to_what_is_not_seen_are_null(group: Group, person: str) -> None:
    told = json.dumps(await _read(group, person))
    for name in PRIVATE:
        if not sees(person, name):
            for row in group.of(name):
                assert row["id"] not in told, (name, row)
            assert f" of {name}" not in told


async def test_what_was_deleted_stays_as_private_as_it_was(group: Group) -> None:
    build = group.build
    for path in ("actions", "action-plans"):
        row = (group.actions if path == "actions" else group.plans)["secret"]
        assert (await build.rest.delete(f"/v1/{path}/{row['id']}")).is_success
    objective = group.objectives["secret"]
    assert (await build.rest.delete(f"/v1/objectives/{objective['id']}")).is_success
    deleted = {e["type"] for e in await _read(group, "admin") if e["type"].endswith("deleted")}
    assert deleted == {
        "okr.action.deleted",
        "okr.action_plan.deleted",
        "okr.key_result.deleted",
        "okr.objective.deleted",
    }
    assert not [e for e in await _read(group, "leader") if e["type"].endswith("deleted")]


async def test_of_other_tenants_an_operator_is_told_by_the_audit_alone(
    operator: httpx.AsyncClient,
) -> None:
    start = (await operator.get("/v1/events?after=latest")).json()["page"]["next_cursor"]
    made = await operator.post("/v1/tenants", json={"name": "A new customer"})
    assert made.is_success
    assert (await operator.get(f"/v1/events?after={start}")).json()["data"] == []
    of_theirs = {"Authorization": f"Bearer {made.json()['api_key']}"}
    told = (await operator.get("/v1/events", headers=of_theirs)).json()["data"]
    assert [(event["type"], event["data"]["after"]) for event in told] == [
        ("okr.tenant.created", {"name": "A new customer"})
    ]


@pytest.mark.parametrize("scope", ["check_in", "organisation", "audit", "admin", "plan", "read"])
async def test_who_reads_is_told(group: Group, scope: str) -> None:
    made = await group.build.post("api-keys", name="K", scopes=[scope])
    headers = {"Authorization": f"Bearer {made['key']}"}
    answer = await group.build.rest.get("/v1/events?limit=1000", headers=headers)
    assert answer.status_code == (200 if scope in ("admin", "plan", "read") else 403)
    if scope == "read":
        told = answer.text
        for name in PRIVATE:
            assert not any(row["id"] in told for row in group.of(name))
    elif answer.status_code == 200:
        assert all(row["id"] in answer.text for name in PRIVATE for row in group.of(name))

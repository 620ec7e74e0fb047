"""Whoever leaves is followed: nothing that goes on is left with somebody who is not there."""

from dataclasses import dataclass, field

import httpx
import pytest
from tests.build import Build, Json

_KINDS = ("objectives", "key-results", "action-plans", "actions")


@dataclass
class Owned:
    """What somebody owns: what goes on, and what is over; each by where it is."""

    open: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)


@dataclass
class House:
    """A group with a company in it, each led by somebody, and one who works there."""

    build: Build
    group: Json
    company: Json
    director: Json
    head: Json
    worker: Json

    async def owned(self, owner: Json) -> Owned:
        """Give somebody all kinds of things, both open and over."""
        build, by, owned = self.build, {"owner_id": owner["id"]}, Owned()
        decades = await build.cycle(start_date="2020-01-01", end_date="2199-12-31")
        at = {"unit_id": self.company["id"], "cycle_id": decades["id"]}
        active = await build.objective(**at, **by)
        draft = await build.objective(**at, **by, state="draft", parent_id=active["id"])
        key_result = await build.key_result(draft, **by)
        plan = await build.action_plan(key_result, **by, end_date="2199-12-31")
        past = {"start_date": "2020-01-01", "end_date": "2020-01-31"}
        late = await build.action_plan(key_result, **by, **past)
        todo = await build.action(late, **by)
        doing = await build.action(plan, **by, state="doing")
        owned.open = {
            *(f"objectives/{one['id']}" for one in (active, draft)),
            f"key-results/{key_result['id']}",
            *(f"action-plans/{one['id']}" for one in (plan, late)),
            *(f"actions/{one['id']}" for one in (todo, doing)),
        }
        ended = await build.action_plan(key_result, **by, **past)
        done = await build.action(plan, **by, state="done")
        closed = await build.objective(**at, **by)
        of_closed = await build.key_result(closed, **by)
        await build.post(f"objectives/{closed['id']}:close")
        year = await build.cycle(start_date="2020-01-01", end_date="2020-12-31")
        of_year = await build.objective(**{**at, **by, "cycle_id": year["id"]}, state="draft")
        await build.post(f"cycles/{year['id']}:close")
        owned.over = {
            *(f"objectives/{one['id']}" for one in (closed, of_year)),
            f"key-results/{of_closed['id']}",
            f"action-plans/{ended['id']}",
            f"actions/{done['id']}",
        }
        return owned

    async def of(self, owner: Json) -> set[str]:
        """Return what somebody owns now."""
        found = set()
        for kind in _KINDS:
            page = await self.build.get(f"{kind}?owner_id={owner['id']}&limit=200")
            found |= {f"{kind}/{one['id']}" for one in page["data"]}
        return found

    async def edit(self, path: str, **given: object) -> httpx.Response:
        """Change something."""
        response = await self.build.rest.patch(f"/v1/{path}", json=given)
        assert response.is_success, response.text
        return response


@pytest.fixture
async def house(build: Build) -> House:
    """Found a house."""
    director, head = await build.person(), await build.person()
    group = await build.unit(manager_id=director["id"])
    company = await build.unit(parent_id=group["id"], manager_id=head["id"])
    worker = await build.person(unit_id=company["id"])
    await build.rest.patch(f"/v1/people/{head['id']}", json={"unit_id": company["id"]})
    return House(build, group, company, director, head, worker)


async def test_what_goes_on_passes_to_who_leads_the_unit(house: House) -> None:
    owned = await house.owned(house.worker)
    was = {path: (await house.build.get(path))["version"] for path in owned.open | owned.over}
    await house.edit(f"people/{house.worker['id']}", active=False)
    assert await house.of(house.head) == owned.open
    assert await house.of(house.worker) == owned.over
    for path, version in was.items():
        now = (await house.build.get(path))["version"]
        assert now == version + (path in owned.open), path


async def test_the_place_that_counts_is_the_one_that_is_left(house: House) -> None:
    owned = await house.owned(house.worker)
    await house.edit(f"people/{house.worker['id']}", active=False, unit_id=None)
    assert await house.of(house.head) == owned.open


async def test_who_leads_the_unit_is_followed_by_who_leads_the_one_above(house: House) -> None:
    owned = await house.owned(house.head)
    await house.edit(f"people/{house.head['id']}", active=False)
    assert await house.of(house.director) == owned.open
    of_worker = await house.owned(house.worker)
    await house.edit(f"people/{house.worker['id']}", active=False)  # the head is gone by now
    assert await house.of(house.director) == owned.open | of_worker.open


async def test_what_nobody_can_take_over_stays(house: House) -> None:
    for unit in (house.group, house.company):
        await house.edit(f"units/{unit['id']}", manager_id=None)
    owned = await house.owned(house.worker)
    await house.edit(f"people/{house.worker['id']}", active=False)
    assert await house.of(house.worker) == owned.open | owned.over
    giving = f"/v1/people/{house.worker['id']}:hand-over"
    refused = await house.build.rest.post(giving, json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "nobody-takes-over")
    done = await house.build.rest.post(giving, json={"to_id": house.director["id"]})
    assert done.json() == {
        "to_id": house.director["id"],
        "objectives": 2,
        "key_results": 1,
        "action_plans": 2,
        "actions": 2,
    }
    assert await house.of(house.director) == owned.open


async def test_who_takes_over_must_be_there_and_somebody_else(house: House) -> None:
    gone = await house.build.person(active=False)
    owned = await house.owned(house.worker)
    giving = f"/v1/people/{house.worker['id']}:hand-over"
    for to_id in (gone["id"], house.worker["id"]):
        refused = await house.build.rest.post(giving, json={"to_id": to_id})
        assert (refused.status_code, refused.json()["code"]) == (422, "cannot-take-over")
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/to_id"]
    missing = await house.build.rest.post(giving, json={"to_id": "external:NONE"})
    assert missing.status_code == 404
    assert await house.of(house.worker) == owned.open | owned.over


async def test_whoever_is_erased_is_followed_too(house: House) -> None:
    owned = await house.owned(house.worker)
    await house.build.post(f"people/{house.worker['id']}:erase")
    assert await house.of(house.head) == owned.open


async def test_coming_back_gives_nothing_back(house: House) -> None:
    owned = await house.owned(house.worker)
    await house.edit(f"people/{house.worker['id']}", active=False)
    await house.edit(f"people/{house.worker['id']}", active=True)
    assert await house.of(house.head) == owned.open


async def test_the_tree_is_told_of_each_change(house: House) -> None:
    owned = await house.owned(house.worker)
    before = (await house.build.get("events?limit=200"))["page"]["next_cursor"]
    await house.edit(f"people/{house.worker['id']}", active=False)
    told = (await house.build.get(f"events?limit=200&after={before}"))["data"]
    ids = {path.split("/")[1] for path in owned.open} | {house.worker["id"]}
    assert {one["subject"].split("/")[-1] for one in told} == ids

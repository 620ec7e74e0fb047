"""Who is told what: those who may know, as it is when they are told."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.conftest import Start, Tenant
from tests.graphql.following import CHECK_INS, PROGRESS, Json, Talk, listener, talking
from tests.group import BELONGING, UNIT_OF, Group, sees
from tests.rest.listening import listening

_SHOWN = """subscription { checkInAdded { checkIn { value keyResult { objective {
  title parent { title } feeds: keyResults { nodes { feeds { title } } } } } } } }"""


@pytest.fixture
async def port(group: Group) -> AsyncIterator[int]:
    async with listening(group.app) as port:
        yield port
    await group.app.state.service.feed.close()


def _token(group: Group, person: str) -> str:
    return f"person,{group.tenant_id},{group.people[person]['id']}"


async def _all_report(group: Group) -> None:
    for name in BELONGING:
        await group.build.check_in(group.key_results[name], 77)


async def _heard(talk: Talk, name: str) -> list[Json]:
    """Return all that is told until nothing is for a while."""
    found = []
    while True:
        try:
            found.append(await talk.told(name, 1))
        except TimeoutError:
            return found


@pytest.mark.parametrize("person", UNIT_OF)
async def test_each_is_told_of_what_they_see(group: Group, port: int, person: str) -> None:
    async with talking(port, _token(group, person)) as talk:
        await talk.subscribe(CHECK_INS, "c")
        await talk.hears_nothing(0.3)
        await _all_report(group)
        told = await _heard(talk, "checkInAdded")
    titles = {one["checkIn"]["keyResult"]["title"] for one in told}
    assert titles == {f"Key result of {name}" for name in BELONGING if sees(person, name)}


@pytest.mark.parametrize("person", UNIT_OF)
async def test_progress_is_told_to_those_who_see_the_objective(
    group: Group, port: int, person: str
) -> None:
    async with talking(port, _token(group, person)) as talk:
        await talk.subscribe(PROGRESS, under=group.objectives["open"]["id"])
        await talk.hears_nothing(0.3)
        await _all_report(group)
        told = await _heard(talk, "progressChanged")
    titles = {one["objective"]["title"] for one in told}
    assert titles == {f"Objective of {name}" for name in BELONGING if sees(person, name)}


async def test_the_same_question_shows_each_what_they_see(group: Group, port: int) -> None:
    """They share what is made for them only where they see the same."""
    people = ("mai", "director", "admin", "guest")
    async with (
        talking(port, _token(group, people[0])) as mai,
        talking(port, _token(group, people[1])) as director,
        talking(port, _token(group, people[2])) as admin,
        talking(port, _token(group, people[3])) as guest,
    ):
        talks = dict(zip(people, (mai, director, admin, guest), strict=True))
        for talk in talks.values():
            await talk.subscribe(_SHOWN)
        await mai.hears_nothing(0.3)
        await group.build.check_in(group.key_results["under board"], 55)
        told = {person: await talk.told("checkInAdded") for person, talk in talks.items()}
    for person, one in told.items():
        of = one["checkIn"]["keyResult"]["objective"]
        board = {"title": "Objective of board"} if sees(person, "board") else None
        assert of["parent"] == board, person
        (fed,) = of["feeds"]["nodes"]
        assert (fed["feeds"] is None) == (not sees(person, "board")), person


async def test_what_cannot_be_seen_cannot_be_followed(group: Group, port: int) -> None:
    async with talking(port, _token(group, "mai")) as talk:
        for name in ("board", "rival"):
            await talk.subscribe(PROGRESS, name, under=group.objectives[name]["id"])
            told = await talk.receive()
            assert told["type"] == "error"
            assert told["payload"][0]["extensions"]["code"] == "objective-not-found"
            given = {"keyResultId": [group.key_results[name]["id"]]}
            await talk.subscribe(CHECK_INS, name, filter=given)
            told = await talk.receive()
            assert told["payload"][0]["extensions"]["code"] == "key-result-not-found"


async def test_a_role_that_is_taken_counts_at_once(group: Group, port: int) -> None:
    build, planner = group.build, group.people["planner"]
    async with talking(port, _token(group, "planner")) as talk:
        await talk.subscribe(_SHOWN)
        await talk.hears_nothing(0.3)
        await build.check_in(group.key_results["secret"], 1)
        assert await talk.told("checkInAdded")
        await build.post(f"people/{planner['id']}:assign-role", role="viewer")
        await build.check_in(group.key_results["secret"], 2)
        await build.check_in(group.key_results["under board"], 3)
        told = (await talk.told("checkInAdded"))["checkIn"]
        await talk.hears_nothing(0.5)
    assert told["value"] == "3"
    assert told["keyResult"]["objective"]["parent"] is None


async def test_what_becomes_private_is_told_no_longer(group: Group, port: int) -> None:
    async with talking(port, _token(group, "binh")) as talk:
        await talk.subscribe(PROGRESS, under=group.objectives["open"]["id"])
        await talk.hears_nothing(0.3)
        path = f"/v1/objectives/{group.objectives['under board']['id']}"
        changed = await group.build.rest.patch(path, json={"private": True})
        assert changed.is_success, changed.text
        await group.build.check_in(group.key_results["under board"], 99)
        told = {one["objective"]["title"] for one in await _heard(talk, "progressChanged")}
    assert "Objective of under board" not in told


async def test_who_is_no_longer_active_is_let_go(group: Group, port: int) -> None:
    async with (
        talking(port, _token(group, "mai")) as talk,
        listener(port, _token(group, "mai"), CHECK_INS) as stream,
    ):
        await talk.subscribe(CHECK_INS)
        await talk.hears_nothing(0.3)
        path = f"/v1/people/{group.people['mai']['id']}"
        assert (await group.build.rest.patch(path, json={"active": False})).is_success
        await group.build.check_in(group.key_results["open"], 1)
        assert await talk.closed() == (4401, "invalid-credential")
        told = await stream.event()
        assert told["data"]["errors"][0]["extensions"]["code"] == "invalid-credential"
        assert (await stream.event())["event"] == "complete"


async def test_a_key_revoked_in_another_process_is_let_go(
    start: Start, tenant: Tenant, group: Group
) -> None:
    app = start()
    made = await group.build.post("api-keys", name="Follower", scopes=["read"])
    async with listening(app) as port:
        async with talking(port, made["key"]) as talk:
            await talk.subscribe(CHECK_INS)
            await talk.hears_nothing(0.3)
            await group.build.post(f"api-keys/{made['id']}:revoke")
            await asyncio.sleep(app.state.service.settings.credential_cache_seconds)
            await group.build.check_in(group.key_results["open"], 1)
            assert await talk.closed() == (4401, "invalid-credential")
        assert tenant.tenant_id == group.tenant_id
    await app.state.service.feed.close()


async def test_a_revoked_key_is_let_go_though_nothing_happens(port: int, group: Group) -> None:
    made = await group.build.post("api-keys", name="Follower", scopes=["read"])
    async with talking(port, made["key"]) as talk:
        await talk.subscribe(CHECK_INS)
        await talk.hears_nothing(0.3)
        await group.build.post(f"api-keys/{made['id']}:revoke")
        assert await talk.closed(15) == (4401, "invalid-credential")


@pytest.mark.parametrize("scope", ["check_in", "organisation", "audit"])
async def test_who_may_not_read_follows_nothing(group: Group, port: int, scope: str) -> None:
    made = await group.build.post("api-keys", name="K", scopes=[scope])
    async with talking(port, made["key"]) as talk:
        assert talk.cursor is None
        for query in (CHECK_INS, "subscription { checkInAdded { cursor } }"):
            await talk.subscribe(query)
            told = await talk.receive()
            assert told["payload"][0]["extensions"]["code"] == "not-permitted"

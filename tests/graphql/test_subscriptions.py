"""What happens is told as it happens: to those who may know, once, whichever process did it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.graphql.following import CHECK_INS, PROGRESS, Json, talking
from tests.rest.listening import listening


@pytest.fixture
async def port(start: Start) -> AsyncIterator[int]:
    """Serve an instance of its own; the tests write through another."""
    app = start()
    async with listening(app) as port:
        yield port
    await app.state.service.feed.close()


@pytest.fixture
async def planted(build: Build) -> Json:
    """Plant a company's objective, a team's beneath it, and another that stands alone."""
    unit = await build.unit(name="Group")
    team = await build.unit(name="Team", parent_id=unit["id"])
    cycle = await build.cycle(code="2026")
    of = {"cycle_id": cycle["id"]}
    top = await build.objective(title="Top", unit_id=unit["id"], external_id="TOP", **of)
    below = await build.objective(title="Below", unit_id=team["id"], parent_id=top["id"], **of)
    other = await build.objective(title="Other", unit_id=unit["id"], **of)
    return {
        "unit": unit,
        "team": team,
        "top": top,
        "below": below,
        "other": other,
        "kr": await build.key_result(below, title="KR"),
        "other_kr": await build.key_result(other, title="Other KR"),
    }


async def test_progress_beneath_is_told_by_another_process(
    port: int, tenant: Tenant, build: Build, planted: Json
) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(PROGRESS, under="external:TOP")
        await talk.hears_nothing(0.5)
        await build.check_in(planted["other_kr"], 50)
        await build.check_in(planted["kr"], 40)
        told = [await talk.told("progressChanged") for _ in range(2)]
        await talk.hears_nothing()
    assert {one["objective"]["title"] for one in told} == {"Top", "Below"}
    assert all(one["before"] is None or one["before"] == 0 for one in told)
    assert [one["after"] for one in told] == [0.4, 0.4]
    assert [one["objective"]["progress"] for one in told] == [0.4, 0.4]


async def test_check_ins_are_told(port: int, tenant: Tenant, build: Build, planted: Json) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(CHECK_INS)
        await talk.hears_nothing(0.3)
        made = await build.check_in(planted["kr"], "40.5")
        told = await talk.told("checkInAdded")
    assert told["checkIn"] == {"rowId": made["id"], "value": "40.5", "keyResult": {"title": "KR"}}
    assert told["occurredAt"]


@pytest.mark.parametrize(
    ("followed", "titles"),
    [
        ({"keyResultId": ["kr"]}, ["KR"]),
        ({"under": ["top"]}, ["KR"]),
        ({"unitId": ["team"]}, ["KR"]),
        ({"unitId": ["unit"]}, ["Other KR", "KR"]),
        ({"under": ["top"], "keyResultId": ["other_kr"]}, []),
        ({"authorId": ["author"]}, ["KR"]),
        ({}, ["Other KR", "KR"]),
    ],
)
async def test_a_filter_narrows(
    port: int, tenant: Tenant, build: Build, planted: Json, followed: Json, titles: list[str]
) -> None:
    planted["author"] = author = await build.person(name="Mai")
    named = {name: [planted[one]["id"] for one in ones] for name, ones in followed.items()}
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(CHECK_INS, filter=named)
        await talk.hears_nothing(0.3)
        await build.check_in(planted["other_kr"], 1)
        await build.check_in(planted["kr"], 2, author_id=author["id"])
        told = [(await talk.told("checkInAdded"))["checkIn"] for _ in titles]
        await talk.hears_nothing(0.5)
    assert [one["keyResult"]["title"] for one in told] == titles


async def test_a_selection_has_fragments_aliases_and_directives(
    port: int, tenant: Tenant, build: Build, planted: Json
) -> None:
    query = """subscription S($u: Ref!, $w: Boolean!) { told: progressChanged(under: $u) {
      __typename was: before ...Now first: objective { title @skip(if: $w) }
      objective { keyResults(first: 1) @include(if: $w) { totalCount } } } }
      fragment Now on ProgressChanged { objective { __typename id } }"""
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(query, u=planted["other"]["id"], w=True)
        await talk.hears_nothing(0.3)
        await build.check_in(planted["other_kr"], 100)
        told = await talk.told("told")
    shown = told.pop("objective")
    assert told == {"__typename": "ProgressChanged", "was": 0, "first": {}}
    assert shown.pop("id")
    assert shown == {"__typename": "Objective", "keyResults": {"totalCount": 1}}


async def test_what_was_missed_is_told_once_after_a_disconnection(
    port: int, start: Start, tenant: Tenant, build: Build, planted: Json
) -> None:
    other = start()
    told: list[str] = []
    async with listening(other) as other_port:
        writing = asyncio.create_task(_report(build, planted, 40))
        cursor = None
        while len(told) < 40:
            # From one process to the other, wherever it stopped.
            through = other_port if len(told) % 2 else port
            async with talking(through, tenant.key) as talk:
                await talk.subscribe(CHECK_INS, after=cursor or talk.cursor)
                cursor = cursor or talk.cursor
                for _ in range(3):
                    one = await talk.told("checkInAdded") if len(told) < 40 else None
                    if one is not None:
                        told.append(one["checkIn"]["value"])
                        cursor = one["cursor"]
        await writing
        async with talking(port, tenant.key) as talk:
            await talk.subscribe(CHECK_INS, after=cursor)
            await talk.hears_nothing(0.5)
    assert told == [str(value) for value in range(1, 41)]
    await other.state.service.feed.close()


async def _report(build: Build, planted: Json, times: int) -> None:
    await asyncio.sleep(0.3)
    for value in range(1, times + 1):
        await build.check_in(planted["kr"], value)


async def test_a_cursor_of_the_feed_is_one_here(
    port: int, tenant: Tenant, build: Build, planted: Json
) -> None:
    made = await build.check_in(planted["kr"], 7)
    feed = (await build.rest.get("/v1/events?limit=1000")).json()
    created = next(e for e in feed["data"] if made["id"] in e["subject"])
    before = feed["data"][feed["data"].index(created) - 1]["cursor"]
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(CHECK_INS, "before", after=before)
        assert (await talk.told("checkInAdded"))["cursor"] == created["cursor"]
        await talk.subscribe(CHECK_INS, "after", after=created["cursor"])
        await talk.hears_nothing(0.5)


async def test_a_thousand_check_ins_at_once_are_all_told(
    port: int, tenant: Tenant, build: Build, planted: Json
) -> None:
    reports = [{"key_result_id": planted["kr"]["id"], "value": str(n)} for n in range(1000)]
    async with talking(port, tenant.key) as talk:
        await talk.subscribe("subscription { checkInAdded { checkIn { value } } }")
        await talk.hears_nothing(0.3)
        answer = await build.rest.post("/v1/check-ins:batch", json={"check_ins": reports})
        assert answer.is_success, answer.text
        told = [(await talk.told("checkInAdded"))["checkIn"]["value"] for _ in reports]
    assert told == [str(n) for n in range(1000)]


async def test_what_is_deleted_meanwhile_is_not_told(
    port: int, tenant: Tenant, build: Build, planted: Json
) -> None:
    cursor = (await build.rest.get("/v1/events?after=latest")).json()["page"]["next_cursor"]
    await build.check_in(planted["other_kr"], 1)
    gone = await build.rest.delete(f"/v1/objectives/{planted['other']['id']}")
    assert gone.is_success, gone.text
    await build.check_in(planted["kr"], 2)
    async with talking(port, tenant.key) as talk:
        await talk.subscribe("subscription($a: String) { checkInAdded(after: $a) { cursor } }",
                             a=cursor)  # fmt: skip
        assert await talk.told("checkInAdded")
        await talk.hears_nothing(0.5)

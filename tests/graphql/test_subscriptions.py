"""What happens is told as it happens: to those who may know, once, whichever process did it."""

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

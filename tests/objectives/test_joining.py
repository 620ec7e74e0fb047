"""What was settled stays so: nothing new is aligned under it, or feeds it."""

import httpx
import pytest
from tests.build import Build, Json

_MONEY = {"unit_of_measure": "VND", "target_value": "100"}
_YEAR = {"code": "2026", "start_date": "2026-01-01", "end_date": "2026-12-31"}
_QUARTER = {"code": "2026-Q4", "start_date": "2026-10-01", "end_date": "2026-12-31"}


@pytest.fixture
async def over(build: Build) -> Json:
    """Plan an objective of a year; its key result is fed."""
    year = await build.post("cycles", **_YEAR)
    objective = await build.objective(cycle_id=year["id"])
    fed = await build.key_result(objective, source="children", **_MONEY)
    return {"year": year, "objective": objective, "fed": fed}


@pytest.fixture
async def quarter(build: Build) -> Json:
    return await build.post("cycles", **_QUARTER)


async def _joined(build: Build, over: Json, quarter: Json) -> list[httpx.Response]:
    """Try to join what is settled in every way there is."""
    rest = build.rest
    own = await build.objective(cycle_id=quarter["id"])
    measured = await build.key_result(own, **_MONEY)
    under, feeding = {"parent_id": over["objective"]["id"]}, {"feeds_id": over["fed"]["id"]}
    of = {"title": "A", "unit_id": own["unit_id"], "cycle_id": quarter["id"]}
    result = {"title": "A", **_MONEY, "objective_id": own["id"]}
    return [
        await rest.post("/v1/objectives", json={**of, **under}),
        await rest.patch(f"/v1/objectives/{own['id']}", json=under),
        await rest.post(f"/v1/objectives/{own['id']}:align", json=under),
        await rest.post("/v1/key-results", json={**result, **feeding}),
        await rest.patch(f"/v1/key-results/{measured['id']}", json=feeding),
    ]


def _refused(answers: list[httpx.Response], code: str) -> None:
    for answer in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, code), answer.text
        [at] = problem["errors"]
        assert at["pointer"] in ("/parent_id", "/feeds_id")


async def test_an_objective_that_is_closed_takes_nobody_in(
    build: Build, over: Json, quarter: Json
) -> None:
    await build.rest.post(f"/v1/objectives/{over['objective']['id']}:close", json={})
    _refused(await _joined(build, over, quarter), "objective-ended")


async def test_nor_does_one_of_a_closed_cycle(build: Build, over: Json, quarter: Json) -> None:
    before = await build.progress(over["objective"])
    closed = await build.rest.post(f"/v1/cycles/{over['year']['id']}:close", json={})
    assert closed.status_code == 200, closed.text
    answers = await _joined(build, over, quarter)
    codes = {answer.json()["code"] for answer in answers}
    assert codes <= {"objective-ended", "cycle-closed"}
    assert await build.progress(over["objective"]) == before


async def test_what_belongs_already_may_still_be_edited(
    build: Build, over: Json, quarter: Json
) -> None:
    own = await build.objective(cycle_id=quarter["id"], parent_id=over["objective"]["id"])
    measured = await build.key_result(own, feeds_id=over["fed"]["id"], **_MONEY)
    await build.rest.post(f"/v1/objectives/{over['objective']['id']}:close", json={})
    for path, row in (("objectives", own), ("key-results", measured)):
        answer = await build.rest.patch(f"/v1/{path}/{row['id']}", json={"title": "B"})
        assert answer.status_code == 200, answer.text

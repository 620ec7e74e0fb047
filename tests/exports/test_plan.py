"""The plan as a file: what an export writes, an import reads back unchanged."""

import pytest
from tests.build import Build, Json
from tests.imports.test_import import YEAR, send

from okr_service.imports.formats import Format

FORMS = {"csv": Format.CSV, "xlsx": Format.XLSX, "ndjson": Format.NDJSON}


async def exported(build: Build, form: str, **asked: str) -> bytes:
    answer = await build.rest.get(f"/v1/exports/plan.{form}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.content


async def read_back(build: Build, form: str, data: bytes) -> Json:
    headers = {"Content-Type": FORMS[form].value}
    answer = await build.rest.post("/v1/imports", content=data, headers=headers)
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


async def assert_unchanged(build: Build, rows: int, **asked: str) -> None:
    for form in FORMS:
        data = await exported(build, form, **asked)
        report = await read_back(build, form, data)
        assert report["errors"] == [], (form, report["errors"], data[:2000])
        told = {effect: number for effect, number in report["counts"].items() if number}
        changed = [row for row in report["rows"] if row["effect"] != "unchanged"]
        assert told == {"unchanged": rows}, (form, changed)


async def test_the_plan_comes_back_unchanged(build: Build) -> None:
    assert (await send(build.rest, YEAR)).status_code == 200
    await assert_unchanged(build, 4)


@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_what_has_no_code_goes_by_its_id(build: Build, lang: str) -> None:
    owner = await build.person(name="An", external_id="NV1")
    parent = await build.objective()
    objective = await build.objective(parent_id=parent["id"], owner_id=owner["id"])
    key_result = await build.key_result(objective)
    plan = await build.action_plan(key_result)
    await build.action(plan, title="Same", owner_id=owner["id"])
    await build.action(plan, title="Same", note="Another")
    await build.check_in(key_result, "12.345")
    await assert_unchanged(build, 3, lang=lang)

"""Key results that feed others: what is refused, and what walks up."""

import pytest
from tests.build import Build, Json
from tests.conftest import Tenant
from tests.rollup import stored

from okr_service.kernel.database import Database

_MONEY: Json = {"format": "currency", "currency": "VND", "unit_of_measure": "tỷ đồng"}


async def _group(build: Build, aggregate: str = "sum", **given: object) -> tuple[Json, list[Json]]:
    """Make a group's revenue, fed by two companies' in other units."""
    fed = await build.key_result(source="children", aggregate=aggregate, **{**_MONEY, **given})
    feeding = []
    for _ in range(2):
        company = await build.objective(unit_id=(await build.unit())["id"])
        feeding.append(await build.key_result(company, feeds_id=fed["id"], **{**_MONEY, **given}))
    return fed, feeding


async def _value(build: Build, key_result: Json) -> tuple[str | None, float]:
    shown = await build.get(f"key-results/{key_result['id']}")
    return shown["current_value"], shown["progress"]


@pytest.mark.parametrize(
    ("aggregate", "value", "progress"),
    [("sum", "50", 0.5), ("average", "25", 0.25), ("min", "20", 0.2), ("max", "30", 0.3)],
)
async def test_a_value_is_the_aggregate_of_what_feeds_it(
    build: Build, database: Database, tenant: Tenant, aggregate: str, value: str, progress: float
) -> None:
    fed, feeding = await _group(build, aggregate)

    for key_result, reported in zip(feeding, (20, 30), strict=True):
        await build.check_in(key_result, reported)

    assert await _value(build, fed) == (value, progress)
    group = await build.get(f"objectives/{fed['objective_id']}")
    assert group["progress"] == progress
    await stored.assert_right(database, tenant.tenant_id)


async def test_a_third_of_a_value_is_rounded_to_ten_decimals(build: Build) -> None:
    fed, feeding = await _group(build, "average")
    third = await build.key_result(feeds_id=fed["id"], **_MONEY)
    for key_result in (*feeding, third):
        await build.check_in(key_result, "0.6666666667" if key_result is third else "0")

    assert (await _value(build, fed))[0] == "0.2222222222"


async def test_values_of_thirty_digits_add_up_exactly(build: Build) -> None:
    fed, feeding = await _group(build, target_value="99999999999999999999.9999999999")
    for key_result in feeding:
        await build.check_in(key_result, "44444444444444444444.1234567891")

    assert (await _value(build, fed))[0] == "88888888888888888888.2469135782"


async def test_a_chain_walks_up_in_one_transaction(build: Build) -> None:
    top, _ = await _group(build)
    middle = await build.key_result(source="children", feeds_id=top["id"], **_MONEY)
    leaf = await build.key_result(feeds_id=middle["id"], **_MONEY)

    await build.check_in(leaf, 7)

    assert [(await _value(build, k))[0] for k in (middle, top)] == ["7", "7"]


async def test_a_voided_report_no_longer_feeds(build: Build) -> None:
    fed, [one, _] = await _group(build)
    await build.check_in(one, 5)
    wrong = await build.check_in(one, 50)

    await build.post(f"check-ins/{wrong['id']}:void", reason="Nhầm")

    assert (await _value(build, fed))[0] == "5"


async def test_a_cancelled_objective_feeds_nothing(build: Build) -> None:
    fed, [one, two] = await _group(build)
    await build.check_in(one, 5)
    await build.check_in(two, 6)

    await build.post(f"objectives/{two['objective_id']}:cancel")

    assert (await _value(build, fed))[0] == "5"


async def test_what_is_fed_by_others_takes_no_reports(build: Build) -> None:
    fed, _ = await _group(build)
    refused = await build.rest.post("/v1/check-ins", json={"key_result_id": fed["id"], "value": 5})
    assert refused.json()["code"] == "key-result-has-no-value"


async def test_the_last_report_counts_again_when_nothing_feeds_any_more(build: Build) -> None:
    measured = await build.key_result(**_MONEY)
    await build.check_in(measured, 9)
    path = f"/v1/key-results/{measured['id']}"
    await build.rest.patch(path, json={"source": "children"})
    assert await _value(build, measured) == ("0", 0)

    changed = await build.rest.patch(path, json={"source": None, "aggregate": None})

    assert changed.status_code == 200, changed.text
    assert await _value(build, measured) == ("9", 0.09)


async def test_loops_are_refused(build: Build) -> None:
    fed, _ = await _group(build)
    above = await build.key_result(source="children", **_MONEY)
    await build.rest.patch(f"/v1/key-results/{fed['id']}", json={"feeds_id": above["id"]})

    refused = await build.rest.patch(f"/v1/key-results/{above['id']}", json={"feeds_id": fed["id"]})

    assert (refused.status_code, refused.json()["code"]) == (422, "feed-would-loop")


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({"source": "children", "metric": "actions"}, "/source", "source-mismatch"),
        ({"source": "actions"}, "/source", "source-mismatch"),
        ({"aggregate": "sum"}, "/aggregate", "aggregate-not-used"),
        ({"feeds_id": "external:MEASURED"}, "/feeds_id", "fed-by-check-ins"),
        ({"feeds_id": "external:NONE"}, "/feeds_id", "key-result-not-found"),
        ({"feeds_id": "external:FED"}, "/feeds_id", "feed-unit-mismatch"),
        ({"feeds_id": "external:FED", "metric": "actions"}, "/feeds_id", "feed-has-no-value"),
    ],
)
async def test_feeds_that_make_no_sense_are_refused(
    build: Build, given: Json, pointer: str, code: str
) -> None:
    objective = await build.objective()
    await build.key_result(objective, external_id="MEASURED")
    await build.key_result(objective, external_id="FED", source="children", **_MONEY)
    target = {} if "metric" in given else {"target_value": "5"}

    refused = await build.rest.post(
        "/v1/key-results", json={"objective_id": objective["id"], "title": "K", **target, **given}
    )

    [error] = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code), refused.text


async def test_what_others_feed_keeps_its_measure_and_stays(build: Build) -> None:
    fed, _ = await _group(build)
    path = f"/v1/key-results/{fed['id']}"

    answers = [
        await build.rest.patch(path, json={"unit_of_measure": "triệu đồng"}),
        await build.rest.patch(path, json={"source": None, "aggregate": None}),
        await build.rest.delete(path),
        await build.rest.delete(f"/v1/objectives/{fed['objective_id']}"),
    ]

    assert {answer.json()["code"] for answer in answers} == {"key-result-is-fed"}
    assert {answer.status_code for answer in answers} == {409}

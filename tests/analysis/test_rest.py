"""Questions over REST: pages, past moments, pictures, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy import insert
from tests.build import Build, Json
from tests.conftest import Tenant

from okr_service.demo.large import plant_large
from okr_service.kernel.database import Database
from okr_service.rollup.model import ProgressOnDay

_SVG = "{http://www.w3.org/2000/svg}"


async def _company(build: Build, teams: int = 3) -> tuple[Json, list[Json]]:
    company = await build.objective(title="Company")
    made = []
    for number in range(teams):
        team = await build.objective(parent_id=company["id"], title=f"Team {number}")
        await build.check_in(await build.key_result(team), number * 10)
        made.append(team)
    return company, made


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# trees


async def test_a_wide_tree_is_paged(build: Build) -> None:
    company, teams = await _company(build, 5)
    path = f"objectives/{company['id']}/tree?limit=2"

    shown, cursor = [], ""
    while True:
        tree = await build.get(f"{path}{cursor}")
        shown += [child["id"] for child in tree["children"]]
        assert tree["has_more_children"] is (tree["next_children"] is not None)
        if tree["next_children"] is None:
            break
        cursor = f"&cursor={tree['next_children']}"

    assert shown == [team["id"] for team in teams]


async def test_children_stand_in_their_positions(build: Build) -> None:
    company, teams = await _company(build)
    await build.rest.patch(f"/v1/objectives/{teams[0]['id']}", json={"position": 5})

    tree = await build.get(f"objectives/{company['id']}/tree")

    assert [child["title"] for child in tree["children"]] == ["Team 1", "Team 2", "Team 0"]


async def test_a_tree_ends_at_its_depth(build: Build) -> None:
    company, _ = await _company(build)

    tree = await build.get(f"objectives/{company['id']}/tree?depth=0&count=exact")

    assert (tree["children"], tree["children_count"]) == ([], 3)
    assert (tree["has_more_children"], tree["next_children"]) == (True, None)


async def test_a_forest_has_the_roots_of_its_cycle(build: Build) -> None:
    year = await build.cycle(code="2026")
    quarter = await build.cycle(
        code="2026-Q1", parent_id="2026", start_date="2026-01-01", end_date="2026-03-31"
    )
    company = await build.objective(cycle_id=year["id"])
    team = await build.objective(cycle_id=quarter["id"], parent_id=company["id"])

    years = await build.get("cycles/2026/tree")
    quarters = await build.get("cycles/2026-Q1/tree")

    assert [root["id"] for root in years["objectives"]] == [company["id"]]
    assert [child["id"] for child in years["objectives"][0]["children"]] == [team["id"]]
    assert [root["id"] for root in quarters["objectives"]] == [team["id"]]


async def test_the_roots_of_a_forest_are_paged(build: Build) -> None:
    roots = [await build.objective() for _ in range(3)]
    path = f"cycles/{roots[0]['cycle_id']}/tree?limit=2"

    first = await build.get(path)
    second = await build.get(f"{path}&cursor={first['next_cursor']}")

    shown = [root["id"] for page in (first, second) for root in page["objectives"]]
    assert shown == [root["id"] for root in roots]
    assert second["next_cursor"] is None


async def test_a_tree_tells_the_least_confidence(build: Build) -> None:
    objective = await build.objective()
    for confidence in ("on_track", "at_risk", None):
        await build.check_in(await build.key_result(objective), 5, confidence=confidence)

    tree = await build.get(f"objectives/{objective['id']}/tree?include=key_results")

    assert tree["confidence"] == "at_risk"
    assert [k["confidence"] for k in tree["key_results"]] == ["on_track", "at_risk", None]


async def test_more_than_fits_an_answer_is_refused(
    build: Build, database: Database, tenant: Tenant
) -> None:
    await plant_large(database, tenant.tenant_id, 5_100, fan_out=150)

    refused = await build.rest.get("/v1/objectives/external:L-0/tree?depth=9&limit=200")

    assert (refused.status_code, refused.json()["code"]) == (422, "tree-too-large")
    picture = await build.rest.get("/v1/objectives/external:L-0/tree.svg")
    assert picture.status_code == 200
    assert len(picture.content) < 200_000


# explanations


async def test_what_withholds_most_comes_first(build: Build) -> None:
    company, _ = await _company(build)

    found = await build.get(f"objectives/{company['id']}/rollup?limit=2")

    assert found["objective"]["progress"] == 0.1
    assert [one["withheld"] for one in found["contributors"]] == [0.333333333333, 0.3]
    assert found["contributors"][0]["path"][0]["title"] == "Team 0"
    assert found["others"] == {
        "count": 1,
        "share": 0.333333333333,
        "contribution": 0.066666666667,
        "withheld": 0.266666666667,
    }


async def test_to_a_depth_objectives_stand_for_what_is_beneath_them(build: Build) -> None:
    company, teams = await _company(build)

    found = await build.get(f"objectives/{company['id']}/rollup?depth=1")

    assert {one["id"] for one in found["contributors"]} == {team["id"] for team in teams}
    assert {one["kind"] for one in found["contributors"]} == {"objective"}


async def test_nothing_explains_what_is_not_measured(build: Build) -> None:
    objective = await build.objective()
    found = await build.get(f"objectives/{objective['id']}/rollup")
    assert (found["objective"]["progress"], found["contributors"]) == (None, [])


# past moments


async def test_a_late_report_counts_for_those_who_knew_of_it(build: Build) -> None:
    measured = await build.key_result()
    now = datetime.now(UTC)
    await build.check_in(measured, 40, observed_at=_moment(now - timedelta(days=9)))
    week_ago = _moment(now - timedelta(days=7))
    path = f"objectives/{measured['objective_id']}/as-of?at={week_ago}"

    unknown = await build.get(path)
    known = await build.get(f"{path}&known_at={_moment(datetime.now(UTC))}")

    assert unknown["objectives"][0]["progress"] == [0]
    assert known["objectives"][0]["progress"] == [0.4]


async def test_a_voided_report_counted_until_it_was_voided(build: Build) -> None:
    measured = await build.key_result()
    wrong = await build.check_in(measured, 90)
    before = _moment(datetime.now(UTC))
    await build.post(f"check-ins/{wrong['id']}:void", reason="Nhầm")
    after = _moment(datetime.now(UTC))

    found = await build.get(f"objectives/{measured['objective_id']}/as-of?at={before}&at={after}")

    assert found["objectives"][0]["progress"] == [0.9, 0]
    explained = await build.get(f"objectives/{measured['objective_id']}/rollup?as_of={before}")
    assert explained["objective"]["progress"] == 0.9
    assert explained["as_of"] == explained["known_at"]


async def test_past_moments_of_a_subtree(build: Build) -> None:
    company, teams = await _company(build)
    now = _moment(datetime.now(UTC))

    found = await build.get(f"objectives/{company['id']}/as-of?at={now}&depth=1")

    assert [one["id"] for one in found["objectives"]] == [
        company["id"],
        *[team["id"] for team in teams],
    ]
    assert [one["progress"] for one in found["objectives"]] == [[0.1], [0], [0.1], [0.2]]


# history


async def test_history_has_a_point_today_and_is_filled_forward(
    build: Build, database: Database, tenant: Tenant
) -> None:
    today = datetime.now(UTC).date()
    cycle = await build.cycle(
        start_date=str(today - timedelta(4)), end_date=str(today + timedelta(1))
    )
    objective = await build.objective(cycle_id=cycle["id"])
    async with database.transaction() as tx:  # as it had been, had the test begun earlier
        past = {"on_date": today - timedelta(3), "progress": "0.25"}
        of = {"tenant_id": tenant.tenant_id, "objective_id": objective["id"]}
        await tx.execute(insert(ProgressOnDay), [of | past])
    measured = await build.key_result(objective)
    for value in (10, 70, 50):
        await build.check_in(measured, value)

    found = await build.get(f"objectives/{objective['id']}/history")

    assert [point["progress"] for point in found["data"]] == [None, 0.25, 0.25, 0.25, 0.5, None]
    assert found["data"][0] == {
        "date": str(today - timedelta(4)),
        "progress": None,
        "expected_progress": 0,
    }
    assert found["data"][-1]["expected_progress"] == 1


async def test_history_by_weeks_and_between_days(build: Build) -> None:
    objective = await build.objective()
    path = f"objectives/{objective['id']}/history?first_day=2026-02-02&last_day=2026-02-20"

    weekly = await build.get(f"{path}&every=week")

    assert [point["date"] for point in weekly["data"]] == ["2026-02-02", "2026-02-09", "2026-02-16"]


async def test_an_import_leaves_one_point(build: Build) -> None:
    rows = ["unit,cycle,objective,objective_title,key_result,key_result_title,target,current"]
    rows += [f"U,2026,O,O,KR{n},K,100,{n}" for n in range(20)]
    loaded = await build.rest.post(
        "/v1/imports?mode=commit", content="\n".join(rows), headers={"Content-Type": "text/csv"}
    )
    assert loaded.status_code == 200, loaded.text
    today = datetime.now(UTC).date()

    found = await build.get(
        f"objectives/external:O/history?first_day={today - timedelta(1)}&last_day={today}"
    )

    assert [point["progress"] for point in found["data"]] == [None, 0.095]


# refusals


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ("tree?depth=33", 400, "invalid-query"),
        ("tree?limit=0", 400, "invalid-query"),
        ("tree?cursor=x", 400, "invalid-query"),
        ("tree?nonsense=1", 400, "invalid-query"),
        ("rollup?depth=0", 400, "invalid-query"),
        ("rollup?as_of=yesterday", 400, "invalid-query"),
        ("rollup?as_of=0001-01-01T00:00:00%2B14:00", 400, "invalid-query"),
        ("as-of", 400, "invalid-query"),
        ("history?first_day=2026-02-02&last_day=2026-02-01", 422, "ends-before-start"),
        ("history?first_day=1900-01-01", 422, "too-many-points"),
        ("tree.svg?theme=pink", 400, "invalid-query"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    build: Build, question: str, status: int, code: str
) -> None:
    objective = await build.objective()
    refused = await build.rest.get(f"/v1/objectives/{objective['id']}/{question}")
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


@pytest.mark.parametrize(
    "path",
    [
        "objectives/{}/tree",
        "objectives/{}/rollup",
        "objectives/{}/history",
        "objectives/{}/as-of?at=2026-01-01T00:00:00Z",
        "objectives/{}/tree.svg",
        "objectives/{}/history.svg",
    ],
)
async def test_another_tenants_objective_does_not_exist(
    build: Build, other_rest: httpx.AsyncClient, path: str
) -> None:
    objective = await build.objective()
    answer = await other_rest.get("/v1/" + path.format(objective["id"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "objective-not-found")


async def test_an_answer_that_the_caller_has_is_not_sent_again(build: Build) -> None:
    company, _ = await _company(build)
    for question in ("tree", "rollup", "history", "tree.svg"):
        path = f"/v1/objectives/{company['id']}/{question}"
        first = await build.rest.get(path)
        again = await build.rest.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)


# pictures


@pytest.mark.parametrize("picture", ["tree.svg", "history.svg"])
async def test_pictures_speak_the_callers_language(build: Build, picture: str) -> None:
    company, _ = await _company(build)
    path = f"/v1/objectives/{company['id']}/{picture}"

    drawn = await build.rest.get(path, headers={"Accept": "image/svg+xml"})
    vietnamese = await build.rest.get(path, headers={"Accept-Language": "vi"})
    asked_for = await build.rest.get(f"{path}?lang=vi&theme=dark")

    assert drawn.headers["content-type"].startswith("image/svg+xml")
    languages = [ET.fromstring(d.text).get("lang") for d in (drawn, vietnamese, asked_for)]
    assert languages == ["en", "vi", "vi"]
    assert ET.fromstring(drawn.text).tag == f"{_SVG}svg"


async def test_a_history_of_decades_is_drawn_by_months(build: Build) -> None:
    cycle = await build.cycle(start_date="1990-01-01", end_date=date(2030, 1, 1).isoformat())
    objective = await build.objective(cycle_id=cycle["id"])
    drawn = await build.rest.get(f"/v1/objectives/{objective['id']}/history.svg")
    assert drawn.status_code == 200
    assert len(drawn.content) < 100_000


# feeds


async def test_a_value_is_explained_by_what_feeds_it(build: Build) -> None:
    fed = await build.key_result(source="children")
    feeding = [await build.key_result(feeds_id=fed["id"]) for _ in range(3)]
    for key_result, value in zip(feeding, (5, 7, 6), strict=True):
        await build.check_in(key_result, value)

    found = await build.get(f"key-results/{fed['id']}/rollup?limit=2")

    assert (found["value"], found["aggregate"], found["others"]) == ("18", "sum", 1)
    assert [(one["id"], one["contribution"]) for one in found["data"]] == [
        (feeding[1]["id"], "7"),
        (feeding[2]["id"], "6"),
    ]

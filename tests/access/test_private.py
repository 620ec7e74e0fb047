"""What is private: seen by those whom it concerns, and for all others not there."""

import re
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction

import httpx
import pytest
from fastapi import FastAPI
from tests.feeds.feeding import feed, mapping, reading, send
from tests.group import (
    BELONGING,
    PRIVATE,
    UNIT_OF,
    Group,
    Json,
    sees,
)

_UNKNOWN = "01890000-0000-7000-8000-000000000000"
_ASKED = {
    "/as-of": {"at": "2026-12-01T00:00:00Z", "depth": "5"},
    "/scorecard": {"cycle_id": "2026", "depth": "5"},
    "/league-table": {"cycle_id": "2026"},
    "/tree": {"include": "key_results", "count": "exact"},
    "/rollup": {"depth": "5"},
    "/scorecards.{form}": {"cycle_id": "2026"},
}
_OF_ADMINS = ("/v1/audit-events", "/v1/api-keys", "/v1/identity-providers", "/v1/webhook")


async def _fed(group: Group) -> dict[str, dict[str, Json]]:
    """Map a metric to each key result, and send a reading of it; returns them by kind and name."""
    erp = await feed(group.build)
    mapped, sent = {}, {}
    for name in BELONGING:
        metric = {"metric": f"Metric of {name}"}
        mapped[name] = await mapping(group.build, erp, group.key_results[name], **metric)
        [sent[name]] = (await send(group.build, erp, reading(5, 40, **metric)))["outcomes"]
    return {"feeds": {"erp": erp}, "feed-mappings": mapped, "feed-readings": sent}


def _reads(group: Group, fed: dict[str, dict[str, Json]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Name every read of the contract, of every row there is."""
    rows = {
        "objectives": group.objectives,
        "key-results": group.key_results,
        "action-plans": group.plans,
        "actions": group.actions,
        "check-ins": group.check_ins,
        "units": group.units,
        "people": group.people,
        "cycles": {"cycle": group.cycle},
        **fed,
        "imports": {},  # shown to whoever sent them alone
        "calendars": {},  # see tests/reminders
    }
    for path, operations in group.app.openapi()["paths"].items():
        if "get" not in operations or not path.startswith("/v1") or path.startswith(_OF_ADMINS):
            continue
        asked = next((given for end, given in _ASKED.items() if path.endswith(end)), {})
        if "{" not in path:
            yield path, {"count": "exact"} if _is_list(operations["get"]) else {}
            continue
        if path.endswith(".{form}"):
            for form in ("csv", "ndjson"):
                yield path.replace("{form}", form), asked
            continue
        kind = path.split("/")[2]
        for row in rows[kind].values():
            yield re.sub(r"\{\w+\}", row["id"], path), asked


def _is_list(operation: Json) -> bool:
    return any(parameter["name"] == "count" for parameter in operation.get("parameters", []))


def _tells(group: Group, name: str) -> list[str]:
    """Return the texts that would give away that an objective exists."""
    rows = [*group.of(name), *([group.key_results["board sum"]] if name == "board" else [])]
    ids = [row["id"] for row in rows]
    return [*ids, f" of {name}", f"O-{name}"]


@pytest.mark.parametrize("person", UNIT_OF)
async def test_no_answer_gives_away_what_is_not_seen(group: Group, person: str) -> None:
    hidden = [name for name in BELONGING if not sees(person, name)]
    shown = [name for name in BELONGING if sees(person, name)]
    seen_somewhere: set[str] = set()
    fed = await _fed(group)
    async with group.calling(person) as calling:
        for path, asked in _reads(group, fed):
            answer = await calling.get(path, params=asked)
            told = answer.text.replace(path, "") + str(answer.headers)
            if any(row["id"] in path for name in hidden for row in group.of(name)):
                assert answer.status_code == 404, path
            for name in hidden:
                for text in _tells(group, name):
                    own = answer.status_code == 404 and text in path
                    assert own or text not in told, (path, text, told)
            seen_somewhere |= {n for n in shown if f"Comment of {n}" in told}
    assert seen_somewhere == set(shown)


async def test_lists_count_only_what_is_seen(group: Group) -> None:
    for person in UNIT_OF:
        seen = {group.objectives[name]["id"] for name in BELONGING if sees(person, name)}
        async with group.calling(person) as calling:
            page = (await calling.get("/v1/objectives?count=exact")).json()
            paged = [o async for o in _one_by_one(calling, "/v1/objectives")]
        assert {o["id"] for o in page["data"]} == seen
        assert page["page"]["total"] == len(seen)
        assert {o["id"] for o in paged} == seen


async def _one_by_one(calling: httpx.AsyncClient, path: str) -> AsyncIterator[Json]:
    cursor = None
    while True:
        given = {"limit": "1", "sort": "-progress"} | ({"cursor": cursor} if cursor else {})
        page = (await calling.get(path, params=given)).json()
        for row in page["data"]:
            yield row
        cursor = page["page"]["next_cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("parent_id=external:O-board", []),
        ("root=true", ["open", "under board"]),
        ("root=false", []),
        ("q=Objective of secret", []),
        ("owner_id={binh}", []),
        ("include=children,key_results", ["open", "under board"]),
    ],
)
async def test_no_filter_tells_of_what_is_not_seen(
    group: Group, query: str, found: list[str]
) -> None:
    path = f"/v1/objectives?{query.replace('{binh}', group.people['binh']['id'])}"
    async with group.calling("an") as calling:
        answer = (await calling.get(path)).json()
    # Of the department, `an` sees the department's secret; the rest as the filter says.
    seen = {o["title"].removeprefix("Objective of ") for o in answer["data"]}
    expected = set(found) | ({"secret"} if query in _SHOWING_SECRET else set())
    assert seen == expected


_SHOWING_SECRET = (
    "root=false",
    "q=Objective of secret",
    "owner_id={binh}",
    "include=children,key_results",
)


async def test_a_link_to_what_is_not_seen_is_null(group: Group) -> None:
    under = group.objectives["under board"]
    fed = group.key_results["under board"]
    for person, shown in (("mai", None), ("director", group.objectives["board"]["id"])):
        async with group.calling(person) as calling:
            objective = (await calling.get(f"/v1/objectives/{under['id']}")).json()
            key_result = (await calling.get(f"/v1/key-results/{fed['id']}")).json()
        assert objective["parent_id"] == shown
        assert (key_result["feeds_id"] is None) == (shown is None)


async def test_what_is_not_seen_counts_all_the_same(group: Group) -> None:
    """Progress is the same for all; an explanation names what is seen and sums up the rest."""
    path = f"/v1/objectives/{group.objectives['open']['id']}"
    whole = (await group.build.rest.get(path)).json()["progress"]
    async with group.calling("binh") as calling:
        assert (await calling.get(path)).json()["progress"] == whole
        explained = (await calling.get(f"{path}/rollup?depth=5")).json()
    named = {one["title"] for one in explained["contributors"]}
    assert named == {"Key result of open", "Total", "Key result of secret", "Key result of rival"}
    assert explained["others"]["count"] == 0
    parts = [one["contribution"] for one in explained["contributors"]]
    total = sum(Fraction(str(part)) for part in [*parts, explained["others"]["contribution"]])
    assert abs(total - Fraction(str(whole))) < Fraction(1, 10**5)
    assert explained["others"]["share"] > 0


async def test_a_sum_counts_figures_that_are_not_shown(group: Group) -> None:
    path = f"/v1/key-results/{group.key_results['total']['id']}/rollup"
    async with group.calling("binh") as calling:
        own = (await calling.get(path)).json()
    async with group.calling("director") as calling:
        above = (await calling.get(path)).json()
    async with group.calling("mai") as calling:
        assert (await calling.get(path)).json()["value"] == "40"
    assert own["data"] == above["data"] != []


_WRITES = {
    "PATCH": ("objectives", "key-results", "action-plans", "actions"),
    "DELETE": ("objectives", "key-results", "action-plans", "actions"),
}


@pytest.mark.parametrize("person", ["an", "binh"])
async def test_what_is_not_seen_cannot_be_written_and_is_not_there(
    group: Group, person: str
) -> None:
    kinds = dict(
        zip(
            ("objectives", "key-results", "action-plans", "actions", "check-ins"),
            (group.objectives, group.key_results, group.plans, group.actions, group.check_ins),
            strict=True,
        )
    )
    hidden = [name for name in PRIVATE if not sees(person, name)]
    assert hidden
    async with group.calling(person) as calling:
        for name in hidden:
            for method, ends in _WRITES.items():
                for kind in ends:
                    answers = [
                        await _answer(calling, method, f"/v1/{kind}/{row_id}", {"title": "Mine"})
                        for row_id in (kinds[kind][name]["id"], _UNKNOWN)
                    ]
                    assert answers[0] == answers[1], (method, kind, answers)
                    assert answers[0][0] == 404
            for path, body in _writes_beneath(group, name):
                unknown = path.replace(group.objectives[name]["id"], _UNKNOWN)
                given = await _answer(calling, "POST", path, body)
                swapped = {
                    k: _UNKNOWN if k.endswith("_id") and v in _ids(group, name) else v
                    for k, v in body.items()
                }
                assert given == await _answer(
                    calling, "POST", unknown.replace(group.check_ins[name]["id"], _UNKNOWN), swapped
                )
                assert given[0] == 404, given


def _ids(group: Group, name: str) -> set[object]:
    return {row["id"] for row in group.of(name)}


def _writes_beneath(group: Group, name: str) -> Iterator[tuple[str, Json]]:
    objective, key_result = group.objectives[name]["id"], group.key_results[name]["id"]
    yield f"/v1/objectives/{objective}:close", {}
    yield f"/v1/objectives/{objective}:cancel", {}
    yield f"/v1/objectives/{objective}:carry-over", {"cycle_id": "2026"}
    yield f"/v1/objectives/{objective}:align", {"parent_id": None}
    yield "/v1/key-results", {"objective_id": objective, "title": "A", "target_value": 1}
    yield f"/v1/check-ins/{group.check_ins[name]['id']}:void", {"reason": "A"}
    yield "/v1/check-ins", {"key_result_id": key_result, "value": 1}
    yield (
        "/v1/actions",
        {"action_plan_id": group.plans[name]["id"], "title": "A"},
    )
    yield (
        "/v1/action-plans",
        {
            "key_result_id": key_result,
            "title": "A",
            "start_date": "2026-09-01",
            "end_date": "2026-09-30",
        },
    )


async def _answer(
    calling: httpx.AsyncClient, method: str, path: str, body: Json
) -> tuple[int, str]:
    given = {} if method == "DELETE" or (not body and ":" in path) else {"json": body}
    answer = await calling.request(method, path, **given)  # type: ignore[arg-type] # as httpx takes it
    code: str = answer.json()["code"] if answer.content else ""
    return answer.status_code, code


async def test_hiding_an_objective_hides_it_at_once(group: Group) -> None:
    path = f"/v1/objectives/{group.objectives['under board']['id']}"
    async with group.calling("binh") as binh, group.calling("mai") as mai:
        assert (await binh.get(path)).status_code == 200
        hidden = await mai.patch(path, json={"private": True})
        assert (hidden.status_code, hidden.json()["private"]) == (200, True)
        assert (await binh.get(path)).status_code == 404
        assert (await mai.get(path)).status_code == 200


async def test_an_integration_that_reads_sees_nothing_private(app: FastAPI, group: Group) -> None:
    made = await group.build.post("api-keys", name="BI", scopes=["read"])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://okr.test",
        headers={"Authorization": f"Bearer {made['key']}"},
    ) as calling:
        listed = (await calling.get("/v1/objectives")).json()["data"]
    assert {o["id"] for o in listed} == {
        group.objectives[name]["id"] for name in set(BELONGING) - PRIVATE
    }

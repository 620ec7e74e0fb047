"""Who may do what: each of a group's people tries everything, and gets what is theirs."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest
from tests.group import (
    BELONGING,
    LED_BY,
    UNIT_OF,
    Group,
    Json,
    sees,
)

_WRITERS = {"chief", "director", "leader", "mai", "an", "binh", "planner", "admin"}  # not the guest
_EVERYTHING = {"planner", "admin"}


@dataclass(frozen=True)
class _Try:
    """A write, and who is to get through with it."""

    method: str
    path: str
    body: Json
    by: Callable[[str], bool]


def _leads(person: str, unit: str) -> bool:
    return person in _EVERYTHING or unit in LED_BY.get(person, set())


def _plans(name: str) -> Callable[[str], bool]:
    unit, owner = BELONGING[name]
    return lambda person: _leads(person, unit) or (person == owner and person in _WRITERS)


def _of_each(group: Group, name: str) -> list[_Try]:
    objective, key_result, plan, action, check_in = (row["id"] for row in group.of(name))
    plans, title = _plans(name), {"title": "Another title"}
    dates = {"start_date": "2026-09-01", "end_date": "2026-09-30"}
    return [
        _Try("PATCH", f"objectives/{objective}", title, plans),
        _Try("PATCH", f"key-results/{key_result}", title, plans),
        _Try("PATCH", f"action-plans/{plan}", title, plans),
        _Try("PATCH", f"actions/{action}", title, plans),
        _Try("POST", "check-ins", {"key_result_id": key_result, "value": 50}, plans),
        _Try("POST", f"check-ins/{check_in}:void", {"reason": "Wrong"}, plans),
        _Try(
            "POST",
            "key-results",
            {"objective_id": objective, "title": "B", "target_value": 1},
            plans,
        ),
        _Try("POST", "action-plans", {"key_result_id": key_result, "title": "B", **dates}, plans),
        _Try("POST", "actions", {"action_plan_id": plan, "title": "B"}, plans),
        _Try("POST", f"objectives/{objective}:close", {}, plans),
        _Try("POST", f"objectives/{objective}:reopen", {}, plans),
    ]


async def _status(calling: httpx.AsyncClient, tried: _Try) -> int:
    given = {"json": tried.body} if tried.body else {}
    answer = await calling.request(tried.method, f"/v1/{tried.path}", **given)  # type: ignore[arg-type] # as httpx takes it
    assert answer.status_code < 500, answer.text
    return answer.status_code


@pytest.mark.parametrize("name", BELONGING)
async def test_what_belongs_to_a_unit_or_owner_is_theirs_to_write(group: Group, name: str) -> None:
    for tried in _of_each(group, name):
        # Those who may not, first: a write that goes through changes what the next one meets.
        for person in sorted(UNIT_OF, key=tried.by):
            async with group.calling(person) as calling:
                status = await _status(calling, tried)
            if not tried.by(person):
                # A viewer is turned away whatever it is about.
                refused = 403 if sees(person, name) or person not in _WRITERS else 404
                assert status == refused, (person, tried)
            elif status == 409:
                assert tried.path.endswith((":void", ":reopen", ":close")), (person, tried)
            else:
                assert status in (200, 201), (person, tried, status)


@pytest.mark.parametrize(
    ("unit", "owner", "may"),
    [
        ("sales", "mai", {"mai", "director", "chief"}),
        ("sales", None, {"director", "chief"}),
        ("sales", "binh", {"director", "chief"}),
        ("south", "mai", {"chief", "leader"}),
        ("north", "director", {"director", "chief"}),
        ("group", "chief", {"chief"}),
    ],
)
async def test_who_may_set_an_objective(
    group: Group, unit: str, owner: str | None, may: set[str]
) -> None:
    body = {
        "title": "New",
        "unit_id": group.units[unit]["id"],
        "owner_id": group.people[owner]["id"] if owner else None,
        "cycle_id": "2026",
    }
    for person in UNIT_OF:
        async with group.calling(person) as calling:
            answer = await calling.post("/v1/objectives", json=body)
        assert answer.status_code == (201 if person in may | _EVERYTHING else 403), person


@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({"owner_id": "an"}, {"director", "chief"}),
        ({"unit_id": "south"}, {"chief"}),
        ({"unit_id": "north"}, {"director", "chief"}),
        ({"private": True}, {"mai", "director", "chief"}),
    ],
)
async def test_nobody_hands_over_what_they_could_not_take(
    group: Group, change: Json, may: set[str]
) -> None:
    rows = {"owner_id": group.people, "unit_id": group.units}
    body = {k: rows[k][v]["id"] if k in rows else v for k, v in change.items()}
    path = f"/v1/objectives/{group.objectives['under board']['id']}"
    for person in sorted(UNIT_OF, key=lambda p: p in may | _EVERYTHING):
        async with group.calling(person) as calling:
            answer = await calling.patch(path, json=body)
        expected = 200 if person in may | _EVERYTHING else 403
        assert answer.status_code == expected, (person, answer.text)


async def test_who_owns_a_part_writes_the_part(group: Group) -> None:
    """The key result of another's objective; the plan of that; one action of it."""
    parts = (
        ("key-results", group.key_results, "an"),
        ("action-plans", group.plans, "binh"),
        ("actions", group.actions, "mai"),
    )
    for kind, rows, owner in parts:
        row = rows["open"]
        owned = {"owner_id": group.people[owner]["id"]}
        given = await group.build.rest.patch(f"/v1/{kind}/{row['id']}", json=owned)
        assert given.is_success, given.text
    for kind, rows, owner in parts:
        async with group.calling(owner) as calling:
            mine = await calling.patch(f"/v1/{kind}/{rows['open']['id']}", json={"title": "Mine"})
            assert mine.status_code == 200, mine.text
            above = await calling.patch(
                f"/v1/objectives/{group.objectives['open']['id']}", json={"title": "Mine"}
            )
            assert above.status_code == 403
    async with group.calling("an") as calling:
        report = {"key_result_id": group.key_results["open"]["id"], "value": 60}
        reported = await calling.post("/v1/check-ins", json=report)
    assert reported.json()["author_id"] == group.people["an"]["id"]
    async with group.calling("mai") as calling:
        assert (await calling.post("/v1/check-ins", json=report)).status_code == 403


async def test_nobody_reports_in_anothers_name(group: Group) -> None:
    key_result = group.key_results["under board"]["id"]
    report = {"key_result_id": key_result, "value": 60, "author_id": group.people["an"]["id"]}
    async with group.calling("mai") as calling:
        refused = await calling.post("/v1/check-ins", json=report)
        batch = await calling.post("/v1/check-ins:batch", json={"check_ins": [report]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/author_id")
    assert batch.json()["errors"][0]["pointer"] == "/check_ins/0/author_id"
    async with group.calling("planner") as calling:
        assert (await calling.post("/v1/check-ins", json=report)).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "may"),
    [
        (
            "POST",
            "cycles",
            {"code": "2027", "start_date": "2027-01-01", "end_date": "2027-12-31"},
            _EVERYTHING,
        ),
        ("POST", "units", {"name": "New"}, _EVERYTHING),
        ("POST", "people", {"name": "New"}, {"admin"}),
        ("POST", "people/{mai}:assign-role", {"role": "admin"}, {"admin"}),
        ("POST", "people/{mai}:hand-over", {}, {"admin"}),
        ("PATCH", "tenant", {"name": "New"}, {"admin"}),
        ("POST", "api-keys", {"name": "New", "scopes": ["read"]}, set(UNIT_OF)),
        ("GET", "audit-events", {}, {"admin"}),
        ("GET", "api-keys", {}, set(UNIT_OF)),
        ("POST", "tenants", {"name": "New"}, set()),
        ("GET", "objectives", {}, set(UNIT_OF)),
        ("GET", "people", {}, set(UNIT_OF)),
    ],
)
async def test_what_a_role_is_for(
    group: Group, method: str, path: str, body: Json, may: set[str]
) -> None:
    tried = _Try(method, path.replace("{mai}", group.people["mai"]["id"]), body, may.__contains__)
    for person in sorted(UNIT_OF, key=tried.by):
        async with group.calling(person) as calling:
            status = await _status(calling, tried)
        # 409: another who may has done it already
        assert (status in (200, 201, 409)) == (person in may), (person, status)
        assert status in (200, 201, 403, 409)


async def test_scopes_narrow_what_a_person_may_do(group: Group) -> None:
    path = f"/v1/objectives/{group.objectives['under board']['id']}"
    report = {"key_result_id": group.key_results["under board"]["id"], "value": 60}
    async with group.calling("mai", "read", "check_in") as calling:
        assert (await calling.get(path)).status_code == 200
        assert (await calling.post("/v1/check-ins", json=report)).status_code == 201
        assert (await calling.patch(path, json={"title": "A"})).status_code == 403
    async with group.calling("mai", "admin") as calling:
        assert (await calling.get("/v1/audit-events")).status_code == 403


async def test_who_feeds_in_people_does_not_become_one_of_trust(
    group: Group,
) -> None:
    """An issuer's tokens are matched by external id or e-mail: HR must not move an admin's."""
    made = await group.build.post("api-keys", name="HR", scopes=["organisation"])
    admin, member = (f"/v1/people/{group.people[name]['id']}" for name in ("admin", "mai"))
    async with httpx.AsyncClient(
        transport=group.build.rest._transport,
        base_url="http://okr.test",
        headers={"Authorization": f"Bearer {made['key']}"},
    ) as hr:
        assert (await hr.patch(admin, json={"email": "evil@x.test"})).status_code == 403
        assert (await hr.patch(admin, json={"external_id": "EVIL"})).status_code == 403
        assert (await hr.patch(admin, json={"job_title": "Chief"})).status_code == 200
        assert (await hr.patch(member, json={"email": "mai@x.test"})).status_code == 200
        assert (await hr.patch(member, json={"role": "admin"})).status_code == 422
        await group.build.rest.patch(admin, json={"email": "Chief@x.test"})
        theirs = {"email": "chief@X.test"}
        assert (await hr.post("/v1/people", json={"name": "A", **theirs})).status_code == 403
        assert (await hr.patch(member, json=theirs)).status_code == 403
        assert (await hr.patch(member, json={"email": None})).status_code == 200
        person = await hr.post("/v1/people", json={"name": "A", "role": "admin"})
        assert person.status_code == 422


async def test_who_leaves_may_do_nothing_any_more(group: Group) -> None:
    async with group.calling("mai") as calling:
        assert (await calling.get("/v1/objectives")).status_code == 200
        person = f"/v1/people/{group.people['mai']['id']}"
        assert (await group.build.rest.patch(person, json={"active": False})).is_success
        assert (await calling.get("/v1/objectives")).status_code == 401


async def test_who_is_moved_reaches_what_the_new_place_does(group: Group) -> None:
    secret = f"/v1/objectives/{group.objectives['secret']['id']}"
    rival = f"/v1/objectives/{group.objectives['rival']['id']}"
    async with group.calling("an") as calling:
        assert [(await calling.get(path)).status_code for path in (secret, rival)] == [200, 404]
        move = {"unit_id": group.units["south"]["id"]}
        await group.build.rest.patch(f"/v1/people/{group.people['an']['id']}", json=move)
        assert [(await calling.get(path)).status_code for path in (secret, rival)] == [404, 200]
        lead = {"manager_id": group.people["an"]["id"]}
        await group.build.rest.patch(f"/v1/units/{group.units['north']['id']}", json=lead)
        assert [(await calling.get(path)).status_code for path in (secret, rival)] == [200, 200]

"""A person's calendar: behind a secret address, of what they own and may see."""

import asyncio
import logging
from datetime import date

import httpx
import pytest
from fastapi import FastAPI
from icalendar import Calendar, Event
from pydantic import SecretStr
from sqlalchemy import text
from tests.build import Build, Json
from tests.conftest import API_KEY_SECRET, Start, Tenant
from tests.graphql.asking import answered
from tests.group import Group
from tests.reminders.reminding import action, weekly

from okr_service.kernel.database import Database

_ROWS = text("SELECT count(*) FROM calendar_addresses WHERE tenant_id = :tenant_id")


async def address(build: Build, person: Json) -> str:
    """Give a person's calendar an address; returns it."""
    path: str = (await build.post(f"people/{person['id']}/calendar"))["path"]
    return path


async def asked(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    """Ask for a calendar as a calendar program does: with its address and nothing else."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as program:
        return await program.get(path, headers=headers)


async def shown(app: FastAPI, path: str) -> dict[str, Json]:
    """Return what a calendar shows, by the title of each entry."""
    answer = await asked(app, path)
    assert answer.status_code == 200, answer.text
    read = Calendar.from_ical(answer.content)
    return {
        str(one["SUMMARY"]): {
            "uid": str(one["UID"]),
            "start": one.start,
            "end": one.end,
            "about": str(one["DESCRIPTION"]),
        }
        for one in read.walk("VEVENT")
        if isinstance(one, Event)
    }


async def test_it_shows_what_is_due_of_what_the_person_owns(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    mai, an = await build.person(), await build.person()
    title = "Doanh thu; gạch, ngói\\đá: " + "dài " * 40
    key_result = await weekly(build, owner_id=mai["id"], title=title.strip())
    due = await action(build, "2026-02-02", owner_id=mai["id"], title="Mở đại lý")
    await action(build, None, owner_id=mai["id"])
    await action(build, "2026-02-02", owner_id=mai["id"], state="done")
    await action(build, "2026-02-02", owner_id=an["id"])
    path = await address(build, mai)
    found = await shown(app, path)
    objective = await build.get(f"objectives/{key_result['objective_id']}")
    check_in = found.pop(f"Check in: {title.strip()}")
    assert check_in == {
        "uid": f"key_result.{key_result['id']}@{tenant.tenant_id}",
        "start": date(2026, 1, 8),
        "end": date(2026, 1, 9),
        "about": f"Objective: {objective['title']}",
    }
    [(summary, entry)] = found.items()
    assert summary == "Action due: Mở đại lý"
    assert entry["uid"] == f"action.{due['id']}@{tenant.tenant_id}"
    assert entry["start"] == date(2026, 2, 2)

    await build.check_in(key_result, 1, observed_at="2026-01-20T09:00:00Z")
    moved = (await shown(app, path))[f"Check in: {title.strip()}"]
    assert moved == check_in | {"start": date(2026, 1, 27), "end": date(2026, 1, 28)}


async def test_it_is_valid_and_speaks_the_language_that_is_asked_for(
    app: FastAPI, build: Build
) -> None:
    mai = await build.person()
    await action(build, "2026-02-02", owner_id=mai["id"], title="Mở đại lý")
    path = await address(build, mai)
    plain = await asked(app, path)
    assert plain.headers["content-type"] == "text/calendar; charset=utf-8"
    assert plain.headers["content-language"] == "en"
    assert plain.headers["vary"] == "Accept-Language"
    assert plain.headers["cache-control"] == "private, no-cache"
    lines = plain.content.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert b"VERSION:2.0" in lines
    assert any(line.startswith(b"PRODID:") for line in lines)
    assert any(line.startswith(b"DTSTAMP:") and line.endswith(b"Z") for line in lines)
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in lines
    assert max(map(len, lines)) <= 75
    assert Calendar.from_ical(plain.content).errors == []
    in_vietnamese = await asked(app, path, **{"Accept-Language": "vi-VN,vi;q=0.9,en;q=0.5"})
    by_parameter = await asked(app, f"{path}?lang=vi")
    assert in_vietnamese.content == by_parameter.content
    assert "Hành động đến hạn: Mở đại lý" in in_vietnamese.content.decode()
    assert (await asked(app, f"{path}?lang=fr")).status_code == 400


async def test_who_has_it_already_is_told_so(app: FastAPI, build: Build) -> None:
    mai = await build.person()
    one = await action(build, "2026-02-02", owner_id=mai["id"])
    path = await address(build, mai)
    first = await asked(app, path)
    again = await asked(app, path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    await build.rest.patch(f"/v1/actions/{one['id']}", json={"due_date": "2026-02-03"})
    changed = await asked(app, path, **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_another_address_ends_the_first_and_both_can_be_taken_back(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    mai = await build.person()
    first = await address(build, mai)
    second = await address(build, mai)
    assert (await asked(app, first)).status_code == 404
    assert (await asked(app, second)).status_code == 200
    gone = await build.rest.delete(f"/v1/people/{mai['id']}/calendar")
    assert (gone.status_code, gone.content) == (204, b"")
    ended = await asked(app, second)
    assert (ended.status_code, ended.json()["code"]) == (404, "calendar-not-found")
    twice = await build.rest.delete(f"/v1/people/{mai['id']}/calendar")
    assert (twice.status_code, twice.json()["code"]) == (404, "no-calendar-of")
    events = (await build.get("audit-events?subject=calendar"))["data"]
    assert sorted(one["action"] for one in events) == ["created", "created", "deleted", "deleted"]
    async with database.reading() as connection:
        assert await connection.scalar(_ROWS, {"tenant_id": tenant.tenant_id}) == 0


async def test_two_at_once_leave_one_address(app: FastAPI, build: Build) -> None:
    mai = await build.person()
    paths = await asyncio.gather(*(address(build, mai) for _ in range(4)))
    statuses = [(await asked(app, path)).status_code for path in paths]
    assert sorted(statuses) == [200, 404, 404, 404]


async def test_it_ends_with_the_person(app: FastAPI, build: Build) -> None:
    mai, an, binh = [await build.person() for _ in range(3)]
    paths = [await address(build, one) for one in (mai, an, binh)]
    await build.rest.patch(f"/v1/people/{mai['id']}", json={"active": False})
    await build.post(f"people/{an['id']}:erase")
    await build.rest.delete(f"/v1/people/{binh['id']}")
    for path in paths:
        answer = await asked(app, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "calendar-not-found")
    refused = await build.rest.post(f"/v1/people/{mai['id']}/calendar")
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar-of-nobody")


async def test_what_is_no_address_opens_nothing(
    app: FastAPI, build: Build, other_tenant: Tenant
) -> None:
    mai = await build.person()
    path = await address(build, mai)
    secret = path.removeprefix("/v1/calendars/").removesuffix(".ics")
    tenant_id = secret.split("_")[1]
    wrong = [
        secret[:-1],
        secret.swapcase(),
        secret.replace(tenant_id, other_tenant.tenant_id.hex),
        secret.replace("okrcal_", "okr_"),
        other_tenant.key,
        "none",
        "x" * 3000,
    ]
    for one in wrong:
        answer = await asked(app, f"/v1/calendars/{one}.ics")
        assert (answer.status_code, answer.json()["code"]) == (404, "calendar-not-found"), one
    used_as_a_key = await build.rest.get(
        "/v1/people", headers={"Authorization": f"Bearer {secret}"}
    )
    assert used_as_a_key.status_code == 401


async def test_people_make_their_own_and_admins_everybody_s(group: Group) -> None:
    mai, an = group.people["mai"]["id"], group.people["an"]["id"]

    async def statuses(person: str, *scopes: str) -> list[tuple[int, int]]:
        async with group.calling(person, *scopes) as calling:
            return [
                (
                    (await calling.post(f"/v1/people/{whose}/calendar")).status_code,
                    (await calling.delete(f"/v1/people/{whose}/calendar")).status_code,
                )
                for whose in (mai, an)
            ]

    assert await statuses("mai") == [(201, 204), (403, 403)]
    assert await statuses("chief") == [(403, 403), (403, 403)]
    assert await statuses("planner") == [(403, 403), (403, 403)]
    assert await statuses("admin") == [(201, 204), (201, 204)]
    assert await statuses("mai", "read", "plan") == [(403, 403), (403, 403)]


async def test_it_shows_of_private_objectives_what_its_person_may_see(group: Group) -> None:
    build, owner = group.build, group.people["an"]["id"]
    for name in ("open", "secret", "rival", "board"):
        path = f"/v1/actions/{group.actions[name]['id']}"
        changed = await build.rest.patch(path, json={"due_date": "2026-02-02", "owner_id": owner})
        assert changed.is_success, changed.text
    async with group.calling("an") as an:
        made = await an.post(f"/v1/people/{owner}/calendar")
        listed = (await an.get(f"/v1/actions?owner_id={owner}")).json()["data"]
    entries = await shown(group.app, made.json()["path"])
    assert set(entries) == {"Action due: Action of open", "Action due: Action of secret"}
    assert {one["title"] for one in listed} == {"Action of open", "Action of secret"}


async def test_it_is_shown_once_and_in_no_log(
    app: FastAPI, build: Build, tenant: Tenant, database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    mai = await build.person()
    headers = {"Idempotency-Key": "once"}
    made = await build.rest.post(f"/v1/people/{mai['id']}/calendar", headers=headers)
    assert made.headers["cache-control"] == "no-store"
    again = await build.rest.post(f"/v1/people/{mai['id']}/calendar", headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "secret-shown-once")
    path = made.json()["path"]
    secret = path.removeprefix("/v1/calendars/").removesuffix(".ics")
    assert (await asked(app, path)).status_code == 200
    line = '%s - "%s %s HTTP/%s" %d'
    given = ("10.0.0.1:5", "GET", f"{path}?lang=vi", "1.1", 200)
    logging.getLogger("uvicorn.access").info(line, *given)
    assert 'GET /v1/calendars/… HTTP/1.1" 200' in caplog.text
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("httpx")]
    assert not [one for one in ours if secret in one]
    async with database.reading() as connection:
        for table in ("calendar_addresses", "audit_events", "idempotent_answers", "events"):
            rows = text(f"SELECT CAST(t AS text) FROM {table} AS t WHERE tenant_id = :of")
            found = await connection.scalars(rows, {"of": tenant.tenant_id})
            assert not [one for one in found if secret in one], table


async def test_it_outlives_another_secret_of_the_service(
    app: FastAPI, start: Start, build: Build
) -> None:
    path = await address(build, await build.person())
    other = SecretStr("another-secret-for-tests-of-32-characters")
    changing = start(api_key_secret=other, api_key_previous_secret=API_KEY_SECRET)
    changed = start(api_key_secret=other)
    assert (await asked(changed, path)).status_code == 404
    assert (await asked(changing, path)).status_code == 200
    assert (await asked(changed, path)).status_code == 200
    assert (await asked(app, path)).status_code == 404


async def test_it_is_limited_as_other_doors_are(app: FastAPI, start: Start, build: Build) -> None:
    path = await address(build, await build.person())
    plain = await asked(app, path)
    assert '"credential"' in plain.headers["ratelimit"]
    limited = start(rate_limit_per_credential=2)
    another = await address(build, await build.person())
    statuses = [(await asked(limited, another)).status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    guessed = start(login_failures_per_minute=2)
    wrong = [await asked(guessed, f"/v1/calendars/okrcal_{n}.ics") for n in range(5)]
    assert [one.status_code for one in wrong] == [404, 404, 404, 429, 429]
    assert wrong[-1].json()["code"] == "too-many-failures"


async def test_graphql_makes_and_ends_it_too(
    app: FastAPI, rest: httpx.AsyncClient, build: Build
) -> None:
    mai = await build.person()
    making = """mutation($r: Ref!) { createCalendar(input: {ref: $r}) {
      path personId errors { code } } }"""
    made = (await answered(rest, making, r=mai["id"]))["createCalendar"]
    assert (made["personId"], made["errors"]) == (mai["id"], [])
    assert (await asked(app, made["path"])).status_code == 200
    ending = """mutation($r: Ref!) { deleteCalendar(input: {ref: $r}) {
      person { rowId } errors { code } } }"""
    ended = (await answered(rest, ending, r=mai["id"]))["deleteCalendar"]
    assert ended == {"person": {"rowId": mai["id"]}, "errors": []}
    assert (await asked(app, made["path"])).status_code == 404
    twice = (await answered(rest, ending, r=mai["id"]))["deleteCalendar"]
    assert [one["code"] for one in twice["errors"]] == ["no-calendar-of"]

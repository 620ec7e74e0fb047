"""What an import writes: only what differs, what fits, what the caller may; once, or not at all."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant
from tests.group import Group
from tests.imports.test_import import YEAR, counts, send
from tests.rollup.stored import assert_right

from okr_service.kernel.database import Database
from okr_service.serving import Service

PLAIN = """\
unit,cycle,objective,objective_title,key_result,key_result_title,target,current,action
U,2026,A,First,KR1,Sales,100,40,
U,2026,A,,KR2,Staff,10,,Hire
U,2026,B,Second,KR1,Costs,50,,
"""


async def imported(rest: httpx.AsyncClient, data: str, **options: str) -> Json:
    """Import a file that is not refused as a whole; returns the report."""
    response = await rest.post(
        "/v1/imports",
        params={"mode": "commit", **options},
        content=data.encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert response.is_success, response.text
    report: Json = response.json()
    return report


def effects(report: Json) -> list[str]:
    return [row["effect"] for row in report["rows"]]


async def titles(build: Build, path: str = "objectives") -> dict[str, str]:
    rows = (await build.get(f"{path}?limit=200"))["data"]
    return {row["external_id"]: row["title"] for row in rows}


async def test_a_dry_run_tells_from_what_to_what(build: Build) -> None:
    await build.person(external_id="NV-1")
    await send(build.rest, YEAR)
    changed = (
        YEAR.replace("Gạch dẫn đầu,MT-TD", "Gạch đi đầu,")
        .replace("300,100,1,25,75", "320,100.0,1.00,25,80")
        .replace("50,20,14", "50,20,15")
    )
    report = await imported(build.rest, changed, mode="dry_run")
    assert effects(report) == ["updated", "updated", "unchanged", "unchanged", "unchanged"]
    first, second = report["rows"][0]["changes"], report["rows"][1]["changes"]
    assert {(c["column"], c["was"], c["now_is"]) for c in first} == {
        ("objective_title", "Gạch dẫn đầu", "Gạch đi đầu"),
        ("target", "300", "320"),
        ("T3", "75", "80"),
    }
    assert [(c["column"], c["was"], c["now_is"]) for c in second] == [("current", "14", "15")]
    assert (await build.get("objectives/external:MT-GACH"))["title"] == "Gạch dẫn đầu"


async def test_what_is_changed_is_one_version_and_one_event_more(build: Build) -> None:
    await send(build.rest, PLAIN)
    before = await build.get("key-results/external:A/KR1")
    await send(build.rest, PLAIN)
    assert (await build.get("key-results/external:A/KR1"))["version"] == before["version"]
    await send(build.rest, PLAIN.replace("Sales,100", "Sales,80").replace("Hire", "Hire"))
    after = await build.get("key-results/external:A/KR1")
    assert after["version"] == before["version"] + 1
    events = (await build.get(f"audit-events?subject_id={after['id']}"))["data"]
    [update] = [event for event in events if event["action"] == "updated"]
    assert (update["before"], update["after"]) == (
        {"target_value": "100"},
        {"target_value": "80"},
    )


async def test_rows_that_do_not_fit_are_skipped_with_all_that_hangs_from_them(
    database: Database, tenant: Tenant, build: Build
) -> None:
    bad = (
        PLAIN.replace("KR2,Staff,10,,Hire", "KR2,Staff,ten,,Hire")
        + "U,2026,A,,KR2,,,,Train\n"
        + "U,2026,C,Third,KR1,Alone,5,9,\n"
        + "U,2026-Q9,D,In no cycle,KR1,Gone,5,,\n"
        + "U,2026,D,,KR2,Gone too,5,,\n"
    )
    for mode in ("dry_run", "commit"):
        report = await imported(build.rest, bad, mode=mode, on_error="skip")
        assert effects(report) == [
            *("created", "failed", "created", "failed", "created", "failed", "failed")
        ]
    assert set(await titles(build)) == {"A", "B", "C"}
    assert set(await titles(build, "key-results")) == {"A/KR1", "B/KR1", "C/KR1"}
    assert (await build.get("actions"))["data"] == []
    await assert_right(database, tenant.tenant_id)
    mended = bad.replace("ten", "10").replace("2026-Q9", "2026")
    report = await imported(build.rest, mended)
    assert effects(report)[1:4:2] == ["created", "created"]
    assert (await imported(build.rest, mended))["counts"]["unchanged"] == 7


async def test_where_no_row_fits_nothing_is_left(build: Build) -> None:
    report = await imported(build.rest, "objective\nA\nB\n", on_error="skip")
    assert effects(report) == ["failed", "failed"]
    assert await titles(build) == {}


async def test_a_code_that_names_nothing_comes_with_what_is_similar(build: Build) -> None:
    await build.person(external_id="NV-0007", email="mai@saomai.example")
    await build.cycle(code="2026-H1", start_date="2026-01-01", end_date="2026-06-30")
    head = "unit,cycle,objective,objective_title,parent_objective,objective_owner\n"
    rows = "U,2026-H2,A,A,,\nU,2026,B,B,MT-GACHS,\nU,2026,MT-GACH,C,,NV-007\n"
    report = await imported(build.rest, head + rows, mode="dry_run")
    told = {e["cell"]: (e["code"], e.get("suggestion")) for e in report["errors"]}
    assert told["B2"] == ("cycle-unknown", "2026-H1")
    assert told["F4"] == ("person-not-found", "NV-0007")
    assert told["E3"] == ("objective-not-found", "MT-GACH")


async def test_an_owner_who_left_or_whom_an_address_does_not_tell_is_refused(build: Build) -> None:
    await build.person(external_id="NV-1", email="a@saomai.example", active=False)
    await build.person(external_id="NV-2", email="b@saomai.example")
    await build.person(external_id="NV-3", email="B@saomai.example")
    head = "unit,cycle,objective,objective_title,objective_owner\n"
    rows = "U,2026,A,A,NV-1\nU,2026,B,B,b@saomai.example\nU,2026,C,C,NV-3\n"
    report = await imported(build.rest, head + rows, mode="dry_run")
    assert [(e["cell"], e["code"]) for e in report["errors"]] == [
        ("E2", "person-left"),
        ("E3", "person-ambiguous"),
    ]
    assert effects(report) == ["failed", "failed", "created"]


async def test_a_unit_that_moved_is_moved_and_says_so(build: Build) -> None:
    head = "unit,parent_unit,objective\n"
    assert (await send(build.rest, head + "A,,\nB,,\nC,A,\n")).is_success
    report = await imported(build.rest, head + "C,B,\n", mode="dry_run")
    [change] = report["rows"][0]["changes"]
    assert (change["column"], change["was"], change["now_is"]) == ("parent_unit", "A", "B")
    loop = await imported(build.rest, head + "A,C,\n", mode="dry_run")
    assert [e["code"] for e in loop["errors"]] == ["unit-would-loop"]


async def test_branches_that_change_places_end_up_as_the_file_says(
    database: Database, tenant: Tenant, build: Build
) -> None:
    head = "unit,cycle,objective,objective_title,parent_objective,key_result,target,current\n"
    line = head + "U,2026,A,A,,KR,9,3\nU,2026,B,B,A,KR,9,6\nU,2026,C,C,B,KR,9,9\n"
    line = line.replace("target,current", "key_result_title,target,current").replace(
        ",KR,", ",KR,K,"
    )
    assert (await send(build.rest, line)).is_success
    # B comes to stand under C; C, until now under B, goes under A.
    moved = line.replace("B,B,A", "B,B,C").replace("C,C,B", "C,C,A")
    assert counts((await send(build.rest, moved)).json()) == {"updated": 2, "unchanged": 1}
    above = {code: (await build.get(f"objectives/external:{code}"))["parent_id"] for code in "ABC"}
    ids = {code: (await build.get(f"objectives/external:{code}"))["id"] for code in "ABC"}
    assert above == {"A": None, "B": ids["C"], "C": ids["A"]}
    await assert_right(database, tenant.tenant_id)


async def test_pruning_cancels_what_is_gone_within_the_scope_only(
    database: Database, tenant: Tenant, build: Build
) -> None:
    below = PLAIN.replace("U,2026", "V,2026").replace(",A,", ",AA,").replace(",B,", ",BB,")
    await send(build.rest, PLAIN)
    await send(build.rest, below)
    await send(build.rest, "unit,parent_unit,objective\nV,U,\n")
    await send(build.rest, PLAIN.replace("U,2026", "W,2026").replace(",A,", ",WA,"))
    by_hand = await build.objective(unit_id="external:U", cycle_id="2026", title="Not from a file")
    later = "\n".join(PLAIN.splitlines()[:2]) + "\n"

    for scope in (None, "", "unit:U", "cycle:2026", "unit:,cycle:2026", "colour:red"):
        options = {"mode": "dry_run", "prune": "true"} | ({"scope": scope} if scope else {})
        response = await build.rest.post(
            "/v1/imports",
            params=options,
            content=later.encode(),
            headers={"Content-Type": "text/csv"},
        )
        assert response.json()["code"] == "prune-needs-scope", response.text

    options = {"prune": "true", "scope": "unit:U,cycle:2026"}
    shown = await imported(build.rest, later, mode="dry_run", **options)
    done = await imported(build.rest, later, **options)
    told = [(one["kind"], one["external_id"]) for one in done["pruned"]]
    assert [(one["kind"], one["external_id"]) for one in shown["pruned"]] == told
    assert told == [
        ("objective", "AA"),
        ("objective", "BB"),
        ("key_result", "A/KR2"),
    ]
    rows = (await build.get("objectives?limit=200"))["data"]
    states = {row["external_id"]: row["state"] for row in rows}
    assert states == {
        "A": "active",
        "B": "active",  # moved to W by the second file
        "AA": "cancelled",
        "BB": "cancelled",
        "WA": "active",
        None: "active",
    }
    assert by_hand["external_id"] is None
    await assert_right(database, tenant.tenant_id)
    assert (await imported(build.rest, later, **options))["pruned"] == []


async def test_each_writes_by_a_file_what_they_could_write_one_by_one(group: Group) -> None:
    head = "objective,objective_title\n"
    own = head + "O-under board,Mine\n"
    async with group.calling("mai") as mai:
        assert counts(await imported(mai, own)) == {"updated": 1}
        for name in ("open", "board", "rival"):
            report = await imported(mai, head + f"O-{name},Not mine\n", mode="dry_run")
            assert effects(report) == ["failed"], name
        report = await imported(mai, own + "O-open,Not mine\n", mode="dry_run")
        assert [(e["cell"], e["code"]) for e in report["errors"]] == [("A3", "not-permitted")]
    async with group.calling("director") as director:
        both = head + "O-board,Led\nO-under board,Led\n"
        assert counts(await imported(director, both)) == {"updated": 2}
        unit = await imported(director, "unit,unit_name,objective\nNEW,New,\n", mode="dry_run")
        assert [e["code"] for e in unit["errors"]] == ["not-permitted"]
    async with group.calling("guest") as guest:
        response = await send(guest, own)
        assert response.json()["code"] == "not-permitted"
    for key_result, who, fits in (("under board", "mai", True), ("open", "mai", False)):
        async with group.calling(who) as calling:
            rows = f"objective,key_result,target,current,action\nO-{key_result},KR,90,41,Do\n"
            report = await imported(calling, rows, mode="dry_run")
            assert (effects(report) == ["updated"] or effects(report) == ["created"]) is fits


async def test_the_roots_shown_are_those_that_one_may_see(group: Group) -> None:
    async with group.calling("mai") as mai:
        report = await imported(mai, "objective,objective_title\nO-under board,X\n", mode="dry_run")
        assert [root["external_id"] for root in report["roots"]] == ["O-open"]


@pytest.mark.parametrize("files", [[PLAIN] * 4, [PLAIN, YEAR, PLAIN.replace("40", "41"), YEAR]])
async def test_imports_at_once_come_one_after_the_other(
    database: Database, tenant: Tenant, build: Build, files: list[str]
) -> None:
    reports = await asyncio.gather(*(send(build.rest, file) for file in files))
    assert [report.status_code for report in reports] == [200] * 4, [r.text for r in reports]
    created = sum(report.json()["counts"]["created"] for report in reports)
    assert created == sum(len(file.splitlines()) - 1 for file in {f[:9]: f for f in files}.values())
    await assert_right(database, tenant.tenant_id)


async def test_reports_go_on_while_a_file_is_loaded(
    database: Database, tenant: Tenant, build: Build
) -> None:
    await send(build.rest, PLAIN)

    async def report(value: int) -> int:
        body = {"key_result_id": "external:A/KR1", "value": value}
        return (await build.rest.post("/v1/check-ins", json=body)).status_code

    async def load(value: int) -> int:
        file = PLAIN.replace("100,40", f"{100 + value},{40 + value}").replace("50", f"5{value}")
        return (await send(build.rest, file)).status_code

    work = [each for value in range(8) for each in (load(value), report(value), report(value))]
    assert set(await asyncio.gather(*work)) == {200, 201}
    await assert_right(database, tenant.tenant_id)


_END_WRITERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_xid IS NOT NULL"
    " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
)


async def test_a_lost_database_connection_leaves_nothing(
    start: Callable[..., FastAPI], database: Database, tenant: Tenant
) -> None:
    rows = "".join(f"U,2026,M-{n},Title,KR,Sales,100,40,Act\n" for n in range(3_000))
    file = PLAIN.splitlines()[0] + "\n" + rows

    async def end() -> int:
        for _ in range(2_000):
            async with database.reading() as connection:
                if ended := await connection.scalar(_END_WRITERS):
                    return int(ended)
            await asyncio.sleep(0.005)
        return 0

    async with client(start(), tenant.key) as rest:
        response, ended = await asyncio.gather(send(rest, file), end())
        assert ended == 1
        assert response.status_code == 503
        for path in ("objectives", "units", "cycles", "key-results", "check-ins", "actions"):
            found = await rest.get(f"/v1/{path}")
            assert found.json()["data"] == []
        again = await send(rest, file)
        assert again.status_code == 200, again.text
    await assert_right(database, tenant.tenant_id)


async def test_looking_at_the_tables_waits_for_nobody_and_tells_nothing(
    app: FastAPI, tenant: Tenant, other_tenant: Tenant
) -> None:
    service: Service = app.state.service
    look = text("SELECT okr_take_stock()")
    async with service.database.transaction(tenant.tenant_id) as tx:
        assert await tx.scalar(look) in (None, "")
        async with (
            asyncio.timeout(10),
            service.database.transaction(other_tenant.tenant_id) as other,
        ):
            assert await other.scalar(look) in (None, "")

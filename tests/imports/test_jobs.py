"""Imports that run as jobs: what is told of them, and that they come to what others do."""

import io
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from sqlalchemy import text as sql
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.working import CSV, ENDED, ended, rows, shown, submitted, until, working

from okr_service.kernel.database import Database
from okr_service.kernel.queue import Task
from okr_service.rest.endpoint import WORKBOOK

_FORGOTTEN_IN = sql(
    "SELECT execute_after - now() FROM okr_jobs.pgqueuer"
    " WHERE entrypoint = 'forget_import' AND payload = :payload"
)
_PARTS = sql("SELECT part FROM import_pieces WHERE job_id = :job_id")


async def test_a_job_comes_to_what_an_import_does_that_is_waited_for(
    app: FastAPI, build: Build, other_rest: httpx.AsyncClient
) -> None:
    text = rows(30)
    job = await submitted(build.rest, text)
    assert (job["state"], job["rows_read"], job["counts"]) == ("queued", 0, None)
    assert job["size_bytes"] == len(text.encode())
    waiting = await shown(build.rest, job)
    assert (waiting["state"], waiting["result"], waiting["problem"]) == ("queued", None, None)

    async with working(app):
        done = await ended(build.rest, job)

    assert done["state"] == "done", done
    progress = [done[name] for name in ("rows_read", "rows_checked", "rows_written")]
    assert progress == [30, 30, 30]
    assert done["counts"] == {"created": 30, "updated": 0, "unchanged": 0, "failed": 0}
    at_once = await other_rest.post(
        "/v1/imports?mode=commit", content=text, headers={"Content-Type": "text/csv"}
    )
    for name in ("mode", "counts", "rows", "errors", "pruned", "skipped_sheets"):
        assert done["result"][name] == at_once.json()[name], name
    assert (await build.get("objectives?count=exact"))["page"]["total"] == 30


async def test_a_large_file_is_not_waited_for_and_a_small_one_is(
    start: Start, tenant: Tenant
) -> None:
    headers = {"Content-Type": "text/csv"}
    async with client(start(import_job_from_bytes=500), tenant.key) as rest:
        small = await rest.post("/v1/imports", content=rows(2), headers=headers)
        large = await rest.post("/v1/imports", content=rows(20), headers=headers)
        listed = (await rest.get("/v1/imports")).json()["data"]

    assert (small.status_code, large.status_code) == (200, 202)
    assert "preference-applied" not in large.headers
    assert [one["id"] for one in listed] == [large.json()["id"]]
    assert listed[0]["mode"] == "dry_run"


async def test_who_would_rather_not_wait_need_not(build: Build) -> None:
    for prefer, status in (
        ("respond-async", 202),
        ("handling=strict, Respond-Async; wait=10", 202),
        ("respond-asynchronously", 200),
    ):
        answer = await build.rest.post(
            "/v1/imports", content=rows(1), headers={**CSV, "Prefer": prefer}
        )
        assert answer.status_code == status, prefer
        assert answer.headers.get("preference-applied") == (
            "respond-async" if status == 202 else None
        )


async def test_a_repeated_request_makes_no_second_job(build: Build) -> None:
    headers = {**CSV, "Idempotency-Key": "k-1"}
    first, again = [
        await build.rest.post("/v1/imports", content=rows(1), headers=headers) for _ in range(2)
    ]
    other = await build.rest.post("/v1/imports", content=rows(2), headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["code"] == "idempotency-key-reused"
    assert len((await build.get("imports"))["data"]) == 1


async def test_a_form_s_file_is_kept_and_its_name_tells_the_format(
    app: FastAPI, build: Build
) -> None:
    sent = {"file": ("targets.csv", rows(3).encode(), "application/octet-stream")}
    wish = {"Prefer": "respond-async"}
    answer = await build.rest.post("/v1/imports?mode=commit", files=sent, headers=wish)
    async with working(app):
        done = await ended(build.rest, answer.json())
    assert done["counts"]["created"] == 3


async def test_a_dry_run_shows_and_changes_nothing(app: FastAPI, build: Build) -> None:
    job = await submitted(build.rest, rows(5), "dry_run")
    async with working(app):
        done = await ended(build.rest, job)
    assert (done["state"], done["result"]["counts"]["created"]) == ("done", 5)
    assert (await build.get("objectives"))["data"] == []


async def test_cells_that_do_not_fit_are_named_and_nothing_is_loaded(
    app: FastAPI, build: Build
) -> None:
    bad = rows(4).replace("MT-2,Việc 2,KR1,Sản lượng 2,0,100", "MT-2,Việc 2,KR1,Sản lượng 2,0,x")
    headers = {**CSV, "Accept-Language": "vi"}
    answer = await build.rest.post("/v1/imports?mode=commit", content=bad, headers=headers)
    async with working(app):
        failed = await ended(build.rest, answer.json())
    at_once = await build.rest.post(
        "/v1/imports?mode=commit", content=bad, headers={**headers, "Prefer": ""}
    )

    assert (failed["state"], failed["result"]) == ("failed", None)
    assert failed["problem"]["errors"] == at_once.json()["errors"]
    assert failed["problem"]["code"] == at_once.json()["code"] == "import-rejected"
    assert failed["problem"]["detail"] == at_once.json()["detail"]
    assert (await build.get("objectives"))["data"] == []


async def test_the_rows_left_out_are_given_back_as_a_workbook(app: FastAPI, build: Build) -> None:
    bad = rows(4).replace("MT-2,Việc 2,KR1,Sản lượng 2,0,100", "MT-2,Việc 2,KR1,Sản lượng 2,0,x")
    job = await submitted(build.rest, bad, on_error="skip")
    good = await submitted(build.rest, rows(1, first=9))
    book = {"Accept": WORKBOOK}
    early = await build.rest.get(f"/v1/imports/{job['id']}", headers=book)
    async with working(app):
        done = await ended(build.rest, job)
        await ended(build.rest, good)
    given = await build.rest.get(f"/v1/imports/{job['id']}", headers=book)
    none = await build.rest.get(f"/v1/imports/{good['id']}", headers=book)

    assert done["counts"] == {"created": 3, "updated": 0, "unchanged": 0, "failed": 1}
    assert early.json()["code"] == none.json()["code"] == "no-failed-rows"
    assert given.headers["content-type"] == WORKBOOK
    sheet = load_workbook(io.BytesIO(given.content)).worksheets[0]
    assert [row[2].value for row in sheet.iter_rows()] == ["objective", "MT-2"]


@pytest.mark.parametrize(
    "sent", [b"unit,cycle\n", b"", b"PK\x03\x04nothing", b"objective\n\xd0\x00\xff"]
)
async def test_a_file_that_cannot_be_read_fails_with_the_reason(
    app: FastAPI, build: Build, sent: bytes
) -> None:
    job = await submitted(build.rest, sent)
    at_once = await build.rest.post(
        "/v1/imports?mode=commit", content=sent, headers={"Content-Type": "text/csv"}
    )
    async with working(app):
        failed = await ended(build.rest, job)
    assert failed["state"] == "failed"
    assert failed["problem"]["code"] == at_once.json()["code"]
    assert failed["problem"]["detail"] == at_once.json()["detail"]


async def test_what_is_wrong_with_the_request_is_told_at_once(build: Build) -> None:
    for query, headers, code in (
        ({"prune": "true"}, CSV, "prune-needs-scope"),
        ({}, {**CSV, "Content-Type": "image/png"}, "unsupported-media-type"),
    ):
        answer = await build.rest.post(
            "/v1/imports", params=query, content=rows(1), headers=headers
        )
        assert answer.json()["code"] == code
    assert (await build.get("imports"))["data"] == []


async def test_imports_of_a_tenant_are_done_in_the_order_they_were_sent(
    app: FastAPI, build: Build
) -> None:
    sent = [await submitted(build.rest, rows(3, f"Lần {turn}")) for turn in range(4)]
    async with working(app), working(app):
        done = [await ended(build.rest, job) for job in sent]
    assert [job["counts"]["created"] for job in done] == [3, 0, 0, 0]
    assert [job["counts"]["updated"] for job in done] == [0, 3, 3, 3]
    titles = {one["title"] for one in (await build.get("objectives"))["data"]}
    assert titles == {f"Lần 3 {row}" for row in range(3)}


async def test_how_far_it_has_come_is_seen_while_nothing_else_is(
    app: FastAPI, build: Build
) -> None:
    job = await submitted(build.rest, rows(6_000))
    async with working(app):
        seen = await until(
            build.rest, job, lambda found: found["rows_written"] > 1 or found["state"] in ENDED
        )
        objectives = (await build.get("objectives"))["data"]
        done = await ended(build.rest, job)
    assert seen["state"] == "running"
    assert objectives == []
    assert (seen["rows_read"], seen["rows_checked"]) == (6_000, 6_000)
    assert 0 < seen["rows_written"] <= 6_000
    assert done["state"] == "done"


async def test_what_came_of_it_is_forgotten_in_time(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    job = await submitted(build.rest, rows(2))
    async with working(app) as worker:
        await ended(build.rest, job)
        task = Task(tenant.tenant_id, UUID(job["id"]))
        async with database.reading() as connection:
            left = await connection.scalar(_FORGOTTEN_IN, {"payload": task.payload})
            parts = set(await connection.scalars(_PARTS, {"job_id": task.job_id}))
        await worker.imports.forget(task)
    gone = await build.rest.get(f"/v1/imports/{job['id']}")

    assert timedelta(days=6.9) < left <= timedelta(days=7)
    assert parts == {"report"}
    assert (gone.status_code, gone.json()["code"]) == (404, "import-not-found")
    async with database.reading() as connection:
        assert not set(await connection.scalars(_PARTS, {"job_id": task.job_id}))


async def test_what_an_import_said_is_erased_with_a_person(
    app: FastAPI, build: Build, database: Database
) -> None:
    person = await build.person(name="Mai", external_id="HR-1", email="mai@saomai.example")
    text = rows(1).replace("objective_title,", "objective_title,objective_owner,")
    job = await submitted(build.rest, text.replace("Việc 0,", "Việc 0,mai@saomai.example,"))
    async with working(app):
        await ended(build.rest, job)
    path = f"/v1/imports/{job['id']}"
    had = {"If-None-Match": (await build.rest.get(path)).headers["etag"]}
    assert (await build.rest.get(path, headers=had)).status_code == 304
    await build.rest.post(f"/v1/people/{person['id']}:erase")
    told = await build.rest.get(path, headers=had)
    found = told.json()
    assert (told.status_code, found["state"], found["result"]) == (200, "done", None)
    async with database.reading() as connection:
        assert not set(await connection.scalars(_PARTS, {"job_id": UUID(job["id"])}))

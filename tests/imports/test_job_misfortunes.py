"""What befalls imports that run as jobs: cancelled, stopped, sent by who may no more."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant, new_tenant
from tests.group import Group
from tests.imports.test_interrupted import no_file_larger_than
from tests.imports.working import (
    CSV,
    Json,
    ended,
    rows,
    shown,
    submitted,
    until,
    worker_of,
    working,
)

from okr_service.kernel.database import Database
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.queue import SCHEMA, NotYet, Task
from okr_service.kernel.servers import database_url

_TABLES = ("objectives", "key_results", "units", "cycles")


@asynccontextmanager
async def held_up(database: Database, tenant: Tenant) -> AsyncIterator[None]:
    """Have imports of a tenant wait, once they have read their file."""
    async with database.transaction(tenant.tenant_id) as tx:
        await hold_structure(tx, tenant.tenant_id, alone=True)
        yield


async def cancelled(rest: httpx.AsyncClient, job: Json) -> httpx.Response:
    return await rest.post(f"/v1/imports/{job['id']}:cancel")


async def is_running(rest: httpx.AsyncClient, job: Json) -> Json:
    return await until(rest, job, lambda found: found["rows_read"] > 0)


async def nothing_is_there(build: Build) -> bool:
    return not any([(await build.get(path.replace("_", "-")))["data"] for path in _TABLES])


async def test_one_that_waits_is_cancelled_at_once_and_never_begins(
    app: FastAPI, build: Build
) -> None:
    job, other = await submitted(build.rest, rows(3)), await submitted(build.rest, rows(1))
    answers = [await cancelled(build.rest, job) for _ in range(2)]
    async with working(app):
        await ended(build.rest, other)
        found = await shown(build.rest, job)

    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (found["state"], found["started_at"], found["result"]) == ("cancelled", None, None)
    assert len((await build.get("objectives"))["data"]) == 1


async def test_one_that_runs_is_cancelled_within_seconds_with_nothing_done(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    job = await submitted(build.rest, rows(1_000))
    async with working(app):
        async with held_up(database, tenant):
            await is_running(build.rest, job)
            asked = await cancelled(build.rest, job)
            began = time.monotonic()
            found = await ended(build.rest, job)
            took = time.monotonic() - began
        following = await ended(build.rest, await submitted(build.rest, rows(1, "Sau")))

    assert asked.json()["state"] == "running"
    assert asked.json()["cancel_requested_at"] is not None
    assert (found["state"], found["problem"], found["result"]) == ("cancelled", None, None)
    assert took < 3
    assert following["counts"]["created"] == 1
    assert len((await build.get("objectives"))["data"]) == 1


async def test_one_that_writes_is_cancelled_with_nothing_done(app: FastAPI, build: Build) -> None:
    job = await submitted(build.rest, rows(8_000))
    async with working(app):
        await until(build.rest, job, lambda found: found["rows_written"] > 0)
        await cancelled(build.rest, job)
        found = await ended(build.rest, job)
    assert found["state"] == "cancelled"
    assert await nothing_is_there(build)


async def test_what_has_ended_cannot_be_cancelled(app: FastAPI, build: Build) -> None:
    done, failed = await submitted(build.rest, rows(1)), await submitted(build.rest, "")
    async with working(app):
        await ended(build.rest, done)
        await ended(build.rest, failed)
    for job, state in ((done, "done"), (failed, "failed")):
        answer = await cancelled(build.rest, job)
        assert (answer.status_code, answer.json()["code"]) == (409, "import-ended")
        assert answer.json()["state"] == state


async def test_a_worker_that_stops_puts_it_back_and_it_is_done_once(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    job = await submitted(build.rest, rows(50))
    async with held_up(database, tenant):
        worker = worker_of(app)
        worker.start()
        await is_running(build.rest, job)
        began = time.monotonic()
        await worker.close()
        took = time.monotonic() - began
    assert took < 3
    assert await nothing_is_there(build)
    async with working(app):
        done = await ended(build.rest, job)
    assert (done["state"], done["counts"]["created"]) == ("done", 50)
    created = "audit-events?action=created&subject=objective&count=exact"
    assert (await build.get(created))["page"]["total"] == 50


async def test_stopping_workers_use_up_no_attempts(
    app: FastAPI, build: Build, database: Database, tenant: Tenant
) -> None:
    job = await submitted(build.rest, rows(5))
    async with held_up(database, tenant):
        for _ in range(6):
            worker = worker_of(app)
            worker.start()
            await is_running(build.rest, job)
            await asyncio.sleep(1.2)  # until a job that was put back is looked for
            await worker.close()
    async with working(app):
        done = await ended(build.rest, job)
    assert (done["state"], done["counts"]["created"]) == ("done", 5)


async def test_those_who_wait_keep_no_worker_from_another_tenant(
    app: FastAPI, build: Build, database: Database, tenant: Tenant, other_rest: httpx.AsyncClient
) -> None:
    async with held_up(database, tenant), working(app):
        first = await submitted(build.rest, rows(5))
        await is_running(build.rest, first)
        waiting = [await submitted(build.rest, rows(1, "Sau", nth)) for nth in range(15)]
        await asyncio.sleep(3)
        theirs = await submitted(other_rest, rows(1))
        done = await ended(other_rest, theirs)
        assert done["state"] == "done"
        assert (await shown(build.rest, waiting[-1]))["state"] == "queued"


async def test_a_cancelled_task_puts_it_back(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    job = await submitted(build.rest, rows(50))
    async with held_up(database, tenant):
        worker = worker_of(app)
        running = worker.start()
        await is_running(build.rest, job)
        every = [task for task in asyncio.all_tasks() if "_dispatch" in repr(task.get_coro())]
        for _ in range(3):  # whoever is impatient
            for task in every:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait(every)
        assert every
        assert not running.done()
        assert (await shown(build.rest, job))["state"] == "running"
    done = await ended(build.rest, job)
    await worker.close()
    assert (done["state"], done["counts"]["created"]) == ("done", 50)


async def test_two_workers_do_it_once_though_one_was_given_up(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    job = await submitted(build.rest, rows(50))
    async with working(app):
        async with held_up(database, tenant):
            await is_running(build.rest, job)
            async with database.transaction() as tx:
                given_up = "heartbeat = now() - CAST('1 hour' AS interval)"
                await tx.execute(text(f"UPDATE {SCHEMA}.pgqueuer SET {given_up}"))
            async with working(app):
                await asyncio.sleep(2.5)  # the other has taken it up, and waits for its turn
        done = await ended(build.rest, job)
        await asyncio.sleep(2.5)
    assert done["counts"]["created"] == 50
    assert (await shown(build.rest, job))["result"] == done["result"]


async def test_lost_connections_are_made_anew_and_it_is_done_once(
    start: Start, own_database_url: str
) -> None:
    """As when PostgreSQL is restarted: every connection ends while an import runs."""
    app = start(database_url=SecretStr(own_database_url))
    owner = Database.as_owner(app.state.service.settings)
    tenant = await new_tenant(owner)
    await owner.close()
    plain = database_url(own_database_url).set(drivername="postgresql")
    admin = await asyncpg.connect(plain.render_as_string(hide_password=False))
    async with client(app, tenant.key) as rest, working(app):
        job = await submitted(rest, rows(4_000))
        await until(rest, job, lambda found: found["rows_checked"] > 0)
        for _ in range(3):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.5)
        ends = time.monotonic() + 60
        while True:
            answer = await rest.get(f"/v1/imports/{job['id']}")
            if answer.status_code == 200 and answer.json()["state"] != "running":
                break
            assert time.monotonic() < ends
            await asyncio.sleep(0.2)
        total = (await rest.get("/v1/objectives?count=exact")).json()["page"]["total"]
    await admin.close()
    assert (answer.json()["state"], total) == ("done", 4_000)


async def test_it_is_given_up_after_some_attempts(
    app: FastAPI, build: Build, database: Database
) -> None:
    job = await submitted(build.rest, rows(1))
    async with database.transaction() as tx:
        begun = text("UPDATE import_jobs SET attempts = 5, state = 'running' WHERE id = :id")
        await tx.execute(begun, {"id": UUID(job["id"])})
    async with working(app):
        found = await ended(build.rest, job)
    assert (found["state"], found["problem"]["code"]) == ("failed", "import-given-up")


async def test_only_so_many_of_a_tenant_s_may_wait(
    start: Start, tenant: Tenant, database: Database
) -> None:
    app, other = start(import_jobs_waiting_limit=2), await new_tenant(database)
    async with client(app, tenant.key) as rest, client(app, other.key) as others:
        waiting = [await submitted(rest, rows(1)) for _ in range(2)]
        query = {"mode": "commit"}
        refused = await rest.post("/v1/imports", params=query, content=rows(1), headers=CSV)
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-imports-wait")
        assert refused.headers["retry-after"]
        await submitted(others, rows(1))
        await cancelled(rest, waiting[0])
        await submitted(rest, rows(1))


async def test_a_worker_without_room_leaves_it_to_another(
    app: FastAPI, build: Build, tenant: Tenant
) -> None:
    job = await submitted(build.rest, rows(30_000))
    worker = worker_of(app)
    task = Task(tenant.tenant_id, UUID(job["id"]))
    with no_file_larger_than(1 << 20), pytest.raises(NotYet):
        await worker.imports.run(task)
    waits = await shown(build.rest, job)
    assert (waits["state"], waits["problem"]) == ("running", None)
    await worker.close()


async def test_a_statement_has_its_own_time(
    start: Start, tenant: Tenant, database: Database
) -> None:
    app = start(import_job_statement_timeout_ms=500)
    async with client(app, tenant.key) as rest, working(app), held_up(database, tenant):
        found = await ended(rest, await submitted(rest, rows(5)))
    assert (found["state"], found["problem"]["code"]) == ("failed", "statement-too-long")


async def test_a_revoked_key_s_import_fails_with_the_reason(app: FastAPI, build: Build) -> None:
    made = await build.post("api-keys", name="A", scopes=["plan"])
    async with client(app, made["key"]) as sender:
        job = await submitted(sender, rows(2))
    assert (await build.rest.post(f"/v1/api-keys/{made['id']}:revoke")).status_code == 200
    async with working(app):
        found = await ended(build.rest, job)
    assert (found["state"], found["problem"]["code"]) == ("failed", "sender-gone")
    assert await nothing_is_there(build)


async def test_it_does_what_its_sender_may_do_when_it_begins(
    app_for_people: FastAPI, group: Group
) -> None:
    csv = "unit,cycle,objective,objective_title\nsales,2026,NEW,New\n"
    async with group.calling("planner") as planner, group.calling("an") as an:
        of_planner = await submitted(planner, csv)
        of_an = await submitted(an, csv)
    rest = group.build.rest
    role = {"role": "viewer"}
    await rest.post(f"/v1/people/{group.people['planner']['id']}:assign-role", json=role)
    await rest.patch(f"/v1/people/{group.people['an']['id']}", json={"active": False})
    async with working(app_for_people):
        lowered, left = await ended(rest, of_planner), await ended(rest, of_an)
    assert (lowered["state"], lowered["problem"]["code"]) == ("failed", "not-permitted")
    assert (left["state"], left["problem"]["code"]) == ("failed", "sender-gone")


async def test_it_is_audited_as_its_sender_s(app_for_people: FastAPI, group: Group) -> None:
    csv = "unit,cycle,objective,objective_title\nGX,2026,NEW,New\n"
    async with group.calling("planner") as planner:
        job = await submitted(planner, csv)
        async with working(app_for_people):
            done = await ended(planner, job)
    assert done["state"] == "done", done
    found = await group.build.get("audit-events?limit=1&subject=objective")
    assert found["data"][0]["actor_id"] == group.people["planner"]["id"]


async def test_others_imports_are_not_there(
    build: Build, other_rest: httpx.AsyncClient, group: Group
) -> None:
    job = await submitted(build.rest, rows(1))
    async with group.calling("an") as an, group.calling("mai") as mai:
        of_an = await submitted(an, rows(1))
        for calling, one in ((other_rest, job), (an, job), (mai, of_an)):
            for answer in (
                await calling.get(f"/v1/imports/{one['id']}"),
                await cancelled(calling, one),
            ):
                assert (answer.status_code, answer.json()["code"]) == (404, "import-not-found")
        assert (await other_rest.get("/v1/imports")).json()["data"] == []
        assert [one["id"] for one in (await an.get("/v1/imports")).json()["data"]] == [of_an["id"]]
        assert (await mai.get("/v1/imports")).json()["data"] == []
    assert {one["id"] for one in (await build.get("imports"))["data"]} == {job["id"], of_an["id"]}
    assert (await build.rest.get(f"/v1/imports/{uuid4()}")).status_code == 404


async def test_the_queue_holds_nothing_of_a_tenant_s_but_ids(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    secret = f"Bí mật {uuid4()}"
    sent = [
        await submitted(build.rest, rows(2, secret), "dry_run"),
        await submitted(build.rest, f"objective\n{secret}\n"),
        await submitted(build.rest, rows(2, secret) + secret, on_error="skip"),
    ]
    async with working(app):
        for job in sent:
            await ended(build.rest, job)
    waiting = await submitted(build.rest, rows(2, secret))
    async with database.reading() as connection:
        for table in ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules"):
            found = await connection.scalars(
                text(f"SELECT CAST(t AS text) FROM {SCHEMA}.{table} t")
            )
            assert not any(secret in row for row in found), table
        payloads = set(await connection.scalars(text(f"SELECT payload FROM {SCHEMA}.pgqueuer")))
    assert f"{tenant.tenant_id}/{waiting['id']}".encode() in payloads
    assert all(len(payload.decode()) == 73 for payload in payloads)


@pytest.mark.parametrize("table", ["pgqueuer", "pgqueuer_log"])
async def test_who_has_the_queue_has_no_way_on_from_there(app: FastAPI, table: str) -> None:
    behind: Database = app.state.service.database
    for statement in (f"DROP TABLE {SCHEMA}.{table}", f"CREATE TABLE {SCHEMA}.loot (id int)"):
        with pytest.raises(Exception, match=r"must be owner|permission denied"):
            async with behind.transaction() as tx:
                await tx.execute(text(statement))

"""Whoever tells, however many at once and wherever they die: it is told once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.working import working
from tests.kernel.sql import tables_without_tenant
from tests.reminders.reminding import action, remind, reminders, told, weekly
from tests.waiting import eventually

from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.queue import SCHEMA, NotYet, Task
from okr_service.kernel.sql import DIALECT
from okr_service.reminders import service, telling
from okr_service.reminders.due import ACTIONS, CHECK_INS, Day

_JOBS = text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer WHERE dedupe_key = :name")
_LOSE = text(f"DELETE FROM {SCHEMA}.pgqueuer WHERE dedupe_key = :name")
_HASTEN = text(f"UPDATE {SCHEMA}.pgqueuer SET execute_after = now() WHERE dedupe_key = :name")
_REPORT = text("""
    UPDATE key_results SET observed_at = '2026-01-09' WHERE tenant_id = :tenant_id AND id = :id
""")
_WAIT = text("""
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'
""")
_KEPT = text("SELECT count(*) FROM reminders WHERE tenant_id = :tenant_id")


def _job(tenant: Tenant) -> dict[str, str]:
    return {"name": f"hourly {tenant.tenant_id}/{tenant.tenant_id}"}


async def test_many_at_the_same_instant_tell_once(
    app: FastAPI, start: Start, build: Build, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_WALKED_AT_ONCE", 2)
    monkeypatch.setattr(telling, "_TOLD_AT_ONCE", 3)
    cycle = await build.cycle(cadence="weekly")
    for _ in range(5):
        objective = await build.objective(cycle_id=cycle["id"])
        for _ in range(4):
            await build.key_result(objective)
    plan = await build.action_plan(await build.key_result(objective))
    for _ in range(7):
        await build.action(plan, due_date="2026-01-08")
    replicas = [app, start(), start()]
    await asyncio.gather(*(remind(one, tenant, "2026-01-09") for one in replicas * 2))
    found = await told(build)
    assert len(found) == len(set(found)) == 28


async def test_what_is_reported_while_it_is_told_is_held_against(
    build: Build, tenant: Tenant, database: Database
) -> None:
    """It seemed due, then it was reported on before it was held: nothing is told."""
    key_result = await weekly(build)
    day = Day.of(datetime(2026, 1, 9, 12, tzinfo=UTC), 0, 1)
    async with database.reading(tenant.tenant_id) as tx:
        first = CHECK_INS.first(day)
        ids, _ = await service.seem_due(tx, tenant.tenant_id, CHECK_INS, day, first, 10)
    assert [str(one) for one in ids] == [key_result["id"]]
    await build.check_in(key_result, 1, observed_at="2026-01-09T09:00:00Z")
    async with database.transaction(tenant.tenant_id) as tx:
        assert await service.tell(tx, tenant.tenant_id, CHECK_INS, day, ids) == 0
    assert await told(build) == []


async def test_who_tells_waits_for_who_reports(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    key_result = await weekly(build)
    given = {"tenant_id": tenant.tenant_id, "id": UUID(key_result["id"])}
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(_REPORT, given)
        telling_it = asyncio.create_task(remind(app, tenant, "2026-01-09"))
        async with database.reading() as connection:
            await eventually(lambda: connection.scalar(_WAIT), lambda found: found > 0)
        assert not telling_it.done()
    await telling_it
    assert await told(build) == []


async def test_a_worker_that_dies_half_way_leaves_the_rest_to_another(
    app: FastAPI, build: Build, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_TOLD_AT_ONCE", 2)
    plan = await build.action_plan(await build.key_result())
    for _ in range(5):
        await build.action(plan, due_date="2026-01-08")
    tell, calls = service.tell, 0

    async def dying(*given: Any) -> int:
        nonlocal calls
        calls += 1
        done = await tell(*given)
        if calls == 2:
            raise ConnectionResetError  # after it was told, before it is committed
        return done

    monkeypatch.setattr(telling, "tell", dying)
    with pytest.raises(DatabaseUnavailable):
        await remind(app, tenant, "2026-01-09")
    assert len(await told(build)) == 2
    await remind(app, tenant, "2026-01-09")
    found = await told(build)
    assert len(found) == len(set(found)) == 5


async def test_each_tenant_has_one_job_that_goes_on_by_itself(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    one = await action(build, yesterday.isoformat())
    async with database.transaction() as tx:
        assert await tx.scalar(_JOBS, _job(tenant)) == 1
        await tx.execute(_HASTEN, _job(tenant))
    async with working(app):
        await eventually(lambda: told(build), lambda found: len(found) == 1)
        async with database.reading() as connection:
            await eventually(
                lambda: connection.scalar(_JOBS, _job(tenant)), lambda found: found == 1
            )
    assert await told(build) == [("okr.action.overdue", one["id"], yesterday.isoformat())]
    with pytest.raises(NotYet) as later:
        await reminders(app).do(Task(tenant.tenant_id, tenant.tenant_id))
    assert timedelta(0) < later.value.after <= timedelta(hours=1)


async def test_a_lost_job_is_found_again(
    app: FastAPI, build: Build, tenant: Tenant, database: Database
) -> None:
    async with database.transaction() as tx:
        await tx.execute(_LOSE, _job(tenant))
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    await action(build, yesterday.isoformat())
    async with working(app), working(app):
        await eventually(lambda: told(build), lambda found: len(found) == 1)
    async with database.reading() as connection:
        assert await connection.scalar(_JOBS, _job(tenant)) == 1


async def test_a_job_of_no_tenant_ends(app: FastAPI, tenant: Tenant) -> None:
    nobody = Task(tenant_id=UUID(int=1), job_id=tenant.tenant_id)
    await reminders(app).do(nobody)


async def test_what_is_too_long_ago_is_neither_told_nor_kept(
    app: FastAPI, build: Build, tenant: Tenant, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_FORGOTTEN_AT_ONCE", 2)
    for _ in range(5):
        await action(build, "2026-01-08")
    await remind(app, tenant, "2027-02-12")
    assert len(await told(build)) == 5
    async with database.transaction(tenant.tenant_id) as tx:
        assert await tx.scalar(_KEPT, {"tenant_id": tenant.tenant_id}) == 5
    await remind(app, tenant, "2027-02-13")
    await remind(app, tenant, "2027-02-20")
    async with database.transaction(tenant.tenant_id) as tx:
        assert await tx.scalar(_KEPT, {"tenant_id": tenant.tenant_id}) == 0
    for day in ("2027-02-20", "2027-02-13"):
        await remind(app, tenant, day)
    assert len(await told(build)) == 5


async def test_each_statement_names_the_tenant_of_each_table(
    start: Start, build: Build, tenant: Tenant
) -> None:
    mai = await build.person()
    await weekly(build, owner_id=mai["id"])
    await action(build, "2026-01-08", owner_id=mai["id"])
    path = (await build.post(f"people/{mai['id']}/calendar"))["path"]
    app, heard = start(), set()

    def hear(*given: Any) -> None:
        heard.add(given[2])

    database = app.state.service.database
    for engine in (database._writer.sync_engine, database._reader.sync_engine):
        event.listen(engine, "before_cursor_execute", hear)
    await remind(app, tenant, "2026-01-09")
    assert len(await told(build)) == 2
    async with client(app, "none") as program:
        assert "BEGIN:VEVENT" in (await program.get(path)).text
    assert len(heard) > 12
    asked = {sql for sql in heard if "okr_put_hourly" not in sql}
    assert {sql: found for sql in asked if (found := tables_without_tenant(sql))} == {}


@pytest.mark.parametrize("kind", [CHECK_INS, ACTIONS], ids=lambda kind: kind.subject)
async def test_no_table_is_scanned(app: FastAPI, tenant: Tenant, kind: Any) -> None:
    database = app.state.service.database  # as the service, whom the wall binds
    day = Day.of(datetime(2026, 1, 9, tzinfo=UTC), 0, 1)
    first = kind.first(day)
    walk = kind.last(tenant.tenant_id, day, first, 100)
    look = kind.untold(tenant.tenant_id, day).where(*kind.between(first, None))
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        for statement in (walk, look):
            plan = await _plan(tx, statement)
            assert "Seq Scan" not in plan, plan
        assert "_idx" in await _plan(tx, walk)


async def _plan(tx: Any, statement: Any) -> str:
    written = statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    return "\n".join(await tx.scalars(text(f"EXPLAIN {written}".replace(":", "\\:"))))

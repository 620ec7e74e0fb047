"""What is counted, and that it is told by names known beforehand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.build import Build
from tests.conftest import Tenant, stop
from tests.imports.working import ended, rows, submitted, working
from tests.observability.conftest import Figure
from tests.processes import free_port
from tests.rest.listening import listening
from tests.waiting import until
from tests.webhooks.conftest import receiving
from tests.webhooks.receiver import Receiver

from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.errors import DatabaseUnavailable, StatementTooLong
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.queue import Task, put
from okr_service.main import create_app
from okr_service.observability.queue import QueueWatch
from okr_service.serving import Exchange, Service
from okr_service.settings import Settings

__all__ = ["receiving"]
_REQUESTS = "http_server_request_duration_seconds_count"


def of_route(route: str, method: str = "GET", status: str = "2xx") -> dict[str, str]:
    return {
        "http_route": route,
        "http_request_method": method,
        "http_response_status_class": status,
    }


async def test_requests_are_counted_by_route_and_never_by_what_was_asked(
    rest: httpx.AsyncClient, figure: Figure
) -> None:
    asked = {
        "/v1/objectives": of_route("/v1/objectives"),
        "/v1/people/external:kin@saomai.example": of_route("/v1/people/{ref}", status="4xx"),
        "/kin@saomai.example": of_route("none", status="4xx"),
    }
    before = {path: figure(_REQUESTS, **labels) for path, labels in asked.items()}
    for path, labels in asked.items():
        await rest.get(path)
        assert figure(_REQUESTS, **labels) == before[path] + 1
    odd = of_route("/v1/objectives", "_OTHER", "4xx")
    before_odd = figure(_REQUESTS, **odd)
    await rest.request("BREW", "/v1/objectives")
    assert figure(_REQUESTS, **odd) == before_odd + 1


@pytest.fixture
async def watched(settings: Settings) -> AsyncIterator[tuple[int, int, FastAPI]]:
    """Serve with a port for figures; gives the port of the API, and that one."""
    beside = free_port()
    app = create_app(settings.model_copy(update={"metrics_port": beside, "serve_works": False}))
    async with listening(app, lifespan=True) as port:
        yield port, beside, app


async def test_figures_are_at_a_port_of_their_own(
    watched: tuple[int, int, FastAPI], tenant: Tenant
) -> None:
    port, beside, app = watched
    headers = {"Authorization": f"Bearer {tenant.key}"}
    async with httpx.AsyncClient(headers=headers) as calling:
        api, own = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{beside}"
        assert (await calling.get(f"{api}/v1/objectives")).status_code == 200
        query = {"query": "{ objectives(first: 1) { nodes { id } } }"}
        assert (await calling.post(f"{api}/graphql", json=query)).status_code == 200
        assert (await calling.get(f"{api}/metrics")).status_code == 404
        assert (await calling.get(f"{own}/v1/objectives")).status_code == 404
        told = (await calling.get(f"{own}/metrics")).text
        for probe in ("healthz", "readyz"):
            assert (await calling.get(f"{own}/{probe}")).status_code == 200
        app.state.readiness.leave()
        assert (await calling.get(f"{own}/readyz")).json() == {"status": "leaving"}
        assert (await calling.get(f"{own}/healthz")).status_code == 200
    for named in (
        'http_route="/v1/objectives"',
        'okr_graphql_operation_duration_seconds_count{outcome="ok",type="query"}',
        'db_client_operation_duration_seconds_count{db_operation_name="SELECT"}',
        'db_client_connection_pending_requests{db_client_connection_pool_name="requests-reading"}',
        "okr_database_up 1.0",
        "process_resident_memory_bytes",
        'service_name="okr-service"',
    ):
        assert named in told
    assert str(tenant.tenant_id) not in told


async def test_a_port_that_is_taken_is_said(settings: Settings) -> None:
    beside = free_port()
    first, second = (
        create_app(settings.model_copy(update={"metrics_port": beside, "serve_works": False}))
        for _ in range(2)
    )
    async with first.router.lifespan_context(first):
        with pytest.raises(OSError, match="in use"):
            await second.router.lifespan_context(second).__aenter__()
    await stop(first)


async def test_waiting_for_a_tenants_structure_is_timed(
    app: FastAPI, tenant: Tenant, figure: Figure
) -> None:
    database: Database = app.state.service.database
    before = figure("okr_structure_wait_seconds_sum", mode="alone")
    holds = asyncio.Event()

    async def hold() -> None:
        async with database.transaction(tenant.tenant_id) as tx:
            await hold_structure(tx, tenant.tenant_id, alone=True)
            holds.set()
            await asyncio.sleep(0.3)

    async def wait() -> None:
        await holds.wait()
        async with database.transaction(tenant.tenant_id) as tx:
            await hold_structure(tx, tenant.tenant_id, alone=True)

    await asyncio.gather(hold(), wait())
    assert figure("okr_structure_wait_seconds_sum", mode="alone") > before + 0.2


async def test_a_walk_up_the_tree_tells_how_far_it_went(build: Build, figure: Figure) -> None:
    top = await build.objective()
    below = await build.objective(parent_id=top["id"])
    key_result = await build.key_result(await build.objective(parent_id=below["id"]))
    names = ("okr_rollup_objectives_sum", "okr_rollup_duration_seconds_count")
    before = [figure(name, way="walk") for name in names]
    await build.check_in(key_result, 40)
    after = [figure(name, way="walk") for name in names]
    assert [a - b for a, b in zip(after, before, strict=True)] == [3, 1]


async def test_imports_are_counted_by_row_and_job(
    app: FastAPI, rest: httpx.AsyncClient, build: Build, figure: Figure
) -> None:
    await build.unit(external_id="U1")
    await build.cycle(code="2026")
    created = figure("okr_import_rows_total", effect="created")
    done = figure("okr_import_jobs_total", state="done")
    tried = figure("okr_import_duration_seconds_count", mode="dry_run", outcome="done")
    plain = {"Content-Type": "text/csv"}
    dry = await rest.post("/v1/imports?mode=dry_run", content=rows(2), headers=plain)
    assert dry.status_code == 200, dry.text
    async with working(app):
        job = await submitted(rest, rows(7))
        assert (await ended(rest, job))["state"] == "done"
        await until(lambda: figure("okr_import_jobs_total", state="done") > done)
    # Jobs that other tests left are done, and counted, too.
    assert figure("okr_import_rows_total", effect="created") >= created + 7
    assert figure("okr_import_duration_seconds_count", mode="dry_run", outcome="done") == tried + 1
    assert figure("okr_job_duration_seconds_count", kind="import", outcome="done") >= 1


async def test_deliveries_of_webhooks_are_counted_by_what_came_of_them(
    app: FastAPI, build: Build, receiving: Callable[..., Receiver], figure: Figure
) -> None:
    receiver = receiving(lambda message: 204 if "Takes" in message.body.decode() else 500)
    await build.post("webhooks", name="W", url=receiver.url, types=["okr.unit.created"])

    def count(of: str) -> float:
        return figure("okr_webhook_deliveries_total", outcome=of)

    counts = {of: count(of) for of in ("taken", "refused")}
    async with working(app):
        await build.unit(name="Takes")
        await build.unit(name="Refuses")
        await until(lambda: all(count(of) > before for of, before in counts.items()))
    assert figure("okr_webhook_oldest_waiting_seconds") > 0
    assert figure("okr_webhook_delivery_age_seconds_count") >= 1


async def test_events_are_counted_as_they_are_placed(
    rest: httpx.AsyncClient, build: Build, figure: Figure
) -> None:
    before = figure("okr_events_placed_total")
    await build.unit()
    assert (await rest.get("/v1/events")).json()["data"]
    assert figure("okr_events_placed_total") > before
    assert figure("okr_events_unplaced_seconds") >= 0


async def test_a_pool_that_is_exhausted_is_told(
    settings: Settings, tenant: Tenant, figure: Figure
) -> None:
    few = settings.model_copy(update={"pool_size": 1, "pool_timeout_seconds": 0.2})
    database = Database(few, name="few")
    pool = {"db_client_connection_pool_name": "few-reading"}
    async with database.reading(tenant.tenant_id):
        waiting = asyncio.create_task(database.is_ready())
        await asyncio.sleep(0.05)
        assert figure("db_client_connection_pending_requests", **pool) == 1
        used = {**pool, "db_client_connection_state": "used"}
        assert figure("db_client_connection_count", **used) == 1
        assert figure("db_client_connection_max", **pool) == 1
        assert not await waiting
    assert figure("db_client_connection_timeouts_total", **pool) == 1
    assert figure("db_client_connection_wait_time_seconds_sum", **pool) >= 0.15
    await database.close()


async def test_what_postgresql_breaks_off_is_counted_by_why(
    settings: Settings, tenant: Tenant, figure: Figure
) -> None:
    database = Database(settings.model_copy(update={"statement_timeout_ms": 50}), name="hasty")
    before = figure("okr_statements_broken_off_total", reason="statement_timeout")
    with pytest.raises(StatementTooLong):
        async with database.reading(tenant.tenant_id) as connection:
            await connection.execute(text("SELECT pg_sleep(2)"))
    after = figure("okr_statements_broken_off_total", reason="statement_timeout")
    assert after == before + 1
    locks = figure("okr_statements_broken_off_total", reason="lock_timeout")
    async with database.transaction(tenant.tenant_id) as holds, database.transaction() as waits:
        await hold_structure(holds, tenant.tenant_id, alone=True)
        await waits.execute(text("SET LOCAL lock_timeout = 10"))
        with suppress(DBAPIError):
            await hold_structure(waits, tenant.tenant_id, alone=True)
        await waits.rollback()
    assert figure("okr_statements_broken_off_total", reason="lock_timeout") == locks + 1
    await database.close()


async def test_the_queue_tells_what_waits_of_the_kinds_that_are_done_here(
    app: FastAPI, tenant: Tenant, figure: Figure
) -> None:
    database: Database = app.state.service.database
    kinds = ("watched_now", "watched_later", "not_watched")
    async with database.transaction(tenant.tenant_id) as tx:
        for kind, after in (("watched_now", 0), ("watched_later", 3600), ("not_watched", 0)):
            await put(tx, kind, Task(tenant.tenant_id, new_id()), timedelta(seconds=after))
    watch = QueueWatch(database, kinds[:2])
    await watch.look()
    assert figure("okr_queue_jobs", kind="watched_now", state="due") == 1
    assert figure("okr_queue_jobs", kind="watched_later", state="due") == 0
    assert figure("okr_queue_jobs", kind="watched_later", state="later") == 1
    assert figure("okr_queue_oldest_seconds", kind="watched_later") > 0
    assert figure("okr_queue_overdue_seconds", kind="watched_later") == 0
    assert figure("okr_queue_jobs", kind="not_watched", state="due") == 0
    seen, looked = watch.seen, time.monotonic()
    await watch.look()  # at once again, which asks nothing
    assert watch.seen is seen
    assert time.monotonic() - looked < 5


async def test_a_database_that_does_not_answer_is_told(settings: Settings, figure: Figure) -> None:
    nowhere = SecretStr("postgresql://okr@127.0.0.1:1/okr")
    database = Database(settings.model_copy(update={"database_url": nowhere}), name="nowhere")
    watch = QueueWatch(database, ())
    await watch.look()
    assert figure("okr_database_up") == 0
    with pytest.raises(DatabaseUnavailable):
        async with database.reading():
            pass
    await database.close()


async def test_writes_that_met_another_are_counted(
    app: FastAPI, tenant: Tenant, figure: Figure
) -> None:
    service: Service = app.state.service
    before = figure("okr_transactions_retried_total", reason="serialization")
    tries = 0

    async def work(tx: Transaction, _: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raising = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"
            await tx.execute(text(raising))

    await service.write(tenant.who, Exchange({}, []), work)
    assert tries == 2
    assert figure("okr_transactions_retried_total", reason="serialization") == before + 1

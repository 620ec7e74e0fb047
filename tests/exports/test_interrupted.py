"""Exports that cannot go on, or whose reader does not: a part is never taken for the whole."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.rest.listening import listening

from okr_service.exports import columnar
from okr_service.kernel.database import Database

_MANY = 30_000  # more than one part, and each part more than fits into sockets
_REPORTS = text("""
    INSERT INTO check_ins (tenant_id, id, key_result_id, value, observed_at, recorded_at,
                           comment, obstacles, next_steps, source)
    SELECT :tenant_id, gen_random_uuid(), k.id, n, now(), now(), repeat('ồ', 500), '', '', 'person'
      FROM key_results AS k CROSS JOIN generate_series(1, :many) AS n
     WHERE k.tenant_id = :tenant_id
""")


@pytest.fixture
async def reported(build: Build, tenant: Tenant, database: Database) -> int:
    """Have many check-ins; returns how many."""
    await build.key_result(await build.objective())
    given = {"tenant_id": tenant.tenant_id, "many": _MANY}
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(_REPORTS, given)
    return _MANY


async def _rest_of(pieces: AsyncIterator[bytes]) -> int:
    return sum([piece.count(b"\n") async for piece in pieces])


@pytest.mark.usefixtures("reported")
@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
async def test_an_export_that_fails_half_way_is_seen_to(
    start: Start, tenant: Tenant, database: Database, form: str
) -> None:
    app, path = start(statement_timeout_ms=1_000), f"/v1/exports/check-ins.{form}"
    async with listening(app) as port, _reader(port, tenant) as rest:
        async with rest.stream("GET", path) as answer:
            assert answer.status_code == 200
            pieces = answer.aiter_bytes()
            await anext(pieces)
            async with database.transaction() as tx:
                await tx.execute(text("LOCK TABLE check_ins IN ACCESS EXCLUSIVE MODE"))
                with pytest.raises(httpx.RemoteProtocolError):
                    await _rest_of(pieces)
        assert (await rest.get(path)).status_code == 200


async def test_who_reads_slowly_holds_no_connection(
    start: Start, tenant: Tenant, reported: int
) -> None:
    app = start(pool_size=1, pool_timeout_seconds=1)
    async with (
        listening(app) as port,
        _reader(port, tenant) as rest,
        rest.stream("GET", "/v1/exports/check-ins.csv") as answer,
    ):
        pieces = answer.aiter_bytes()
        head = (await anext(pieces)).count(b"\n")
        for _ in range(5):
            assert (await rest.get("/v1/objectives")).status_code == 200
        assert head + await _rest_of(pieces) == reported + 1


@pytest.mark.usefixtures("reported")
async def test_who_leaves_an_export_leaves_nothing_behind(start: Start, tenant: Tenant) -> None:
    app = start(pool_size=1, pool_timeout_seconds=1)
    async with listening(app) as port, _reader(port, tenant) as rest:
        for form in ("csv", "ndjson", "parquet") * 2:
            async with rest.stream("GET", f"/v1/exports/check-ins.{form}") as answer:
                await anext(answer.aiter_bytes())
        assert (await rest.get("/v1/check-ins?limit=1")).status_code == 200


async def test_a_form_that_nothing_here_writes_is_refused(
    app: FastAPI, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "io", None)
    async with client(app, tenant.key) as rest:
        for path in ("check-ins.parquet", "scorecards.parquet?cycle_id=2026"):
            refused = await rest.get(f"/v1/exports/{path}")
            told = refused.json()
            assert (refused.status_code, told["code"]) == (406, "form-not-installed"), told


def _reader(port: int, tenant: Tenant) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {tenant.key}"},
        timeout=30,
    )

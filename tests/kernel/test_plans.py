"""How PostgreSQL plans the statements of a write: once, or by how many rows are meant."""

from fastapi import FastAPI
from sqlalchemy import text
from tests.build import Build
from tests.conftest import Tenant

from okr_service.access.serving import Service
from okr_service.kernel.forest import hold_structure

_PLANNED = text(
    "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements"
    " WHERE statement LIKE '-- Which key results do%' OR statement LIKE '-- Give the key results%'"
)


async def test_a_check_in_is_planned_once(app: FastAPI, build: Build, tenant: Tenant) -> None:
    service: Service = app.state.service

    async def planned() -> tuple[int, int]:
        async with service.database.transaction(tenant.tenant_id) as tx:
            anew, kept = (await tx.execute(_PLANNED)).one()
        return int(anew or 0), int(kept or 0)

    key_result = await build.key_result()
    await build.check_in(key_result, 1)
    anew, kept = await planned()
    for value in range(3):
        await build.check_in(key_result, value)
    assert await planned() == (anew, kept + 6)


async def test_what_means_many_rows_is_planned_by_how_many(app: FastAPI, tenant: Tenant) -> None:
    service: Service = app.state.service
    async with service.database.transaction(tenant.tenant_id) as tx:
        await hold_structure(tx, tenant.tenant_id, alone=False)
        assert await tx.scalar(text("SELECT current_setting('plan_cache_mode')")) == "auto"
    async with service.database.transaction(tenant.tenant_id) as tx:
        mode = await tx.scalar(text("SELECT current_setting('plan_cache_mode')"))
        assert mode == "force_generic_plan"

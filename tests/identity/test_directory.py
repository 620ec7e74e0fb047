"""The directory of issuers and audiences: what it runs as, and how it is planned."""

import re
from importlib.resources import files
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text
from tests.build import Build
from tests.conftest import Tenant
from tests.identity.issuer import Issuer, agree

from okr_service.identity.provider import Algorithm
from okr_service.identity.reads import provider_for
from okr_service.kernel.database import Database, Transaction

_WRITTEN = files("okr_service.identity").joinpath("functions.sql").read_text("utf-8")
_NAMES = re.findall(r"CREATE FUNCTION (okr_\w+)", _WRITTEN)


async def test_a_provider_is_found_by_an_index(
    database: Database, rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    provider = await agree(rest, issuer)
    body = _WRITTEN.partition("BEGIN ATOMIC")[2].partition(";")[0]
    body = body.replace("of_issuer", ":issuer").replace("(audiences)", "(:audiences)")
    async with database.transaction() as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        values = {"issuer": issuer.url, "audiences": ["okr"]}
        plan = "\n".join(await tx.scalars(text(f"EXPLAIN {body}"), values))
    assert "identity_providers_issuer_audience_idx" in plan, plan
    async with database.reading() as reading:
        found = await provider_for(reading, issuer.url, ["account", "okr"])
    assert found is not None
    assert (found.id, found.algorithms) == (
        UUID(provider["id"]),
        frozenset(Algorithm(name) for name in provider["algorithms"]),
    )


@pytest.mark.parametrize("name", _NAMES)
async def test_the_functions_run_by_a_fixed_search_path(database: Database, name: str) -> None:
    asked = text("SELECT prosecdef, proconfig FROM pg_proc WHERE proname = :name")
    async with database.reading() as tx:
        [(as_owner, settings)] = (await tx.execute(asked, {"name": name})).all()
    assert (as_owner, settings) == (True, ["search_path=pg_catalog, pg_temp"])


async def test_it_answers_one_who_may_see_no_rows_and_nothing_else_does(
    walled: Database, rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    provider = await agree(rest, issuer)
    async with walled.transaction() as tx:
        # what a stranger might put in the way
        temporary = "CREATE TEMPORARY TABLE identity_providers (tenant_id uuid)"
        await tx.execute(text(temporary))
        seen = (await tx.execute(text("SELECT 1 FROM public.identity_providers"))).all()
        found = await provider_for(tx, issuer.url, ["okr"])
        await tx.rollback()
    assert seen == []
    assert found is not None
    assert found.id == UUID(provider["id"])


async def test_people_are_found_by_address_behind_the_wall(
    walled: Database, tenant: Tenant, other_tenant: Tenant, build: Build
) -> None:
    await build.person(email="mai@saomai.example")
    asked = text("SELECT count(*) FROM okr_people_of_address(:tenant, 'MAI@saomai.example')")
    counted = {}
    for standing in (tenant.tenant_id, other_tenant.tenant_id, None):
        async with walled.reading(standing) as tx:
            counted[standing] = await tx.scalar(asked, {"tenant": tenant.tenant_id})
    assert counted == {tenant.tenant_id: 1, other_tenant.tenant_id: 0, None: 0}


async def test_people_are_found_by_address_by_an_index(database: Database, tenant: Tenant) -> None:
    body = _WRITTEN.rpartition("BEGIN ATOMIC")[2].partition(";")[0]
    body = body.replace("tenant =", ":tenant =").replace("= tenant ", "= :tenant ")
    async with database.transaction(tenant.tenant_id) as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        asked = text(f"EXPLAIN {body.replace('address', ':address')}")
        values = {"tenant": tenant.tenant_id, "address": "a@b.example"}
        plan = "\n".join(await tx.scalars(asked, values))
    assert "people_tenant_id_email_idx" in plan, plan
    assert "lower" in plan.partition("Index Cond")[2].partition("\n")[0], plan


@pytest.mark.parametrize("name", _NAMES)
async def test_the_installed_functions_are_as_written(database: Database, name: str) -> None:
    async with database.transaction() as tx:
        installed = await _definition(tx, "public", name)
        await tx.execute(text("CREATE SCHEMA as_written"))
        await tx.execute(text("SET LOCAL search_path TO as_written, public"))
        pooled = await (await tx.connection()).get_raw_connection()
        assert pooled.driver_connection is not None
        await pooled.driver_connection.execute(_WRITTEN)
        written = await _definition(tx, "as_written", name)
        await tx.rollback()
    assert installed == written


async def _definition(tx: Transaction, schema: str, name: str) -> str:
    named = func.to_regproc(f"{schema}.{name}")
    found = await tx.scalar(select(func.pg_get_functiondef(named)))
    assert isinstance(found, str)
    return found.replace(f"{schema}.{name}", name)

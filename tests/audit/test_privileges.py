"""The service's own role can add events; it can neither change nor remove them."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.audit.walked import assert_chained
from tests.conftest import Tenant

from okr_service.audit.service import Change, erase_personal_data, record
from okr_service.kernel.database import Database, Transaction, enter_tenant
from okr_service.kernel.model import new_id
from okr_service.settings import Settings

_DENIED = "42501"


@pytest.fixture
async def as_service(database: Database, tenant: Tenant) -> AsyncIterator[Transaction]:
    """Lend a transaction with no more than the service's privileges, and an event or two."""
    async with database.transaction() as tx:
        await record(tx, tenant.who, Change("created", "unit", new_id(), after={"name": "A"}))
    async with database.transaction() as tx:
        await tx.execute(text("SET LOCAL ROLE okr_service"))
        await enter_tenant(tx, tenant.tenant_id)
        yield tx


async def test_the_service_records_reads_and_erases(
    settings: Settings, database: Database, tenant: Tenant
) -> None:
    person, service = new_id(), Database(settings)
    async with service.transaction(tenant.tenant_id) as tx:
        await record(tx, tenant.who, Change("created", "person", person, after={"name": "M"}))
        assert await erase_personal_data(tx, tenant.who, person) == 1
        await record(tx, tenant.who, Change("erased", "person", person))
    await service.close()
    found = await assert_chained(database, tenant.tenant_id)
    assert (found.events, found.erased) == (2, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = action",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events CASCADE",
        "SELECT FROM audit_events FOR UPDATE",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "DELETE FROM audit_lanes",
        "TRUNCATE audit_lanes",
        "UPDATE audit_personal_data SET after = after",
        "TRUNCATE audit_personal_data",
        "CREATE RULE r AS ON INSERT TO audit_events DO INSTEAD NOTHING",
    ],
)
async def test_what_was_recorded_cannot_be_changed(as_service: Transaction, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        await as_service.execute(text(statement))
    assert getattr(refused.value.orig, "sqlstate", None) == _DENIED
    await as_service.rollback()

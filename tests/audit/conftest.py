"""What the tests of the audit start from: a tenant whose founding is forgotten."""

import pytest
from sqlalchemy import text
from tests.conftest import Tenant

from okr_service.kernel.database import Database


@pytest.fixture
async def tenant(tenant: Tenant, database: Database) -> Tenant:
    """Let a tenant begin without events, so that a test counts its own alone."""
    return await _unfounded(tenant, database)


@pytest.fixture
async def other_tenant(other_tenant: Tenant, database: Database) -> Tenant:
    """Let another begin likewise."""
    return await _unfounded(other_tenant, database)


async def _unfounded(tenant: Tenant, database: Database) -> Tenant:
    async with database.transaction() as tx:
        for table in ("audit_personal_data", "audit_events", "audit_lanes"):
            forget = f"DELETE FROM {table} WHERE tenant_id = :tenant_id"
            await tx.execute(text(forget), {"tenant_id": tenant.tenant_id})
    return tenant

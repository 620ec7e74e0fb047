"""Walking a tenant's chains as `okr audit verify` does."""

from collections.abc import Mapping
from uuid import UUID

from okr_service.audit.chain import Head
from okr_service.audit.verification import Fault, Findings, verify
from okr_service.kernel.database import Database


async def walked(
    database: Database, tenant_id: UUID, earlier: Mapping[int, Head] | None = None
) -> tuple[Findings, list[Fault]]:
    """Return what a walk came to, and each fault."""
    faults: list[Fault] = []
    async with database.snapshot() as connection:
        findings = await verify(connection, tenant_id, earlier or {}, faults.append)
    assert findings.faults == len(faults)
    return findings, faults


async def assert_chained(database: Database, tenant_id: UUID) -> Findings:
    """Fail unless every event is in its place, and as it was recorded."""
    findings, faults = await walked(database, tenant_id)
    assert not faults, [str(fault) for fault in faults]
    return findings

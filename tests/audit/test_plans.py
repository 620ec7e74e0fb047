"""Questions about one tenant's events are answered off an index, however many there are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from okr_service.audit.reads import AUDIT_EVENTS, audit_events_wanted
from okr_service.audit.shapes import AuditEventListing
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.reach import EVERYTHING
from okr_service.kernel.sql import DIALECT

_TENANT = UUID(int=77)
_NOW = datetime.now(UTC)
_FILL = """
INSERT INTO audit_events (tenant_id, id, occurred_at, action, subject, subject_id, actor_id,
                          credential, request_id, lane, place, hash)
SELECT CAST(:tenant AS uuid), gen_random_uuid(), now() - n * interval '1 minute', 'created', 'unit',
       gen_random_uuid(), CASE WHEN n % 10 = 0 THEN gen_random_uuid() END, 'key-' || n % 5,
       'req-' || n, n % 4, n, '\\x00'
  FROM generate_series(1, 60000) AS n
"""


@pytest.fixture(scope="module")
async def large(database: Database) -> AsyncIterator[Transaction]:
    """Lend a transaction that sees a tenant with many events and is taken back."""
    async with database.transaction() as tx:
        await tx.execute(text(_FILL), {"tenant": _TENANT})
        await tx.execute(text("ANALYZE audit_events, audit_personal_data"))
        yield tx
        await tx.rollback()


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "occurred_at_id"),
        ({"sort": "occurred_at"}, "occurred_at_id"),
        ({"credential": "key-1"}, "occurred_at_id"),
        ({"subject": ["unit"]}, "occurred_at_id"),
        ({"occurred_until": _NOW - timedelta(days=20)}, "occurred_at_id"),
        ({"request_id": "req-500"}, "request_id"),
        ({"subject_id": UUID(int=5)}, "subject_id_id"),
        ({"actor_id": UUID(int=5)}, "actor_id_occurred_at"),
    ],
)
async def test_a_page_is_read_off_an_index(
    large: Transaction, wanted: dict[str, object], index: str
) -> None:
    asked = AuditEventListing.model_validate(wanted)
    statement = AUDIT_EVENTS.page_statement(
        _TENANT, EVERYTHING, audit_events_wanted(asked), asked.page()
    )
    compiled = statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    connection = await large.connection()

    rows = await connection.exec_driver_sql(f"EXPLAIN {compiled}")

    plan = "\n".join(row[0] for row in rows)
    assert f"audit_events_tenant_id_{index}_idx" in plan, plan
    assert "Seq Scan on audit_events" not in plan, plan

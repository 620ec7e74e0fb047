"""Events of before the chains get their places in them when the tables are migrated."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
from tests.audit.walked import walked

from okr_service.audit.verification import Fault, Findings
from okr_service.kernel.database import Database
from okr_service.kernel.migrations import migrate, unmigrate
from okr_service.kernel.servers import database_url
from okr_service.settings import Settings

_BEFORE = "0007"
_TENANTS = [UUID(int=1), UUID(int=2), UUID(int=3)]  # the third has no events
_FILL = """
INSERT INTO tenants (tenant_id, name) SELECT unnest($1::uuid[]), 'T'
"""
_EVENTS = """
INSERT INTO audit_events (tenant_id, id, occurred_at, action, subject, subject_id, credential,
                          request_id, before, after)
SELECT $1, gen_random_uuid(), now() - n * interval '1 minute', 'updated',
       CASE n % 3 WHEN 0 THEN 'person' ELSE 'unit' END, gen_random_uuid(), 'key', 'req-' || n,
       jsonb_build_object('name', 'Mai ' || n), jsonb_build_object('name', 'Ba ' || n)
  FROM generate_series(1, $2) AS n
"""


async def _run(url: str, *statements: tuple[Any, ...]) -> Any:
    plain = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        found = [await connection.fetch(*statement) for statement in statements]
    finally:
        await connection.close()
    return found[-1]


async def _walk(url: str) -> list[tuple[Findings, list[Fault]]]:
    database = Database.as_owner(Settings(database_url=url))
    try:
        return [await walked(database, tenant_id) for tenant_id in _TENANTS]
    finally:
        await database.close()


def test_events_of_before_are_chained_and_come_back_when_taken_down(
    empty_database_url: str,
) -> None:
    url = empty_database_url
    migrate(url, _BEFORE)
    asyncio.run(
        _run(url, (_FILL, _TENANTS), (_EVENTS, _TENANTS[0], 5_002), (_EVENTS, _TENANTS[1], 3))
    )
    all_of_them = ("SELECT to_jsonb(e) AS event FROM audit_events AS e ORDER BY tenant_id, id",)
    before = [json.loads(row["event"]) for row in asyncio.run(_run(url, all_of_them))]

    migrate(url)

    found = asyncio.run(_walk(url))
    assert [faults for _, faults in found] == [[], [], []]
    assert [findings.events for findings, _ in found] == [5_002, 3, 0]
    assert [len(findings.heads) for findings, _ in found] == [1, 1, 0]
    ids = "SELECT id FROM audit_events WHERE tenant_id = $1 ORDER BY place"
    in_place = [row["id"] for row in asyncio.run(_run(url, (ids, _TENANTS[0])))]
    assert in_place == sorted(in_place)
    assert asyncio.run(_run(url, ("SELECT count(*) FROM audit_lanes",)))[0]["count"] == 2
    said = "SELECT count(*) FROM audit_events WHERE subject = 'person' AND after IS NOT NULL"
    assert asyncio.run(_run(url, (said,)))[0]["count"] == 0

    unmigrate(url, _BEFORE)

    after = [json.loads(row["event"]) for row in asyncio.run(_run(url, all_of_them))]
    assert after == before


def test_an_interrupted_migration_goes_on_where_it_was(empty_database_url: str) -> None:
    url = empty_database_url
    migrate(url, _BEFORE)
    asyncio.run(_run(url, (_FILL, _TENANTS), (_EVENTS, _TENANTS[0], 20)))
    migrate(url, "0008")
    # It was interrupted after the first part was committed, and the service recorded since.
    record = (
        "SELECT okr_record($1, NULL, 'key', 'req', "
        """'[{"id": "01a20994-0000-7000-8000-000000000001", "action": "created","""
        """ "subject": "unit", "subject_id": "01a20994-0000-7000-8000-000000000002"}]', NULL)"""
    )
    asyncio.run(_run(url, (record, _TENANTS[0])))

    migrate(url)

    [(findings, faults), *_] = asyncio.run(_walk(url))
    assert (findings.events, faults) == (21, [])

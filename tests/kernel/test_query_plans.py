"""How the statements in `.sql` files are planned, where a tenant has many rows.

None reads a table from end to end, whether PostgreSQL plans for the values given
or, as it may for a statement that comes often, once for all values. Planned for
values, none reads all of a tenant either, but for those it is in the nature of.
"""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.types import TypeEngine

from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.sql import load_sql

_ROOMS = (
    *("access", "rollup", "checkins", "actions", "imports", "cycles", "scorecards", "analysis"),
    *("credentials", "limits", "events", "feeds"),
)
_OF_THE_TENANT = "tenants"  # is looked up by tenant alone, and has one row for it
_NO_SCANS = ("ModifyTable", "Bitmap Heap Scan")
_FUNCTIONS = {
    "access/functions",
    "rollup/functions",
    "events/functions",
    "imports/functions",
}  # declare functions, ask nothing
_WIDE = {
    "cycles/falls_outside",  # is asked when a cycle's dates are edited: seldom
    "limits/lease",  # drops a few rows by their age alone
    *("events/page", "events/happenings"),  # ask whether there is any event without a place
}

_TENANT = UUID(int=1)
_ROW = UUID(int=1_000)
_ID, _IDS, _NAMES = (Uuid(), _ROW), (ARRAY(Uuid), [_ROW]), (ARRAY(Text), ["e1000"])
_OF = (Uuid(), _TENANT)
_SOME = (Boolean(), False)
_CHANGE = (Numeric(), 1)
_LEVELS = (Integer(), 3)
_MOMENTS = (ARRAY(DateTime(timezone=True)), [datetime(2026, 6, 30, tzinfo=UTC)])
_HASHES = (ARRAY(LargeBinary), [b"hash"])
_DAY = (Date(), date(2026, 1, 1))
# as somebody who does not see everything
_REACH: dict[str, tuple[TypeEngine[Any], object]] = {
    "reach_units": (ARRAY(Uuid), [_ROW]),
    "reach_person": (Uuid(), _ROW),
}

_Values = dict[str, tuple[TypeEngine[Any], object]]
_COUNTED: _Values = {
    "tenant_id": _OF,
    "subject": (Text(), "tenant"),
    "kept": (Integer(), 120),
}

_STATEMENTS: dict[str, _Values] = {
    "rollup/propagate": {
        "tenant_id": _OF,
        "objective_id": _ID,
        "weight_change": _CHANGE,
        "progress_change": _CHANGE,
    },
    "rollup/lock_above": {"tenant": _OF, "objective_ids": _IDS, "everything": _SOME},
    "rollup/recomputed": {"tenant": _OF, "objective_ids": _IDS, "everything": _SOME},
    "rollup/wrong_key_results": {
        "tenant_id": _OF,
        "key_result_ids": _IDS,
        "everything": _SOME,
    },
    "rollup/feed": {"tenant_id": _OF, "key_result_ids": _IDS},
    "checkins/hold": {"tenant_id": _OF, "ids": _IDS, "external_ids": _NAMES},
    "checkins/refresh": {"tenant_id": _OF, "ids": _IDS},
    "actions/sum_up": {"tenant_id": _OF, "key_result_ids": _IDS},
    "imports/roots": {"tenant_id": _OF, "external_ids": _NAMES, **_REACH},
    "analysis/tree": {
        "tenant_id": _OF,
        "objective_id": _ID,
        "cycle_id": _ID,
        "after_id": _ID,
        "depth": _LEVELS,
        "breadth": _LEVELS,
        "most": _LEVELS,
        "key_results": _SOME,
        "count_children": _SOME,
        **_REACH,
    },
    "analysis/contributors": {
        "tenant_id": _OF,
        "objective_id": _ID,
        "depth": _LEVELS,
        **_REACH,
    },
    "analysis/as_of": {
        "tenant_id": _OF,
        "objective_id": _ID,
        "as_of": _MOMENTS,
        "known_at": _MOMENTS,
        "key_results": _SOME,
    },
    "analysis/history": {
        "tenant_id": _OF,
        "objective_id": _ID,
        "first_day": _DAY,
        "last_day": _DAY,
        "step": (Text(), "1 day"),
        "most": _LEVELS,
    },
    "analysis/feeds": {
        "tenant_id": _OF,
        "key_result_id": _ID,
        "depth": _LEVELS,
        "most": _LEVELS,
        **_REACH,
    },
    "cycles/falls_outside": {
        "tenant_id": _OF,
        "cycle_id": _ID,
        "start_date": _DAY,
        "end_date": _DAY,
    },
    "limits/lease": {
        **_COUNTED,
        "slice": (BigInteger(), 93),
        "shift": (Integer(), 7),
        "lasts": (Integer(), 60),
    },
    "limits/exhausted": {**_COUNTED, "allowed": (BigInteger(), 20)},
    "scorecards/scorecard": {
        "tenant_id": _OF,
        "unit_id": (Uuid(), UUID(int=1)),
        "cycle_id": _ID,
        "depth": (Integer(), 32),
        "ranked": _SOME,
        **_REACH,
    },
    "access/standing": {"tenant_id": _OF, "person_id": _ID},
    "events/page": {
        "tenant_id": _OF,
        "after": (BigInteger(), 100),
        "latest": _SOME,
        "types": (ARRAY(Text), ["okr.unit.created"]),
        "most": _LEVELS,
        "window": (Integer(), 10_000),
        **_REACH,
    },
    "events/happenings": {
        "tenant_id": _OF,
        "after": (BigInteger(), 100),
        "types": (ARRAY(Text), ["okr.objective.progressed"]),
        "most": _LEVELS,
        "window": (Integer(), 10_000),
    },
    "feeds/values": {
        "tenant_id": _OF,
        "series": _IDS,
        "since": _MOMENTS,
        "most": _LEVELS,
    },
    "feeds/known": {
        "tenant_id": _OF,
        "feed_id": _ID,
        "metrics": _NAMES,
        "moments": _MOMENTS,
        "keys": _NAMES,
    },
    "feeds/correct": {
        "tenant_id": _OF,
        "corrections": (Text(), '[{"id": "00000000-0000-0000-0000-0000000003e8"}]'),
    },
    "feeds/forget": {
        "tenant_id": _OF,
        "feed_id": _ID,
        "older": (DateTime(timezone=True), datetime(2026, 6, 30, tzinfo=UTC)),
        "most": _LEVELS,
    },
    "credentials/record_uses": {"tenant_id": _OF, "key_ids": _IDS, "times": _MOMENTS},
    "credentials/rehash": {"tenant_id": _OF, "key_ids": _IDS, "hashes": _HASHES},
}

# Ids are numbers, so that a row's links can be worked out.
_FILL = """
SET LOCAL statement_timeout = 0;  -- filling takes as long as the machine is slow
CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql
RETURN ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid;
DROP INDEX objectives_search_idx, key_results_search_idx;  -- filling them takes long
INSERT INTO tenants (tenant_id, name) VALUES (pg_temp.id(1), 'Large');
INSERT INTO units (tenant_id, id, name, kind, version)
VALUES (pg_temp.id(1), pg_temp.id(1), 'U', 'group', 1);
INSERT INTO units (tenant_id, id, parent_id, name, kind, version)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(n / 6 + 1), 'U', 'team', 1
  FROM generate_series(2, 2000) AS n;
INSERT INTO people (tenant_id, id, name, active, version)
SELECT pg_temp.id(1), pg_temp.id(n), 'P', true, 1 FROM generate_series(1, 2000) AS n;
INSERT INTO api_keys (tenant_id, id, name, beginning, key_hash, scopes)
SELECT pg_temp.id(1), pg_temp.id(n), 'K', '', CAST('' || n AS bytea), '{read}'
  FROM generate_series(1, 20000) AS n;
INSERT INTO api_key_uses (tenant_id, api_key_id, last_used_at)
SELECT pg_temp.id(1), pg_temp.id(n), now() FROM generate_series(1, 20000) AS n;
INSERT INTO cycles (tenant_id, id, code, name, start_date, end_date, version)
SELECT pg_temp.id(1), pg_temp.id(n), 'C' || n, 'C', '2026-01-01', '2026-12-31', 1
  FROM generate_series(990, 2989) AS n;
INSERT INTO objectives (tenant_id, id, external_id, title, description, unit_id, cycle_id,
                        parent_id, weight, state, ambition, tags, links, version,
                        weight_sum, progress_sum)
SELECT pg_temp.id(1), pg_temp.id(n), 'e' || n, '', '', pg_temp.id(1), pg_temp.id(990 + n % 2000),
       CASE WHEN n > 5 THEN pg_temp.id(n / 6 + 1) END, 1, 'active', 'committed', '{}', '[]', 1,
       1, n % 7 * 0.1
  FROM generate_series(1, 40000) AS n;
INSERT INTO key_results (tenant_id, id, external_id, objective_id, title, description, metric,
                         format, start_value, target_value, weight, tags, links, version)
SELECT pg_temp.id(1), pg_temp.id(n), 'e' || n, pg_temp.id(n / 3 + 1), '', '', 'increase',
       'number', 0, 1, 1, '{}', '[]', 1
  FROM generate_series(1, 90000) AS n;
UPDATE key_results SET feeds_id = pg_temp.id(n / 6 + 1), source = 'children', aggregate = 'sum'
  FROM generate_series(6, 9000) AS n WHERE tenant_id = pg_temp.id(1) AND id = pg_temp.id(n);
INSERT INTO check_ins (tenant_id, id, key_result_id, value, observed_at, comment, obstacles,
                       next_steps, source)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(n / 2 + 1), 0, now(), '', '', '', 'feed'
  FROM generate_series(1, 170000) AS n;
INSERT INTO action_plans (tenant_id, id, key_result_id, title, expected_result, start_date,
                          end_date, version)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(n), '', '', '2026-01-01', '2026-01-31', 1
  FROM generate_series(1, 90000) AS n;
INSERT INTO actions (tenant_id, id, action_plan_id, title, note, state, weight, version)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(n / 2 + 1), '', '', 'todo', 1, 1
  FROM generate_series(1, 170000) AS n;
INSERT INTO events (tenant_id, id, place, type, subject_id, objective_id)
SELECT pg_temp.id(1), pg_temp.id(n), n, 'okr.objective.progressed', pg_temp.id(n % 40000 + 1),
       pg_temp.id(n % 40000 + 1)
  FROM generate_series(1, 30000) AS n;
INSERT INTO event_feeds (tenant_id, last_place) VALUES (pg_temp.id(1), 30000);
INSERT INTO metric_feeds (tenant_id, id, name, source, utc_offset_minutes, version)
SELECT pg_temp.id(1), pg_temp.id(n), 'F', 'erp', 0, 1 FROM generate_series(990, 1990) AS n;
INSERT INTO feed_mappings (tenant_id, id, feed_id, metric, dimensions, series, key_result_id,
                           aggregation, factor, "offset", negated, version)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(990 + n % 1000), 'm', '{}', pg_temp.id(n),
       pg_temp.id(n), 'latest', 1, 0, false, 1
  FROM generate_series(1, 20000) AS n;
INSERT INTO feed_readings (tenant_id, id, feed_id, metric, dimensions, series, observed_at,
                           reading_id, value, reason)
SELECT pg_temp.id(1), pg_temp.id(n), pg_temp.id(990 + n % 1000), 'm', '{}',
       pg_temp.id(n % 20000 + 1), now(), n, 1, CASE n % 10 WHEN 0 THEN 'no_mapping' END
  FROM generate_series(1, 60000) AS n;
INSERT INTO request_counts (tenant_id, subject, window_start, used)
SELECT pg_temp.id(1), 'credential:' || n, now() - interval '1 second' * (n % 60), 1
  FROM generate_series(1, 5000) AS n;
ANALYZE;
SET LOCAL enable_seqscan = off;
-- from here on as the service, behind the wall between tenants
SET LOCAL ROLE okr_service;
SET LOCAL okr.tenant_id = '00000000-0000-0000-0000-000000000001';
"""


@pytest.fixture(scope="module")
async def large(database: Database) -> AsyncIterator[Transaction]:
    """Lend a transaction that sees a large tenant and is taken back."""
    async with database.transaction() as tx:
        pooled = await (await tx.connection()).get_raw_connection()
        await tx.execute(text("SET CONSTRAINTS ALL DEFERRED"))  # begins the transaction
        assert pooled.driver_connection is not None
        await pooled.driver_connection.execute(_FILL)
        yield tx
        await tx.rollback()


def test_every_statement_is_looked_at() -> None:
    found = {
        f"{room}/{file.name.removesuffix('.sql')}"
        for room in _ROOMS
        for file in files(f"okr_service.{room}").iterdir()
        if file.name.endswith(".sql")
    }
    assert found == {*_STATEMENTS, *_FUNCTIONS}


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_planned_for_these_values(large: Transaction, name: str) -> None:
    values = {key: value for key, (_, value) in _STATEMENTS[name].items()}
    statement = text(f"EXPLAIN (FORMAT JSON) {_sql(name)}").bindparams(*_typed(name))

    for scan in _scans(await large.scalar(statement, values)):
        assert scan["Node Type"] != "Seq Scan", scan
        is_narrow = scan["Index Cond"].count(" = ") > 1 or name in _WIDE
        assert is_narrow or scan.get("Relation Name") == _OF_THE_TENANT, json.dumps(scan)


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_planned_for_all_values(large: Transaction, name: str) -> None:
    connection = await large.connection()
    compiled = text(_sql(name)).bindparams(*_typed(name)).compile(dialect=connection.dialect)
    await connection.exec_driver_sql(f"PREPARE planned AS {compiled}")
    await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    nulls = ", ".join(["NULL"] * len(_STATEMENTS[name]))

    plan = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE planned ({nulls})")
    answer = plan.scalar_one()
    await connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")
    await connection.exec_driver_sql("DEALLOCATE planned")

    for scan in _scans(answer):
        assert scan["Node Type"] != "Seq Scan", scan
        assert "tenant_id" in scan["Index Cond"], scan  # with `everything`, it may be no more


def _sql(name: str) -> str:
    room, file = name.split("/")
    return load_sql(f"okr_service.{room}", file).text


def _typed(name: str) -> Iterator[Any]:
    for key, (type_, _) in _STATEMENTS[name].items():
        yield bindparam(key, type_=type_)


def _scans(answer: Any) -> list[dict[str, Any]]:
    """Return the nodes that read a table, or the index that a bitmap is made of."""
    plans = json.loads(answer) if isinstance(answer, str) else answer
    return [
        node
        for node in _nodes(plans[0]["Plan"])
        if node["Node Type"] == "Bitmap Index Scan"
        or ("Relation Name" in node and node["Node Type"] not in _NO_SCANS)
    ]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)

"""No statement in a `.sql` file reads a table from end to end, or all of its index."""

import json
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, Boolean, Date, Numeric, Text, Uuid, bindparam, text
from sqlalchemy.types import TypeEngine

from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.sql import load_sql

_ROOMS = ("rollup", "checkins", "actions", "imports", "cycles")
_NO_SCANS = ("ModifyTable", "Bitmap Heap Scan")
_FUNCTIONS = "rollup/functions"  # declares functions, asks nothing

_ID, _IDS, _NAMES = (Uuid(), UUID(int=1)), (ARRAY(Uuid), [UUID(int=1)]), (ARRAY(Text), ["a"])
_SOME = (Boolean(), False)
_CHANGE = (Numeric(), 1)
_DAY = (Date(), date(2026, 1, 1))

_STATEMENTS: dict[str, dict[str, tuple[TypeEngine[Any], object]]] = {
    "rollup/propagate": {
        "tenant_id": _ID,
        "objective_id": _ID,
        "weight_change": _CHANGE,
        "progress_change": _CHANGE,
    },
    "rollup/lock_above": {"tenant": _ID, "objective_ids": _IDS, "everything": _SOME},
    "rollup/recomputed": {"tenant": _ID, "objective_ids": _IDS, "everything": _SOME},
    "rollup/wrong_key_results": {"tenant_id": _ID},
    "checkins/hold": {"tenant_id": _ID, "ids": _IDS, "external_ids": _NAMES},
    "checkins/refresh": {"tenant_id": _ID, "ids": _IDS},
    "actions/sum_up": {"tenant_id": _ID, "key_result_id": _ID},
    "imports/roots": {"tenant_id": _ID, "external_ids": _NAMES},
    "cycles/falls_outside": {
        "tenant_id": _ID,
        "cycle_id": _ID,
        "start_date": _DAY,
        "end_date": _DAY,
    },
}


def test_every_statement_is_looked_at() -> None:
    found = {
        f"{room}/{file.name.removesuffix('.sql')}"
        for room in _ROOMS
        for file in files(f"okr_service.{room}").iterdir()
        if file.name.endswith(".sql")
    }
    assert found == {*_STATEMENTS, _FUNCTIONS}


@pytest.mark.parametrize("name", _STATEMENTS)
@pytest.mark.parametrize("explain", ["", ", GENERIC_PLAN"], ids=["custom", "generic"])
async def test_reads_no_table_from_end_to_end(database: Database, name: str, explain: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await _plan(tx, name, explain)

    for scan in _scans(plan):
        assert scan["Node Type"] != "Seq Scan", scan
        assert "tenant_id" in scan["Index Cond"], scan


async def _plan(tx: Transaction, name: str, explain: str) -> dict[str, Any]:
    room, file = name.split("/")
    parameters = _STATEMENTS[name]
    statement = load_sql(f"okr_service.{room}", file).text
    explained = text(f"EXPLAIN (FORMAT JSON{explain}) {statement}").bindparams(
        *(bindparam(name, value, type_) for name, (type_, value) in parameters.items())
    )
    answer = await tx.scalar(explained)
    plans = json.loads(answer) if isinstance(answer, str) else answer
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the nodes that read a table, or the index that a bitmap is made of."""
    reads_table = "Relation Name" in plan and plan["Node Type"] not in _NO_SCANS
    if reads_table or plan["Node Type"] == "Bitmap Index Scan":
        yield plan
    for part in plan.get("Plans", []):
        yield from _scans(part)

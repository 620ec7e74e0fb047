"""Scorecards as a table: a row for each unit in a cycle."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import select

from okr_service.access.policy import Principal
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.exports.shapes import ScorecardsQuestion
from okr_service.exports.tables import Kind
from okr_service.imports.harmless import harmless
from okr_service.kernel.database import Reading
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import resolve
from okr_service.organisation.model import Unit
from okr_service.scorecards.reads import scorecard
from okr_service.scorecards.shapes import ScorecardQuestion

COLUMNS = {
    "unit_id": Kind.ID,
    "unit_external_id": Kind.TEXT,
    "unit_name": Kind.TEXT,
    "unit_kind": Kind.WORD,
    "parent_unit_id": Kind.ID,
    "cycle_id": Kind.ID,
    "cycle_code": Kind.TEXT,
    "progress": Kind.RATIO,
    "expected_progress": Kind.RATIO,
    "health": Kind.WORD,
    "objectives_total": Kind.COUNT,
    "objectives_measured": Kind.COUNT,
    "key_results_total": Kind.COUNT,
    "key_results_reported": Kind.COUNT,
    "key_results_overdue": Kind.COUNT,
    "key_results_on_time_share": Kind.RATIO,
    "actions_total": Kind.COUNT,
    "actions_done": Kind.COUNT,
    "actions_overdue": Kind.COUNT,
    "actions_done_share": Kind.RATIO,
}
_NUMBERS = {
    "objectives": ("total", "measured"),
    "key_results": ("total", "reported", "overdue", "on_time_share"),
    "actions": ("total", "done", "overdue", "done_share"),
}
Row = Mapping[str, object]
_Card = Mapping[str, Any]  # what a scorecard's JSON holds


async def scorecards(tx: Reading, who: Principal, asked: ScorecardsQuestion) -> list[Row]:
    """Return the figures of units and of all beneath them, those above first.

    Raises:
        NotPermitted, UnitNotFound, CycleNotFound, ReferenceGone.
    """
    no_cycle = CycleNotFound(asked.cycle_id).at("/cycle_id")
    await resolve(tx, Cycle, who.tenant_id, asked.cycle_id, no_cycle)
    question = ScorecardQuestion(cycle_id=asked.cycle_id)
    rows: dict[object, Row] = {}
    for ref in asked.unit_id or await _roots(tx, who):
        card = orjson.loads(await scorecard(tx, who, ref, question))
        for row in _rows(card, card["cycle"], None):
            rows.setdefault(row["unit_id"], row)
    return list(rows.values())


async def _roots(tx: Reading, who: Principal) -> Sequence[Ref]:
    at_top = select(Unit.id).where(Unit.tenant_id == who.tenant_id, Unit.parent_id.is_(None))
    return [Ref(str(row_id)) for (row_id,) in await tx.execute(at_top.order_by(Unit.id))]


def _rows(card: _Card, cycle: Mapping[str, object], parent_id: object) -> Iterator[Row]:
    unit = card["unit"]
    yield {
        "unit_id": unit["id"],
        "unit_external_id": unit["external_id"],
        "unit_name": unit["name"],
        "unit_kind": unit["kind"],
        "parent_unit_id": parent_id,
        "cycle_id": cycle["id"],
        "cycle_code": cycle["code"],
        **{name: card[name] for name in ("progress", "expected_progress", "health")},
        **{f"{of}_{name}": card[of][name] for of, names in _NUMBERS.items() for name in names},
    }
    for sub_unit in card["sub_units"]:
        yield from _rows(sub_unit, cycle, unit["id"])


def cells(row: Row) -> Iterator[object]:
    """Yield a row's cells for CSV."""
    for name, kind in COLUMNS.items():
        said = row[name]
        yield harmless(str(said)) if kind is Kind.TEXT and said is not None else said

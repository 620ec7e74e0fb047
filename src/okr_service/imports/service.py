"""Making so what a file speaks of, or showing what that would do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam

from okr_service.access.policy import Permission, Principal, require_everywhere
from okr_service.audit.service import gathered
from okr_service.imports.errors import ImportRejected
from okr_service.imports.frame import frame
from okr_service.imports.ledger import Ledger
from okr_service.imports.load import Loader
from okr_service.imports.plan import Plan, gather
from okr_service.imports.shapes import Effect, Mode
from okr_service.imports.table import read_csv
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.sql import load_sql
from okr_service.rollup import service as rollup

_ROOTS = load_sql(__package__, "roots").bindparams(bindparam("external_ids", type_=ARRAY(Text)))


@dataclass(frozen=True)
class Root:
    """An objective at the top of what a file touches, and its progress before and after."""

    objective_id: UUID | None
    external_id: str | None
    title: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True)
class Report:
    """What an import did, or would do: each row's effect, each cell that does not fit."""

    mode: Mode
    effects: dict[int, Effect]
    errors: list[FieldError] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)

    @property
    def counts(self) -> Counter[Effect]:
        """Return how many rows do what."""
        return Counter(self.effects.values())


async def import_csv(tx: Transaction, who: Principal, data: bytes, mode: Mode) -> Report:
    """Load a CSV file; a dry run shows what that does and takes it back.

    Raises:
        NotPermitted, UnreadableTable, EmptyTable.
        ImportRejected: it was to be committed and some cells do not fit.
    """
    require_everywhere(who, Permission.PLAN)
    plan = gather(read_csv(data))
    attempt = await tx.begin_nested()
    await hold_structure(tx, who.tenant_id, alone=True)
    before = await _roots(tx, who, plan)
    ledger = Ledger(plan)
    async with rollup.deferred(tx, who.tenant_id), gathered(tx, who):
        around = await frame(tx, who, plan, ledger)
        await Loader(tx, who, plan, ledger, around).load()
    after = await _roots(tx, who, plan)
    if mode is Mode.COMMIT and plan.errors:
        raise ImportRejected(_in_order(plan.errors))
    await (attempt.commit() if mode is Mode.COMMIT else attempt.rollback())
    known = {root.id: root.progress for root in before}
    roots = [
        Root(
            root.id if mode is Mode.COMMIT or root.id in known else None,
            root.external_id,
            root.title,
            known.get(root.id),
            root.progress,
        )
        for root in after
    ]
    return Report(mode, _effects(plan, ledger.effects), _in_order(plan.errors), roots)


@dataclass(frozen=True)
class _Root:
    id: UUID
    external_id: str | None
    title: str
    progress: Decimal | None


async def _roots(tx: Transaction, who: Principal, plan: Plan) -> Sequence[_Root]:
    parents = {thing.text("parent_objective") for thing in plan.objectives.values()}
    keys = {key[0] for key in plan.objectives} | {parent for parent in parents if parent}
    of = {"tenant_id": who.tenant_id, "external_ids": sorted(keys)}
    return [_Root(*row) for row in await tx.execute(_ROOTS, of)]


def _effects(plan: Plan, effects: dict[int, Effect]) -> dict[int, Effect]:
    failed = {row for error in plan.errors if isinstance(row := error.facts.get("row"), int)}
    return {
        row.number: Effect.FAILED
        if row.number in failed
        else effects.get(row.number, Effect.UNCHANGED)
        for row in plan.table.rows
    }


def _in_order(errors: list[FieldError]) -> list[FieldError]:
    return sorted(errors, key=lambda error: int(str(error.facts.get("row", 0))))

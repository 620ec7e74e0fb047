"""Making so what a file speaks of, or showing what that would do."""

from asyncio import to_thread
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import gathered
from okr_service.imports.errors import ImportRejected, TooManyCellErrors
from okr_service.imports.frame import frame
from okr_service.imports.ledger import Ledger
from okr_service.imports.load import load
from okr_service.imports.plan import MOST_ERRORS, Plan, gather
from okr_service.imports.pruning import Doomed, Pruning, Scope, find_doomed
from okr_service.imports.shapes import Effect, ImportMode, ImportOptions, OnError
from okr_service.imports.suggesting import with_suggestions
from okr_service.imports.table import Table
from okr_service.imports.work import Import
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.sql import load_sql
from okr_service.kernel.telemetry import MINUTES, counter, durations, timed
from okr_service.rollup import service as rollup

_ROOTS_AT_ONCE = 20_000
_ROOTS = load_sql(__package__, "roots").bindparams(
    bindparam("external_ids", type_=ARRAY(Text)), *reach_parameters()
)


_rows = counter("okr.import.rows", "Rows of files that were committed, by what they did.")
_durations = durations("okr.import.duration", "How long imports took.", MINUTES)

Watching = Callable[[Import], None]  # is told of each import as it begins to be made so


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

    mode: ImportMode
    plan: Plan
    ledger: Ledger
    errors: list[FieldError]
    pruned: list[Doomed]
    roots: list[Root]

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many rows do what."""
        return {effect.value: self.ledger.count(effect) for effect in Effect}


async def import_table(
    tx: Transaction,
    who: Principal,
    table: Table,
    options: ImportOptions,
    watching: Watching | None = None,
) -> Report:
    """Load what rows say; a dry run shows what that does and takes it back.

    The tenant's structure is held alone, so imports of a tenant wait for each other. Rows
    that do not fit are left out where they are to be skipped, until the others all fit: it
    comes to what a file without them would have done.

    Raises:
        NotPermitted, PruneNeedsScope, UnitNotFound, CycleNotFound.
        ImportRejected: it was to be committed, all of it, and some cells do not fit.
        TooManyCellErrors, NoRoomForFile.
    """
    with timed(_durations, mode=options.mode.value, outcome="rejected") as told:
        report = await _imported(tx, who, table, options, watching)
        told["outcome"] = "done"
    if options.mode is ImportMode.COMMIT:
        for effect, count in report.counts.items():
            _rows.add(count, {"effect": effect})
    return report


async def _imported(
    tx: Transaction,
    who: Principal,
    table: Table,
    options: ImportOptions,
    watching: Watching | None,
) -> Report:
    require(who, Permission.PLAN)
    scope = Scope.read(options.scope) if options.prune else None
    left_out: list[FieldError] = []
    while True:
        plan = await to_thread(gather, table, _rows_of(left_out))
        attempt = await tx.begin_nested()
        await hold_structure(tx, who.tenant_id, alone=True)
        done = await _load(tx, who, plan, scope, watching)
        wrong = await with_suggestions(tx, who, plan, plan.errors)
        if not wrong or options.on_error is OnError.ABORT:
            break
        left_out += wrong
        if len(left_out) > MOST_ERRORS:
            raise TooManyCellErrors(_in_order(left_out)[:MOST_ERRORS], MOST_ERRORS)
        await attempt.rollback()
    if options.mode is ImportMode.COMMIT and wrong:
        raise ImportRejected(_in_order(wrong))
    await (attempt.commit() if options.mode is ImportMode.COMMIT else attempt.rollback())
    return _report(options.mode, plan, done, _in_order(left_out + wrong))


def _rows_of(errors: Iterable[FieldError]) -> set[int]:
    return {row for error in errors if isinstance(row := error.facts.get("number"), int)}


@dataclass(frozen=True)
class _Done:
    ledger: Ledger
    pruned: list[Doomed]
    before: Sequence["_Root"]
    after: Sequence["_Root"]


async def _load(
    tx: Transaction, who: Principal, plan: Plan, scope: Scope | None, watching: Watching | None
) -> _Done:
    before = await _roots(tx, who, plan)
    pruning = await find_doomed(tx, who, plan, scope) if scope else Pruning()
    ledger = Ledger(plan)
    async with rollup.deferred(tx, who.tenant_id, held=True), gathered(tx, who):
        around = await frame(tx, who, plan, ledger)
        under_way = Import(tx, who, plan, ledger, around)
        if watching is not None:
            watching(under_way)
        await load(under_way, pruning)
    return _Done(ledger, pruning.doomed, before, await _roots(tx, who, plan))


def _report(mode: ImportMode, plan: Plan, done: _Done, errors: list[FieldError]) -> Report:
    known = {root.id: root.progress for root in done.before}
    roots = [
        Root(
            root.id if mode is ImportMode.COMMIT or root.id in known else None,
            root.external_id,
            root.title,
            known.get(root.id),
            root.progress,
        )
        for root in done.after
    ]
    done.ledger.failed(_rows_of(errors))
    return Report(mode, plan, done.ledger, errors, done.pruned, roots)


@dataclass(frozen=True)
class _Root:
    id: UUID
    external_id: str | None
    title: str
    progress: Decimal | None


async def _roots(tx: Transaction, who: Principal, plan: Plan) -> Sequence[_Root]:
    found: dict[UUID, _Root] = {}
    things = plan.objectives.values()
    while some := list(islice(things, _ROOTS_AT_ONCE)):
        parents = {parent for thing in some if (parent := thing.text("parent_objective"))}
        codes = sorted({thing.key[0] for thing in some} | parents)
        of = {"tenant_id": who.tenant_id, "external_ids": codes, **who.sight.parameters}
        found |= {row.id: _Root(*row) for row in await tx.execute(_ROOTS, of)}
    return sorted(found.values(), key=_by_external_id)


def _by_external_id(root: _Root) -> tuple[bool, str | None, UUID]:
    return root.external_id is None, root.external_id, root.id


def _in_order(errors: list[FieldError]) -> list[FieldError]:
    return sorted(errors, key=lambda error: int(str(error.facts.get("number", 0))))

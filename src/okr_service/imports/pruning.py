"""Cancelling what is no longer in a file, within the units and cycles that it is for.

Only what a file could name is looked at: what has an external id. Of objectives that the
file still has, key results that it has no longer are deleted (they have no state), and
actions cancelled, if the file has a column of these at all. What is closed or done stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.actions import service as actions
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import IS_OPEN
from okr_service.actions.shapes import ActionState, NewAction
from okr_service.cycles import service as cycles
from okr_service.imports.errors import PruneNeedsScope
from okr_service.imports.ids import named_ids
from okr_service.imports.keys import short
from okr_service.imports.plan import Plan
from okr_service.imports.shapes import Pruned
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import raised
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import EXTERNAL, alive, among
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.access import objective_seen
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.service import ObjectiveEdit
from okr_service.objectives.shapes import NewObjective, ObjectiveState
from okr_service.organisation import service as organisation
from okr_service.organisation.model import Unit

_IN_FORCE = (ObjectiveState.DRAFT.value, ObjectiveState.ACTIVE.value)


@dataclass(frozen=True)
class Scope:
    """The units, with all beneath them, and the cycles that a file says everything of."""

    units: Sequence[str]
    cycles: Sequence[str]

    @classmethod
    def read(cls, text: str | None) -> "Scope":
        """Read `unit:…,cycle:…`; raises PruneNeedsScope where it names none of either."""
        parts = [part.partition(":") for part in (text or "").split(",") if part]
        named = {
            kind: [code.strip() for name, _, code in parts if name.strip() == kind]
            for kind in ("unit", "cycle")
        }
        if not all(all(codes) and codes for codes in named.values()):
            raise PruneNeedsScope().at("scope")
        return cls(named["unit"], named["cycle"])


@dataclass(frozen=True)
class Doomed:
    """Something in the scope that is no longer in the file."""

    kind: Pruned
    id: UUID
    external_id: str
    title: str
    key_result_id: UUID | None
    objective_id: UUID


@dataclass(frozen=True)
class Pruning:
    """All that is to be cancelled, and of what."""

    doomed: list[Doomed] = field(default_factory=list)

    def of(self, kind: Pruned) -> list[Doomed]:
        """Return what of a kind is to be cancelled."""
        return [one for one in self.doomed if one.kind is kind]


async def find_doomed(tx: Transaction, who: Principal, plan: Plan, scope: Scope) -> Pruning:
    """Find what is in the scope and no longer in the file.

    Raises:
        UnitNotFound, CycleNotFound: the scope names one that is not there.
    """
    within = await _within(tx, who, scope)
    codes = [key[0] for key in plan.objectives]
    named = _named(Objective, codes, codes)
    found = [await _objectives(tx, who, [*within, not_(named)])]
    kept = [*within, named]
    measured = ["/".join(key) for key in plan.key_results]
    named = _named(KeyResult, measured, [key[1] for key in plan.key_results])
    if "key_result" in plan.table.places:
        found.append(await _key_results(tx, who, [*kept, not_(named)]))
    if "action" in plan.table.places:
        keys = [short("/".join(key)) for key in plan.actions]
        done = _named(Action, keys, [key[2] for key in plan.actions])
        found.append(await _actions(tx, who, [*kept, named, not_(done)]))
    return Pruning([one for some in found for one in some])


def _named(
    model: type[Objective | KeyResult | Action], keys: Sequence[str], names: Iterable[str]
) -> ColumnElement[bool]:
    """Return the condition that the file names a thing: by its key, or by its id."""
    ids = named_ids(names)
    by_key = among(model.external_id, keys)
    return or_(by_key, among(model.id, ids)) if ids else by_key


async def _within(tx: Transaction, who: Principal, scope: Scope) -> list[ColumnElement[bool]]:
    units = [Ref(f"{EXTERNAL}{code}") for code in scope.units]
    periods = [Ref(code) for code in scope.cycles]
    named_units = await organisation.named_units(tx, who, units)
    named_cycles = await cycles.named_cycles(tx, who, periods)
    unit_ids = [named_units.id(ref, "scope") for ref in units]
    cycle_ids = [named_cycles.id(ref, "scope") for ref in periods]
    base = (
        select(Unit.id)
        .where(Unit.tenant_id == who.tenant_id, among(Unit.id, unit_ids))
        .cte("beneath", recursive=True)
    )
    child = aliased(Unit)
    below = select(child.id).where(child.tenant_id == who.tenant_id, child.parent_id == base.c.id)
    beneath = base.union(below)
    return [
        Objective.tenant_id == who.tenant_id,
        Objective.unit_id.in_(select(beneath.c.id)),
        among(Objective.cycle_id, cycle_ids),
        Objective.external_id.is_not(None),
        Objective.state.in_(_IN_FORCE),
        *alive(Objective),
        *objective_seen(who.sight),
    ]


async def _objectives(
    tx: Transaction, who: Principal, which: Sequence[ColumnElement[bool]]
) -> list[Doomed]:
    columns = (Objective.id, Objective.external_id, Objective.title)
    found = select(*columns).where(Objective.tenant_id == who.tenant_id, *which)
    rows = await tx.execute(found.order_by(Objective.external_id))
    return [Doomed(Pruned.OBJECTIVE, row[0], str(row[1]), row[2], None, row[0]) for row in rows]


async def _key_results(
    tx: Transaction, who: Principal, wanted: Sequence[ColumnElement[bool]]
) -> list[Doomed]:
    its = and_(Objective.tenant_id == who.tenant_id, Objective.id == KeyResult.objective_id)
    columns = (KeyResult.id, KeyResult.external_id, KeyResult.title)
    found = (
        select(*columns, KeyResult.id, KeyResult.objective_id)
        .join(Objective, its)
        .where(KeyResult.tenant_id == who.tenant_id, *alive(KeyResult), *wanted)
        .where(KeyResult.external_id.is_not(None))
    )
    rows = await tx.execute(found.order_by(KeyResult.external_id))
    return [Doomed(Pruned.KEY_RESULT, row[0], str(row[1]), *row[2:]) for row in rows]


async def _actions(
    tx: Transaction, who: Principal, wanted: Sequence[ColumnElement[bool]]
) -> list[Doomed]:
    tenant = who.tenant_id
    plan = and_(ActionPlan.tenant_id == tenant, ActionPlan.id == Action.action_plan_id)
    of = and_(KeyResult.tenant_id == tenant, KeyResult.id == ActionPlan.key_result_id)
    its = and_(Objective.tenant_id == tenant, Objective.id == KeyResult.objective_id)
    columns = (Action.id, Action.external_id, Action.title)
    found = (
        select(*columns, ActionPlan.key_result_id, KeyResult.objective_id)
        .join(ActionPlan, plan)
        .join(KeyResult, of)
        .join(Objective, its)
        .where(Action.tenant_id == tenant, IS_OPEN, *alive(KeyResult), *wanted)
        .where(Action.external_id.is_not(None))
    )
    rows = await tx.execute(found.order_by(Action.external_id))
    return [Doomed(Pruned.ACTION, row[0], str(row[1]), *row[2:]) for row in rows]


async def prune(tx: Transaction, who: Principal, pruning: Pruning) -> None:
    """Cancel what is no longer in the file; the caller holds it all.

    Raises:
        NotPermitted, CycleClosed, KeyResultIsFed, StateChangeNotAllowed.
    """
    ended = {one.id: _cancel_action for one in pruning.of(Pruned.ACTION)}
    for changed in (await actions.edit_actions(tx, who, ended)).values() if ended else ():
        raised(changed)
    for one in pruning.of(Pruned.KEY_RESULT):
        await key_results.delete_key_result(tx, who, one.id)
    cancelled = {one.id: ObjectiveEdit(_cancel) for one in pruning.of(Pruned.OBJECTIVE)}
    if cancelled:
        for outcome in (await objectives.edit_objectives(tx, who, cancelled)).values():
            raised(outcome)


def _cancel(present: NewObjective) -> NewObjective:
    return present.model_copy(update={"state": ObjectiveState.CANCELLED})


def _cancel_action(present: NewAction) -> NewAction:
    return present.model_copy(update={"state": ActionState.CANCELLED})

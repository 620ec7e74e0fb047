"""Doing what is planned for key results: actions, one or thousands."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, select

from okr_service.access.policy import Permission, Principal, require, require_for
from okr_service.actions.access import action_plan_seen, action_seen
from okr_service.actions.around import (
    Judged,
    Surroundings,
    Values,
    add_judged,
    owner_in,
    require_free,
    surroundings,
)
from okr_service.actions.errors import (
    ActionNotFound,
    ActionPlanFixed,
    ActionPlanNotFound,
)
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import ActionState, NewAction
from okr_service.audit.service import Change, record, record_all
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    NotFound,
    OkrError,
    attempt,
    raised,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Named, Versions, among
from okr_service.kernel.sql import load_sql
from okr_service.kernel.writes import (
    Edited,
    change_all,
    delete,
    differences,
    taken,
)
from okr_service.objectives.access import (
    require_plans,
)
from okr_service.objectives.holding import hold_key_result, hold_key_results
from okr_service.objectives.model import KeyResult
from okr_service.objectives.service import cycle_of
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

_SUM_UP = load_sql(__package__, "sum_up").bindparams(
    bindparam("tenant_id", type_=Uuid), bindparam("key_result_ids", type_=ARRAY(Uuid))
)


async def create_action(tx: Transaction, who: Principal, new: NewAction) -> Action:
    """Add a step to an action plan and roll it up.

    Raises:
        NotPermitted, ActionPlanNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        ExternalIdTaken.
    """
    for made in await create_actions(tx, who, [new]):
        row_id = raised(made)
    return await tx.get_one(Action, (who.tenant_id, row_id))


async def create_actions(
    tx: Transaction, who: Principal, batch: Sequence[NewAction]
) -> list[UUID | OkrError]:
    """Add steps to action plans at once; returns the id of each, or what is wrong with it.

    Raises:
        NotPermitted: the caller may add none at all.
    """
    require(who, Permission.PLAN)
    plans = await _plans(tx, who, (new.action_plan_id for new in batch))
    held = await hold_key_results(tx, who, {row.key_result_id for row in plans.by_id.values()})
    around = await surroundings(tx, who, held, batch)
    keys = await taken(tx, Action, who.tenant_id, (new.external_id for new in batch))
    judged = [attempt(partial(_new_action, who, around, plans, keys, new)) for new in batch]
    outcome = await add_judged(tx, who, Action, "action", judged)
    touched = {
        plans.of(new.action_plan_id).key_result_id
        for new, made in zip(batch, outcome, strict=True)
        if isinstance(made, UUID)
    }
    await _sum_up(tx, who, [row for row_id, row in held.items() if row_id in touched])
    return outcome


def _new_action(
    who: Principal, around: Surroundings, plans: "_Plans", keys: Collection[str], new: NewAction
) -> Judged:
    plan = plans.of(new.action_plan_id)
    held = around.key_results.get(plan.key_result_id)
    if held is None:  # its key result was deleted meanwhile
        raise ActionPlanNotFound(new.action_plan_id).at("/action_plan_id")
    owners = (held.objective_owner_id, held.owner_id, plan.owner_id)
    require_for(who, Permission.PLAN, held.unit_id, *owners)
    values = _action_values(around, new, around.open.cycle(held.cycle_id))
    require_free(new.external_id, keys)
    return {**values, "action_plan_id": plan.id}, held.objective_id


async def edit_action(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewAction], NewAction],
    expected: Versions = None,
) -> Action:
    """Change an action into what `edit` makes of it and roll it up.

    Raises:
        NotPermitted, ActionNotFound, VersionMismatch, ActionPlanFixed, PersonNotFound,
        CycleClosed, DateOutsideCycle, ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    plan_id, gone = await _plan_of(tx, who, ref), ActionNotFound(str(ref))
    key_result, _ = await _lock_key_result_of(tx, who, plan_id, gone)
    action = await _lock_action(tx, who, ref, key_result, expected)
    for changed in await _edit_held(tx, who, [(action, edit)]):
        raised(changed)
    return action


Edit = Callable[[NewAction], NewAction]


async def edit_actions(
    tx: Transaction, who: Principal, edits: Mapping[UUID, Edit]
) -> dict[UUID, Edited | OkrError]:
    """Change actions at once and roll them up; returns what changed, or what is wrong.

    The caller holds their key results.

    Raises:
        NotPermitted: the caller may edit none at all.
    """
    require(who, Permission.PLAN)
    of = (Action.tenant_id == who.tenant_id, among(Action.id, list(edits)))
    held = select(Action).where(*of, *action_seen(who.sight)).order_by(Action.id)
    fresh = held.with_for_update(key_share=True).execution_options(populate_existing=True)
    rows = {row.id: row for row in await tx.scalars(fresh)}
    outcome: dict[UUID, Edited | OkrError] = {
        row_id: ActionNotFound(str(row_id)) for row_id in edits if row_id not in rows
    }
    pairs = [(rows[row_id], edit) for row_id, edit in edits.items() if row_id in rows]
    for (row, _), changed in zip(pairs, await _edit_held(tx, who, pairs), strict=True):
        outcome[row.id] = changed
    return outcome


async def _edit_held(
    tx: Transaction, who: Principal, edits: Sequence[tuple[Action, Edit]]
) -> list[Edited | OkrError]:
    wanted = [attempt(partial(edit, _action_input(row))) for row, edit in edits]
    asked = [found for found in wanted if isinstance(found, NewAction)]
    own = {Ref(str(row.action_plan_id)) for row, _ in edits}
    plans = await _plans(tx, who, {*own, *(new.action_plan_id for new in asked)})
    held = await hold_key_results(tx, who, {row.key_result_id for row in plans.by_id.values()})
    around = await surroundings(tx, who, held, asked)
    changes = [
        found
        if isinstance(found, OkrError)
        else attempt(partial(_changes, who, around, plans, row, found))
        for (row, _), found in zip(edits, wanted, strict=True)
    ]
    kept = [
        (row, values)
        for (row, _), values in zip(edits, changes, strict=True)
        if isinstance(values, dict) and values
    ]
    before = await change_all(tx, kept)
    events = zip(kept, before, strict=True)
    await record_all(
        tx, who, [Change("updated", "action", row.id, old, new) for (row, new), old in events]
    )
    touched = {plans.by_id[row.action_plan_id].key_result_id for row, _ in kept}
    await _sum_up(tx, who, [row for row_id, row in held.items() if row_id in touched])
    told = iter(before)
    return [
        values if isinstance(values, OkrError) else Edited(next(told) if values else {}, values)
        for values in changes
    ]


def _changes(
    who: Principal, around: Surroundings, plans: "_Plans", action: Action, wanted: NewAction
) -> Values:
    plan = plans.by_id[action.action_plan_id]
    held = around.key_results[plan.key_result_id]
    owners = (held.objective_owner_id, held.owner_id, plan.owner_id)
    require_for(who, Permission.PLAN, held.unit_id, *owners, action.owner_id)
    if plans.of(wanted.action_plan_id).id != action.action_plan_id:
        raise ActionPlanFixed().at("/action_plan_id")
    values = _action_values(around, wanted, around.open.cycle(held.cycle_id), action)
    changes = differences(action, values)
    if "owner_id" in changes:
        require_for(who, Permission.PLAN, held.unit_id, *owners, owner_in(values))
    return changes


async def delete_action(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete an action and roll it up.

    Raises:
        NotPermitted, ActionNotFound, VersionMismatch, CycleClosed.
    """
    require(who, Permission.PLAN)
    plan_id, gone = await _plan_of(tx, who, ref), ActionNotFound(str(ref))
    key_result, _ = await _lock_key_result_of(tx, who, plan_id, gone)
    action = await _lock_action(tx, who, ref, key_result, expected)
    before = _action_input(action).model_dump(mode="json")
    await delete(tx, action)
    await record(tx, who, Change("deleted", "action", action.id, before))
    await _sum_up(tx, who, [key_result])


async def _sum_up(tx: Transaction, who: Principal, key_results: Sequence[KeyResult]) -> None:
    """Roll up the actions of key results that are held."""
    if not key_results:
        return
    was = {row.id: (row.objective_id, Contribution.of(row)) for row in key_results}
    of = {"tenant_id": who.tenant_id, "key_result_ids": sorted(was)}
    shifts = [
        Shift(*was[row.id], Contribution.measured(row.weight, row.progress))
        for row in await tx.execute(_SUM_UP, of)
    ]
    await rollup.propagate(tx, who.tenant_id, shifts)


@dataclass(frozen=True)
class _Plans:
    """Action plans by the references that name them."""

    named: Named
    by_id: Mapping[UUID, ActionPlan]

    def of(self, ref: Ref) -> ActionPlan:
        """Return the plan that a reference names; raises ActionPlanNotFound."""
        return self.by_id[self.named.id(ref, "/action_plan_id")]


async def _plans(tx: Transaction, who: Principal, refs: Iterable[Ref]) -> _Plans:
    seen = action_plan_seen(who.sight)
    wanted = set(refs)
    named = await references.name(tx, ActionPlan, who.tenant_id, wanted, ActionPlanNotFound, seen)
    of = (ActionPlan.tenant_id == who.tenant_id, among(ActionPlan.id, sorted(named.ids.values())))
    rows = (await tx.scalars(select(ActionPlan).where(*of))).all() if named.ids else []
    by_id = {row.id: row for row in rows}
    # A plan may go between the two.
    return _Plans(Named({r: i for r, i in named.ids.items() if i in by_id}, named.absent), by_id)


async def _lock_key_result_of(
    tx: Transaction, who: Principal, plan_id: UUID, absent: NotFound
) -> tuple[KeyResult, Cycle]:
    key_result_id = await tx.scalar(
        select(ActionPlan.key_result_id).where(
            ActionPlan.tenant_id == who.tenant_id, ActionPlan.id == plan_id
        )
    )
    if key_result_id is None:  # the plan was deleted since it was looked up
        raise absent
    key_result = await hold_key_result(tx, who, key_result_id)
    return key_result, await cycle_of(tx, who, key_result.objective_id)


async def _plan_of(tx: Transaction, who: Principal, ref: Ref | UUID) -> UUID:
    plan: UUID | None = await tx.scalar(
        select(Action.action_plan_id).where(
            references.identifies(Action, who.tenant_id, ref), *action_seen(who.sight)
        )
    )
    if plan is None:
        raise ActionNotFound(str(ref))
    return plan


async def _lock_action(
    tx: Transaction, who: Principal, ref: Ref | UUID, key_result: KeyResult, expected: Versions
) -> Action:
    async def permit(row: Action) -> None:
        await _require_plans(tx, who, key_result, row.action_plan_id, row.owner_id)

    absent, seen = ActionNotFound(str(ref)), action_seen(who.sight)
    return await references.lock(tx, Action, who.tenant_id, ref, absent, expected, seen, permit)


async def _require_plans(
    tx: Transaction, who: Principal, key_result: KeyResult, plan_id: UUID, *owners: UUID | None
) -> None:
    """Let a caller through who may plan the actions of a plan, or owns one; raises NotPermitted."""
    of = (ActionPlan.tenant_id == who.tenant_id, ActionPlan.id == plan_id)
    owner_id = await tx.scalar(select(ActionPlan.owner_id).where(*of))
    owned = (key_result.owner_id, owner_id, *owners)
    await require_plans(tx, who, key_result.objective_id, *owned)


def _action_values(
    around: Surroundings, new: NewAction, cycle: Cycle, present: Action | None = None
) -> Values:
    cycles.require_within(cycle, new.due_date, "/due_date")
    was_done_at = present.done_at if present else None
    is_done = new.state is ActionState.DONE
    return {
        "external_id": new.external_id,
        "title": new.title,
        "note": new.note,
        "owner_id": around.people.optional(new.owner_id, "/owner_id"),
        "due_date": new.due_date,
        "state": new.state.value,
        "weight": new.weight,
        "done_at": (was_done_at or datetime.now(UTC)) if is_done else None,
    }


def _action_input(action: Action) -> NewAction:
    return NewAction(
        external_id=action.external_id,
        action_plan_id=Ref(str(action.action_plan_id)),
        title=action.title,
        note=action.note,
        owner_id=references.ref(action.owner_id),
        due_date=action.due_date,
        state=ActionState(action.state),
        weight=action.weight,
    )

"""Planning what will be done for key results, and doing it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select

from okr_service.access.policy import Permission, Principal, require
from okr_service.actions.access import action_plan_seen, action_seen
from okr_service.actions.errors import (
    ActionNotFound,
    ActionPlanFixed,
    ActionPlanHasActions,
    ActionPlanNotFound,
    KeyResultFixed,
    PeriodEndsBeforeStart,
)
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import ActionState, NewAction, NewActionPlan
from okr_service.audit.service import Change, record
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, InvalidInput, NotFound
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Versions
from okr_service.kernel.sql import load_sql
from okr_service.kernel.writes import add, change, delete, differences
from okr_service.objectives.access import (
    key_result_seen,
    require_plans,
    require_plans_key_result,
)
from okr_service.objectives.errors import KeyResultNotFound
from okr_service.objectives.key_results import hold_key_result
from okr_service.objectives.model import KeyResult
from okr_service.objectives.service import cycle_of
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

_SUM_UP = load_sql(__package__, "sum_up").bindparams(
    bindparam("tenant_id", type_=Uuid), bindparam("key_result_id", type_=Uuid)
)


async def create_action_plan(tx: Transaction, who: Principal, new: NewActionPlan) -> ActionPlan:
    """Plan what will be done for a key result in a period.

    Raises:
        NotPermitted, KeyResultNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        PeriodEndsBeforeStart, ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    if new.key_result_id is None:
        raise InvalidInput([FieldError("/key_result_id", "required")])
    key_result_id = await _key_result_id(tx, who, new.key_result_id)
    await require_plans_key_result(tx, who, key_result_id)
    cycle = await _cycle(tx, who, key_result_id)
    values = await _plan_values(tx, who, new, cycle) | {"key_result_id": key_result_id}
    plan = ActionPlan(tenant_id=who.tenant_id, **values)
    await add(tx, plan)
    await record(tx, who, Change("created", "action_plan", plan.id, after=values))
    return plan


async def edit_action_plan(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewActionPlan], NewActionPlan],
    expected: Versions = None,
) -> ActionPlan:
    """Change an action plan into what `edit` makes of it.

    Raises:
        NotPermitted, ActionPlanNotFound, VersionMismatch, KeyResultFixed, PersonNotFound,
        CycleClosed, DateOutsideCycle, PeriodEndsBeforeStart, ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    plan = await _lock_plan(tx, who, ref, expected)
    cycle = await _cycle(tx, who, plan.key_result_id)
    wanted = edit(_plan_input(plan))
    if wanted.key_result_id is not None and (
        await _key_result_id(tx, who, wanted.key_result_id) != plan.key_result_id
    ):
        raise KeyResultFixed().at("/key_result_id")
    values = await _plan_values(tx, who, wanted, cycle)
    changes = differences(plan, values)
    if "owner_id" in changes:
        await require_plans_key_result(tx, who, plan.key_result_id, _owner(values))
    if changes:
        before = await change(tx, plan, changes)
        await record(tx, who, Change("updated", "action_plan", plan.id, before, changes))
    return plan


async def delete_action_plan(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete an action plan that has no actions.

    Raises:
        NotPermitted, ActionPlanNotFound, VersionMismatch, CycleClosed, ActionPlanHasActions.
    """
    require(who, Permission.PLAN)
    plan = await _lock_plan(tx, who, ref, expected)
    await _cycle(tx, who, plan.key_result_id)
    actions = select(func.count()).where(
        Action.tenant_id == who.tenant_id, Action.action_plan_id == plan.id
    )
    if await tx.scalar(actions):
        raise ActionPlanHasActions
    before = _plan_input(plan).model_dump(mode="json")
    await delete(tx, plan)
    await record(tx, who, Change("deleted", "action_plan", plan.id, before))


async def create_action(tx: Transaction, who: Principal, new: NewAction) -> Action:
    """Add a step to an action plan and roll it up.

    Raises:
        NotPermitted, ActionPlanNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        ExternalIdTaken.
    """
    require(who, Permission.PLAN)
    absent = ActionPlanNotFound(new.action_plan_id).at("/action_plan_id")
    plan = await _plan_id(tx, who, new.action_plan_id, absent)
    key_result, cycle = await _lock_key_result_of(tx, who, plan, absent)
    await _require_plans(tx, who, key_result, plan)
    values = await _action_values(tx, who, new, cycle) | {"action_plan_id": plan}
    action = Action(tenant_id=who.tenant_id, **values)
    await add(tx, action)
    await record(tx, who, Change("created", "action", action.id, after=values))
    await _sum_up(tx, who, key_result)
    return action


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
    key_result, cycle = await _lock_key_result_of(tx, who, plan_id, gone)
    action = await _lock_action(tx, who, ref, key_result, expected)
    wanted = edit(_action_input(action))
    absent = ActionPlanNotFound(wanted.action_plan_id).at("/action_plan_id")
    plan = await _plan_id(tx, who, wanted.action_plan_id, absent)
    if plan != action.action_plan_id:
        raise ActionPlanFixed().at("/action_plan_id")
    values = await _action_values(tx, who, wanted, cycle, action)
    changes = differences(action, values)
    if "owner_id" in changes:
        await _require_plans(tx, who, key_result, plan, _owner(values))
    if changes:
        before = await change(tx, action, changes)
        await record(tx, who, Change("updated", "action", action.id, before, changes))
        await _sum_up(tx, who, key_result)
    return action


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
    await _sum_up(tx, who, key_result)


async def _sum_up(tx: Transaction, who: Principal, key_result: KeyResult) -> None:
    was = Contribution.of(key_result)
    of = {"tenant_id": who.tenant_id, "key_result_id": key_result.id}
    weight, progress = (await tx.execute(_SUM_UP, of)).one()
    now = Contribution.measured(weight, progress)
    await rollup.propagate(tx, who.tenant_id, [Shift(key_result.objective_id, was, now)])


async def _key_result_id(tx: Transaction, who: Principal, ref: Ref) -> UUID:
    absent, seen = KeyResultNotFound(ref).at("/key_result_id"), key_result_seen(who.sight)
    return await references.resolve(tx, KeyResult, who.tenant_id, ref, absent, seen)


async def _plan_id(tx: Transaction, who: Principal, ref: Ref, absent: NotFound) -> UUID:
    seen = action_plan_seen(who.sight)
    return await references.resolve(tx, ActionPlan, who.tenant_id, ref, absent, seen)


async def _cycle(tx: Transaction, who: Principal, key_result_id: UUID) -> Cycle:
    objective = await tx.scalar(
        select(KeyResult.objective_id).where(
            KeyResult.tenant_id == who.tenant_id, KeyResult.id == key_result_id
        )
    )
    assert objective is not None, "every key result has an objective"
    return await cycle_of(tx, who, objective)


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


async def _lock_plan(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> ActionPlan:
    async def permit(row: ActionPlan) -> None:
        await require_plans_key_result(tx, who, row.key_result_id, row.owner_id)

    absent, seen = ActionPlanNotFound(str(ref)), action_plan_seen(who.sight)
    return await references.lock(tx, ActionPlan, who.tenant_id, ref, absent, expected, seen, permit)


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


def _owner(values: Mapping[str, object]) -> UUID | None:
    owner = values["owner_id"]
    assert owner is None or isinstance(owner, UUID)
    return owner


async def _plan_values(
    tx: Transaction, who: Principal, new: NewActionPlan, cycle: Cycle
) -> dict[str, object]:
    if new.end_date < new.start_date:
        raise PeriodEndsBeforeStart().at("/end_date")
    cycles.require_within(cycle, new.start_date, "/start_date")
    cycles.require_within(cycle, new.end_date, "/end_date")
    return {
        "external_id": new.external_id,
        "title": new.title,
        "expected_result": new.expected_result,
        "owner_id": await organisation.person_id(tx, who, new.owner_id, "/owner_id"),
        "start_date": new.start_date,
        "end_date": new.end_date,
    }


def _plan_input(plan: ActionPlan) -> NewActionPlan:
    return NewActionPlan(
        external_id=plan.external_id,
        key_result_id=Ref(str(plan.key_result_id)),
        title=plan.title,
        expected_result=plan.expected_result,
        owner_id=references.ref(plan.owner_id),
        start_date=plan.start_date,
        end_date=plan.end_date,
    )


async def _action_values(
    tx: Transaction, who: Principal, new: NewAction, cycle: Cycle, present: Action | None = None
) -> dict[str, object]:
    cycles.require_within(cycle, new.due_date, "/due_date")
    was_done_at = present.done_at if present else None
    is_done = new.state is ActionState.DONE
    return {
        "external_id": new.external_id,
        "title": new.title,
        "note": new.note,
        "owner_id": await organisation.person_id(tx, who, new.owner_id, "/owner_id"),
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

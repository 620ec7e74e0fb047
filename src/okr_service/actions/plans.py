"""Planning what will be done for key results: action plans, one or many."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import func, select

from okr_service.access.policy import Permission, Principal, require, require_for
from okr_service.actions.access import action_plan_seen
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
    ActionPlanHasActions,
    ActionPlanNotFound,
    KeyResultFixed,
    PeriodEndsBeforeStart,
)
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import NewActionPlan
from okr_service.audit.service import Change, record
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    FieldError,
    InvalidInput,
    OkrError,
    attempt,
    raised,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Named, Versions
from okr_service.kernel.writes import (
    change,
    delete,
    differences,
    taken,
)
from okr_service.objectives.access import (
    key_result_seen,
    require_plans_key_result,
)
from okr_service.objectives.errors import KeyResultNotFound
from okr_service.objectives.model import KeyResult
from okr_service.objectives.service import cycle_of


async def create_action_plan(tx: Transaction, who: Principal, new: NewActionPlan) -> ActionPlan:
    """Plan what will be done for a key result in a period.

    Raises:
        NotPermitted, KeyResultNotFound, PersonNotFound, CycleClosed, DateOutsideCycle,
        PeriodEndsBeforeStart, ExternalIdTaken.
    """
    for made in await create_action_plans(tx, who, [new]):
        row_id = raised(made)
    return await tx.get_one(ActionPlan, (who.tenant_id, row_id))


async def create_action_plans(
    tx: Transaction, who: Principal, batch: Sequence[NewActionPlan]
) -> list[UUID | OkrError]:
    """Plan at once what will be done; returns the id of each plan, or what is wrong with it.

    Raises:
        NotPermitted: the caller may plan nothing at all.
    """
    require(who, Permission.PLAN)
    refs = [new.key_result_id for new in batch]
    seen = key_result_seen(who.sight)
    named = await references.name(tx, KeyResult, who.tenant_id, refs, KeyResultNotFound, seen)
    around = await surroundings(tx, who, set(named.ids.values()), batch)
    keys = await taken(tx, ActionPlan, who.tenant_id, (new.external_id for new in batch))
    judged = [attempt(partial(_new_plan, who, around, named, keys, new)) for new in batch]
    return await add_judged(tx, who, ActionPlan, "action_plan", judged)


def _new_plan(
    who: Principal, around: Surroundings, named: Named, keys: Collection[str], new: NewActionPlan
) -> Judged:
    if new.key_result_id is None:
        raise InvalidInput([FieldError("/key_result_id", "required")])
    held = around.key_results[named.id(new.key_result_id, "/key_result_id")]
    require_for(who, Permission.PLAN, held.unit_id, held.objective_owner_id, held.owner_id)
    values = _plan_values(around, new, around.open.cycle(held.cycle_id))
    require_free(new.external_id, keys)
    return {**values, "key_result_id": held.id}, held.objective_id


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
    around = await surroundings(tx, who, [plan.key_result_id], [wanted])
    values = _plan_values(around, wanted, cycle)
    changes = differences(plan, values)
    if "owner_id" in changes:
        await require_plans_key_result(tx, who, plan.key_result_id, owner_in(values))
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


async def _key_result_id(tx: Transaction, who: Principal, ref: Ref) -> UUID:
    absent, seen = KeyResultNotFound(ref).at("/key_result_id"), key_result_seen(who.sight)
    return await references.resolve(tx, KeyResult, who.tenant_id, ref, absent, seen)


async def _cycle(tx: Transaction, who: Principal, key_result_id: UUID) -> Cycle:
    objective = await tx.scalar(
        select(KeyResult.objective_id).where(
            KeyResult.tenant_id == who.tenant_id, KeyResult.id == key_result_id
        )
    )
    assert objective is not None, "every key result has an objective"
    return await cycle_of(tx, who, objective)


async def _lock_plan(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> ActionPlan:
    async def permit(row: ActionPlan) -> None:
        await require_plans_key_result(tx, who, row.key_result_id, row.owner_id)

    absent, seen = ActionPlanNotFound(str(ref)), action_plan_seen(who.sight)
    return await references.lock(tx, ActionPlan, who.tenant_id, ref, absent, expected, seen, permit)


def _plan_values(around: Surroundings, new: NewActionPlan, cycle: Cycle) -> Values:
    if new.end_date < new.start_date:
        raise PeriodEndsBeforeStart().at("/end_date")
    cycles.require_within(cycle, new.start_date, "/start_date")
    cycles.require_within(cycle, new.end_date, "/end_date")
    return {
        "external_id": new.external_id,
        "title": new.title,
        "expected_result": new.expected_result,
        "owner_id": around.people.optional(new.owner_id, "/owner_id"),
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

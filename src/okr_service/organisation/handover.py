"""Who takes over what a person is still at, once they leave or hand it over.

That is: objectives that are drafts or active, their key results, the action plans that have
not ended and the actions not done, all in open cycles. What is over keeps its owner, for that
is who answered for it; the units that a person leads are for HR to give to somebody else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Select,
    Uuid,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
)

from okr_service.access.policy import Permission, Principal, require
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import IS_OPEN
from okr_service.audit.service import Change, record_all
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import places
from okr_service.kernel.references import Versions, alive, among
from okr_service.kernel.writes import change_all
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation.errors import CannotTakeOver, NobodyTakesOver, PersonNotFound
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import HandedOver

_Owned = TypeVar("_Owned", KeyResult, ActionPlan, Action, Objective)


async def hand_over(
    tx: Transaction, who: Principal, ref: Ref | UUID, to: Ref | None, expected: Versions = None
) -> HandedOver:
    """Give what a person is still at to another, or where none is named to who leads them.

    Raises:
        NotPermitted, PersonNotFound, VersionMismatch, CannotTakeOver, NobodyTakesOver.
    """
    require(who, Permission.EDIT_PEOPLE)
    absent = PersonNotFound(str(ref))
    person = await references.lock(tx, Person, who.tenant_id, ref, absent, expected)
    if to is not None:
        successor = await _named(tx, who, to, person.id)
    elif (leader := await _leader(tx, who.tenant_id, person.unit_id, person.id)) is not None:
        successor = leader
    else:
        raise NobodyTakesOver
    return await _give(tx, who, person.id, successor)


async def hand_over_to_leader(
    tx: Transaction, who: Principal, person_id: UUID, unit_id: UUID | None
) -> None:
    """Give what somebody of a unit was still at to who leads that; with nobody, it stays theirs."""
    successor = await _leader(tx, who.tenant_id, unit_id, person_id)
    if successor is not None:
        await _give(tx, who, person_id, successor)


async def _named(tx: Transaction, who: Principal, to: Ref, giver: UUID) -> UUID:
    named = select(Person.id, Person.active).where(references.identifies(Person, who.tenant_id, to))
    found = (await tx.execute(named)).one_or_none()
    if found is None:
        raise PersonNotFound(to).at("/to_id")
    if not found.active or found.id == giver:
        raise CannotTakeOver().at("/to_id")
    successor: UUID = found.id
    return successor


async def _leader(tx: Transaction, tenant_id: UUID, unit_id: UUID | None, but: UUID) -> UUID | None:
    """Return who leads a unit, or the nearest above it: somebody else who is still there."""
    if unit_id is None:
        return None
    line = (await places(tx, Unit, tenant_id, [(None, unit_id)])).lines[unit_id]
    led = (
        select(Unit.id, Unit.manager_id)
        .join(Person, and_(Person.tenant_id == tenant_id, Person.id == Unit.manager_id))
        .where(Unit.tenant_id == tenant_id, among(Unit.id, line), Person.active, Person.id != but)
    )
    leaders = {row.id: row.manager_id for row in await tx.execute(led)}
    return next((leaders[one] for one in line if one in leaders), None)


async def _give(tx: Transaction, who: Principal, giver: UUID, successor: UUID) -> HandedOver:
    """Change the owner of all that is still open, locked in the order of all (see the rollup)."""
    change = {"owner_id": successor}
    tenant_id, given = who.tenant_id, {}
    asked: dict[str, Select[Any]] = {  # of one kind of row each
        "key_result": _key_results(tenant_id, giver),
        "action_plan": _plans(tenant_id, giver),
        "action": _actions(tenant_id, giver),
        "objective": await _objectives(tx, tenant_id, giver),
    }
    for subject, owned in asked.items():
        rows = await _held(tx, owned)
        before = await change_all(tx, [(row, change) for row in rows])
        changed = zip(rows, before, strict=True)
        await record_all(
            tx, who, (Change("updated", subject, row.id, was, change) for row, was in changed)
        )
        given[f"{subject}s"] = len(rows)
    return HandedOver(to_id=successor, **given)


async def _held(tx: Transaction, asked: Select[_Owned]) -> Sequence[_Owned]:
    model = asked.column_descriptions[0]["entity"]
    held = asked.with_for_update(key_share=True, of=model)
    return (await tx.scalars(held.execution_options(populate_existing=True))).all()


def _key_results(tenant_id: UUID, owner_id: UUID) -> Select[KeyResult]:
    owned = select(KeyResult).where(KeyResult.owner_id == owner_id).order_by(KeyResult.id)
    return _of_objectives(tenant_id, owned)


def _plans(tenant_id: UUID, owner_id: UUID) -> Select[ActionPlan]:
    to_do = exists().where(
        Action.tenant_id == tenant_id, Action.action_plan_id == ActionPlan.id, IS_OPEN
    )
    owned = select(ActionPlan).where(
        ActionPlan.owner_id == owner_id,
        or_(ActionPlan.end_date >= datetime.now(UTC).date(), to_do),
    )
    return _of_key_results(tenant_id, owned.order_by(ActionPlan.id))


def _actions(tenant_id: UUID, owner_id: UUID) -> Select[Action]:
    of_plan = and_(ActionPlan.tenant_id == tenant_id, ActionPlan.id == Action.action_plan_id)
    owned = select(Action).join(ActionPlan, of_plan)
    owned = owned.where(Action.tenant_id == tenant_id, Action.owner_id == owner_id, IS_OPEN)
    return _of_key_results(tenant_id, owned.order_by(Action.id))


async def _objectives(tx: Transaction, tenant_id: UUID, owner_id: UUID) -> Select[Objective]:
    owned = _of_cycles(tenant_id, select(Objective).where(Objective.owner_id == owner_id))
    ids = (await tx.scalars(owned.with_only_columns(Objective.id).order_by(Objective.id))).all()
    lines = (await places(tx, Objective, tenant_id, [(None, row_id) for row_id in ids])).lines
    deepest_first = sorted(ids, key=lambda row_id: -len(lines[row_id]))
    place = func.array_position(literal(deepest_first, ARRAY(Uuid())), Objective.id)
    return owned.where(among(Objective.id, deepest_first)).order_by(place)


def _of_key_results(tenant_id: UUID, asked: Select[_Owned]) -> Select[_Owned]:
    """Keep those of plans of key results that are still pursued."""
    of_plan = and_(KeyResult.tenant_id == tenant_id, KeyResult.id == ActionPlan.key_result_id)
    return _of_objectives(
        tenant_id, asked.join(KeyResult, of_plan).where(ActionPlan.tenant_id == tenant_id)
    )


def _of_objectives(tenant_id: UUID, asked: Select[_Owned]) -> Select[_Owned]:
    of = and_(Objective.tenant_id == tenant_id, Objective.id == KeyResult.objective_id)
    there = (KeyResult.tenant_id == tenant_id, *alive(KeyResult))
    return _of_cycles(tenant_id, asked.join(Objective, of).where(*there))


def _of_cycles(tenant_id: UUID, asked: Select[_Owned]) -> Select[_Owned]:
    of = and_(Cycle.tenant_id == tenant_id, Cycle.id == Objective.cycle_id, Cycle.state == "open")
    pursued = Objective.state.in_(("draft", "active"))
    there = (Objective.tenant_id == tenant_id, pursued, *alive(Objective))
    return asked.join(Cycle, of).where(*there)

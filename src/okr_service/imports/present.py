"""What is there already of what a file speaks of, as the file would say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Text, and_, cast, func, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.actions.access import action_seen
from okr_service.actions.model import Action, ActionPlan
from okr_service.cycles.model import Cycle
from okr_service.imports.ids import named_id, named_ids
from okr_service.kernel.database import Transaction
from okr_service.kernel.references import alive, among
from okr_service.objectives.access import key_result_seen, objective_seen
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.organisation.model import Person, Unit


@dataclass(frozen=True)
class Present:
    """A thing that is there: its id, what it belongs to, and its fields as a file has them."""

    id: UUID
    within: UUID | None
    fields: Mapping[str, object]
    plan: dict[date, Decimal] = field(default_factory=dict)


_OWNER = func.coalesce(Person.external_id, Person.email, Person.name)


async def present_objectives(
    tx: Transaction, who: Principal, codes: Sequence[str]
) -> dict[str, Present]:
    """Return objectives that the caller sees, by code; each is within its parent."""
    found = await _objectives(tx, who, among(Objective.external_id, codes))
    present = {str(row["external_id"]): one for row, one in found}
    if ids := named_ids(code for code in codes if code not in present):
        found = await _objectives(tx, who, among(Objective.id, ids))
        present |= {str(one.id): one for _, one in found}
    return present


async def _objectives(
    tx: Transaction, who: Principal, named: ColumnElement[bool]
) -> list[tuple[RowMapping, Present]]:
    tenant, above = who.tenant_id, aliased(Objective)
    seen_above = objective_seen(who.sight, above)
    found = (
        select(
            Objective.id,
            Objective.parent_id,
            Objective.external_id,
            Objective.title,
            Objective.description,
            Objective.weight,
            Objective.ambition,
            Unit.external_id.label("unit_id"),
            Cycle.code.label("cycle_id"),
            func.coalesce(above.external_id, cast(above.id, Text)).label("parent_code"),
            Objective.owner_id.label("owner"),
            _OWNER.label("owner_id"),
        )
        .join(Unit, and_(Unit.tenant_id == tenant, Unit.id == Objective.unit_id))
        .join(Cycle, and_(Cycle.tenant_id == tenant, Cycle.id == Objective.cycle_id))
        .outerjoin(
            above, and_(above.tenant_id == tenant, above.id == Objective.parent_id, *seen_above)
        )
        .outerjoin(Person, and_(Person.tenant_id == tenant, Person.id == Objective.owner_id))
        .where(Objective.tenant_id == tenant, named)
        .where(*alive(Objective), *objective_seen(who.sight))
    )
    return [
        (row, Present(row["id"], row["parent_id"], {**row, "parent_id": row["parent_code"]}))
        for row in (await tx.execute(found)).mappings()
    ]


async def present_key_results(
    tx: Transaction, who: Principal, keys: Sequence[str], *, planned: bool
) -> dict[str, Present]:
    """Return key results that the caller sees, by key, with their plans where wanted."""
    named = among(KeyResult.external_id, keys)
    found = await _key_results(tx, who, named, planned=planned)
    present = {str(one.fields["external_id"]): one for one in found}
    by_id = {named_id(key.rpartition("/")[2]): key for key in keys if key not in present}
    if ids := [row_id for row_id in by_id if row_id is not None]:
        found = await _key_results(tx, who, among(KeyResult.id, ids), planned=planned)
        present |= {by_id[one.id]: one for one in found if _is_of(by_id[one.id], one)}
    return present


def _is_of(key: str, key_result: Present) -> bool:
    """Say whether a key names the objective of a key result, before the key result's id."""
    code = key.rpartition("/")[0]
    return code in (key_result.fields["objective"], str(key_result.within))


async def _key_results(
    tx: Transaction, who: Principal, named: ColumnElement[bool], *, planned: bool
) -> list[Present]:
    tenant = who.tenant_id
    its = (Objective.tenant_id == tenant, Objective.id == KeyResult.objective_id)
    found = (
        select(
            KeyResult.id,
            KeyResult.objective_id,
            select(Objective.external_id).where(*its).scalar_subquery().label("objective"),
            KeyResult.external_id,
            KeyResult.title,
            KeyResult.description,
            KeyResult.metric,
            KeyResult.unit_of_measure,
            KeyResult.start_value,
            KeyResult.target_value,
            KeyResult.target_max,
            KeyResult.weight,
            KeyResult.due_date,
            KeyResult.current_value,
            KeyResult.owner_id.label("owner"),
            _OWNER.label("owner_id"),
        )
        .outerjoin(Person, and_(Person.tenant_id == tenant, Person.id == KeyResult.owner_id))
        .where(KeyResult.tenant_id == tenant, named)
        .where(*alive(KeyResult), *key_result_seen(who.sight))
    )
    rows = (await tx.execute(found)).mappings().all()
    plans = await _plans(tx, who, [row["id"] for row in rows]) if planned else {}
    return [
        Present(row["id"], row["objective_id"], dict(row), plans.get(row["id"], {})) for row in rows
    ]


async def _plans(
    tx: Transaction, who: Principal, ids: Sequence[UUID]
) -> dict[UUID, dict[date, Decimal]]:
    of = (PlannedValue.tenant_id == who.tenant_id, among(PlannedValue.key_result_id, ids))
    if not ids:
        return {}
    days, values = func.array_agg(PlannedValue.on_date), func.array_agg(PlannedValue.value)
    plans = select(PlannedValue.key_result_id, days, values).where(*of)
    rows = await tx.execute(plans.group_by(PlannedValue.key_result_id))
    return {row_id: dict(zip(*plan, strict=True)) for row_id, *plan in rows}


async def present_actions(
    tx: Transaction, who: Principal, keys: Sequence[str]
) -> dict[str, Present]:
    """Return actions that the caller sees, by external id; each is within its key result."""
    found = await _actions(tx, who, among(Action.external_id, keys))
    return {str(one.fields["external_id"]): one for one in found}


async def actions_by_id(
    tx: Transaction, who: Principal, ids: Sequence[UUID]
) -> dict[UUID, Present]:
    """Return actions that the caller sees, by id; each is within its key result."""
    return {one.id: one for one in await _actions(tx, who, among(Action.id, ids))}


async def _actions(tx: Transaction, who: Principal, named: ColumnElement[bool]) -> list[Present]:
    tenant = who.tenant_id
    found = (
        select(
            Action.id,
            ActionPlan.key_result_id,
            Action.external_id,
            Action.title,
            Action.note,
            Action.due_date,
            Action.state,
            Action.weight,
            Action.owner_id.label("owner"),
            _OWNER.label("owner_id"),
        )
        .join(
            ActionPlan, and_(ActionPlan.tenant_id == tenant, ActionPlan.id == Action.action_plan_id)
        )
        .outerjoin(Person, and_(Person.tenant_id == tenant, Person.id == Action.owner_id))
        .where(Action.tenant_id == tenant, named)
        .where(*action_seen(who.sight))
    )
    return [
        Present(row["id"], row["key_result_id"], dict(row))
        for row in (await tx.execute(found)).mappings()
    ]


async def present_action_plans(
    tx: Transaction, who: Principal, keys: Sequence[str]
) -> dict[str, UUID]:
    """Return the ids of action plans, by external id."""
    of = (ActionPlan.tenant_id == who.tenant_id, among(ActionPlan.external_id, keys))
    rows = await tx.execute(select(ActionPlan.external_id, ActionPlan.id).where(*of))
    return {str(key): row_id for key, row_id in rows}

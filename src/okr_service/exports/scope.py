"""Which objectives an export is of."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.exports.shapes import Scope
from okr_service.kernel.database import Reading
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import among, name
from okr_service.objectives.model import Objective
from okr_service.organisation.errors import UnitNotFound
from okr_service.organisation.model import Unit


async def within(tx: Reading, who: Principal, scope: Scope) -> list[ColumnElement[bool]]:
    """Return the conditions that objectives are in a scope, as it is now.

    Raises:
        UnitNotFound, CycleNotFound: a list would be empty; a file would be taken for the answer.
    """
    conditions: list[ColumnElement[bool]] = []
    if scope.unit_id:
        conditions.append(among(Objective.unit_id, await units_of(tx, who, scope.unit_id)))
    if scope.cycle_id:
        named = await name(tx, Cycle, who.tenant_id, scope.cycle_id, CycleNotFound)
        ids = [named.id(ref, "/cycle_id") for ref in scope.cycle_id]
        conditions.append(among(Objective.cycle_id, ids))
    if scope.state:
        conditions.append(Objective.state.in_(scope.state))
    return conditions


async def units_of(tx: Reading, who: Principal, refs: Sequence[Ref]) -> list[UUID]:
    """Return the units that references name, and all beneath them.

    Raises:
        UnitNotFound.
    """
    named = await name(tx, Unit, who.tenant_id, refs, UnitNotFound)
    at_top = [named.id(ref, "/unit_id") for ref in refs]
    of = (Unit.tenant_id == who.tenant_id, among(Unit.id, at_top))
    unit = select(Unit.id).where(*of).cte("unit", recursive=True)
    child = aliased(Unit)
    below = select(child.id).where(child.tenant_id == who.tenant_id, child.parent_id == unit.c.id)
    return [row_id for (row_id,) in await tx.execute(select(unit.union(below).c.id))]

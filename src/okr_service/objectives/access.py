"""What of the objectives, and of what hangs from them, a caller sees and may plan.

A private objective is seen, with all that hangs from it, by those whose sight covers its
unit or owner (`access.policy`). Whoever owns an objective or leads its unit plans what
hangs from it; whoever owns a part plans that part.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, not_, or_, select
from sqlalchemy.orm import aliased

from okr_service.access.policy import Permission, Principal, require_for
from okr_service.kernel.database import Transaction
from okr_service.kernel.reach import Reach
from okr_service.objectives.model import KeyResult, Objective

Tenants = SQLColumnExpression[UUID]  # the column of a row's tenant
Link = SQLColumnExpression[UUID] | SQLColumnExpression[UUID | None]


def objective_seen(
    sight: Reach, objective: type[Objective] = Objective
) -> list[ColumnElement[bool]]:
    """Return the conditions that an objective is seen."""
    if sight.everything:
        return []
    within = sight.condition(objective.unit_id, objective.owner_id)
    return [or_(not_(objective.private), within)]


def key_result_seen(sight: Reach) -> list[ColumnElement[bool]]:
    """Return the conditions that a key result is seen: its objective is."""
    if sight.everything:
        return []
    # Looked up for each row, not joined: a page must not read all objectives there are.
    of = aliased(Objective)
    seen = select(and_(*objective_seen(sight, of))).where(
        of.tenant_id == KeyResult.tenant_id, of.id == KeyResult.objective_id
    )
    return [seen.scalar_subquery()]


def of_key_result_seen(
    sight: Reach, tenant_id: Tenants, key_result_id: Link
) -> list[ColumnElement[bool]]:
    """Return the conditions that what hangs from a key result is seen, deleted or not."""
    if sight.everything:
        return []
    of, objective = aliased(KeyResult), aliased(Objective)
    seen = (
        select(and_(*objective_seen(sight, objective)))
        .join(of, and_(of.tenant_id == objective.tenant_id, of.objective_id == objective.id))
        .where(of.tenant_id == tenant_id, of.id == key_result_id)
    )
    return [seen.scalar_subquery()]


def seen_link(
    who: Principal, link: SQLColumnExpression[UUID | None]
) -> SQLColumnExpression[UUID | None]:
    """Return a link to another objective, null where that is not seen: it is not to be guessed."""
    if who.sight.everything:
        return link
    to = aliased(Objective)
    named = select(to.id).where(
        to.tenant_id == Objective.tenant_id, to.id == link, *objective_seen(who.sight, to)
    )
    return named.scalar_subquery()


async def unseen_objective(
    tx: Transaction, who: Principal, objective_id: UUID | None
) -> UUID | None:
    """Return a link to an objective where the caller does not see that, else None.

    To them it is null, so a null of theirs leaves it as it is.
    """
    return await _unless_seen(tx, who, Objective, objective_id, objective_seen(who.sight))


async def unseen_key_result(
    tx: Transaction, who: Principal, key_result_id: UUID | None
) -> UUID | None:
    """Return a link to a key result where the caller does not see that, else None."""
    return await _unless_seen(tx, who, KeyResult, key_result_id, key_result_seen(who.sight))


async def _unless_seen(
    tx: Transaction,
    who: Principal,
    model: type[Objective | KeyResult],
    row_id: UUID | None,
    seen: list[ColumnElement[bool]],
) -> UUID | None:
    if row_id is None or not seen:
        return None
    named = select(model.id).where(model.tenant_id == who.tenant_id, model.id == row_id, *seen)
    return row_id if await tx.scalar(named) is None else None


async def require_plans(
    tx: Transaction,
    who: Principal,
    objective_id: UUID,
    *owners: UUID | None,
) -> None:
    """Let a caller through who may plan what hangs from an objective and has these owners too.

    Raises:
        NotPermitted: the caller may not.
    """
    if who.reach(Permission.PLAN).everything:
        return
    of = (Objective.tenant_id == who.tenant_id, Objective.id == objective_id)
    found = await tx.execute(select(Objective.unit_id, Objective.owner_id).where(*of))
    unit_id, owner_id = found.one()
    require_for(who, Permission.PLAN, unit_id, owner_id, *owners)


async def require_plans_key_result(
    tx: Transaction, who: Principal, key_result_id: UUID, *owners: UUID | None
) -> None:
    """Let a caller through who may plan what hangs from a key result and has these owners too.

    Raises:
        NotPermitted: the caller may not.
    """
    if who.reach(Permission.PLAN).everything:
        return
    of = (KeyResult.tenant_id == who.tenant_id, KeyResult.id == key_result_id)
    found = await tx.execute(select(KeyResult.objective_id, KeyResult.owner_id).where(*of))
    objective_id, owner_id = found.one()
    await require_plans(tx, who, objective_id, owner_id, *owners)

"""What the tables hold: the figures, and what they are to be worked out from."""

from decimal import Decimal
from fractions import Fraction
from typing import overload
from uuid import UUID

from sqlalchemy import select
from tests.audit.walked import assert_chained
from tests.rollup import exact

from okr_service.actions.model import Action, ActionPlan
from okr_service.checkins.model import CheckIn
from okr_service.kernel.database import Database, Reading
from okr_service.objectives.model import KeyResult, Objective
from okr_service.rollup.model import ProgressOnDay
from okr_service.rollup.service import verify


async def figures(tx: Reading, tenant_id: UUID) -> exact.Figures:
    """Return the stored figures of all that is not deleted."""
    k, o = KeyResult.__table__.c, Objective.__table__.c
    key_results = await tx.execute(
        select(
            k.id, k.current_value, k.action_weight, k.done_weight, k.raw_progress, k.progress
        ).where(k.tenant_id == tenant_id, k.deleted_at.is_(None))
    )
    objectives = await tx.execute(
        select(o.id, o.weight_sum, o.progress_sum, o.progress).where(
            o.tenant_id == tenant_id, o.deleted_at.is_(None)
        )
    )
    found: exact.Figures = {}
    for row in key_results:
        found[row[0]] = exact.KeyResultFigures(
            _exact(row[1]), *(Fraction(figure) for figure in row[2:])
        )
    for row_id, weight, total, progress in objectives:
        found[row_id] = exact.ObjectiveFigures(Fraction(weight), Fraction(total), _exact(progress))
    return found


async def forest(tx: Reading, tenant_id: UUID) -> exact.Forest:
    """Return what the figures are to be worked out from."""
    found = exact.Forest()
    o, k = Objective.__table__.c, KeyResult.__table__.c
    for row in await tx.execute(
        select(o.id, o.parent_id, o.weight, o.state, o.deleted_at).where(o.tenant_id == tenant_id)
    ):
        found.objectives[row.id] = exact.Objective(
            row.parent_id, Fraction(row.weight), row.state, row.deleted_at is not None
        )
    for row in await tx.execute(select(KeyResult.__table__).where(k.tenant_id == tenant_id)):
        found.key_results[row.id] = exact.KeyResult(
            row.objective_id,
            Fraction(row.weight),
            row.metric,
            _exact(row.start_value),
            _exact(row.target_value),
            _exact(row.target_max),
            row.deleted_at is not None,
            row.aggregate,
            row.feeds_id,
        )
    await _add_check_ins(tx, tenant_id, found)
    await _add_actions(tx, tenant_id, found)
    return found


async def _add_check_ins(tx: Reading, tenant_id: UUID, found: exact.Forest) -> None:
    c = CheckIn.__table__.c
    recorded = (
        select(c.id, c.key_result_id, c.value, c.observed_at, c.recorded_at, c.voided_at)
        .where(c.tenant_id == tenant_id)
        .order_by(c.recorded_at, c.id)
    )
    for order, row in enumerate(await tx.execute(recorded)):
        found.key_results[row.key_result_id].check_ins[row.id] = exact.CheckIn(
            Fraction(row.value),
            row.observed_at,
            order,
            row.voided_at is not None,
            row.recorded_at,
            row.voided_at,
        )


async def _add_actions(tx: Reading, tenant_id: UUID, found: exact.Forest) -> None:
    a, p = Action.__table__.c, ActionPlan.__table__.c
    planned = (
        select(a.id, p.key_result_id, a.weight, a.state, a.done_at)
        .where(a.tenant_id == tenant_id, p.tenant_id == tenant_id)
        .where(a.action_plan_id == p.id)
    )
    for row in await tx.execute(planned):
        found.key_results[row.key_result_id].actions[row.id] = exact.Action(
            Fraction(row.weight), row.state, row.done_at
        )


async def _last_points(tx: Reading, tenant_id: UUID) -> dict[UUID, Fraction | None]:
    """Return the newest point of each objective's history: the last one of each stays."""
    h = ProgressOnDay.__table__.c
    points = (
        select(h.objective_id, h.progress)
        .where(h.tenant_id == tenant_id)
        .order_by(h.objective_id, h.on_date)
    )
    return {row_id: _exact(progress) for row_id, progress in await tx.execute(points)}


async def assert_right(database: Database, tenant_id: UUID) -> None:
    """Fail unless every figure is what fractions and `verify` say, and every event chained."""
    async with database.reading() as connection:
        wanted = (await forest(connection, tenant_id)).figures()
        assert await figures(connection, tenant_id) == wanted
        points = await _last_points(connection, tenant_id)
        for row_id, of in wanted.items():
            if isinstance(of, exact.ObjectiveFigures):
                assert points.get(row_id) == of.progress
        assert await verify(connection, tenant_id) == []
    await assert_chained(database, tenant_id)


@overload
def _exact(stored: None) -> None: ...
@overload
def _exact(stored: Decimal) -> Fraction: ...
def _exact(stored: Decimal | None) -> Fraction | None:
    return None if stored is None else Fraction(stored)

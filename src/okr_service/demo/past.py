"""Making the made-up past one that was lived through, not planned in a minute."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, insert, select, update

from okr_service.access.policy import Principal, Scope, granted
from okr_service.analysis import reads
from okr_service.analysis.reads import Moment
from okr_service.checkins.model import CheckIn
from okr_service.kernel.database import Transaction
from okr_service.kernel.forest import DEEPEST
from okr_service.objectives.model import Objective
from okr_service.rollup.model import ProgressOnDay

_WEEK = timedelta(7)


async def live_through(tx: Transaction, tenant_id: UUID, today: date) -> None:
    """Record check-ins when they were seen, and give each objective its weekly history."""
    seen = update(CheckIn).where(CheckIn.tenant_id == tenant_id)
    await tx.execute(
        seen.values(recorded_at=CheckIn.observed_at).execution_options(synchronize_session=False)
    )
    first = datetime(today.year, 1, 1, 23, 59, tzinfo=UTC)
    weeks = [first + _WEEK * week for week in range(53)]
    moments = [Moment(week, week) for week in weeks if week.date() < today]
    roots: list[ColumnElement[bool]] = [
        Objective.tenant_id == tenant_id,
        Objective.parent_id.is_(None),
    ]
    for root in list(await tx.scalars(select(Objective.id).where(*roots))):
        if moments:
            await _remember(tx, tenant_id, root, moments)


async def _remember(tx: Transaction, tenant_id: UUID, root: UUID, moments: list[Moment]) -> None:
    who = Principal(tenant_id, "demo", granted([Scope.ADMIN]), "demo")
    found = orjson.loads(await reads.as_of(tx, who, root, moments, DEEPEST))
    points = []
    for objective in found["objectives"]:
        before = None
        for moment, progress in zip(moments, objective["progress"], strict=True):
            if progress != before:
                point = {
                    "tenant_id": tenant_id,
                    "objective_id": UUID(objective["id"]),
                    "on_date": moment.as_of.date(),
                    "progress": None if progress is None else Decimal(str(progress)),
                }
                points.append(point)
            before = progress
    if points:
        await tx.execute(insert(ProgressOnDay), points)

"""What a caller would have to send to make a key result as it is."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from okr_service.cycles.shapes import Cadence
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import among
from okr_service.objectives.model import KeyResult, PlannedValue
from okr_service.objectives.shapes import (
    Aggregate,
    Format,
    Link,
    Metric,
    NewKeyResult,
    PlannedFigure,
    ValueSource,
)


async def key_result_input(tx: Transaction, row: KeyResult) -> NewKeyResult:
    """Return what a caller would have to send to make a key result as it is."""
    return (await key_result_inputs(tx, [row]))[0]


async def key_result_inputs(tx: Transaction, rows: Sequence[KeyResult]) -> list[NewKeyResult]:
    """Return the same of many key results of a tenant, in their order."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    of = (PlannedValue.tenant_id == rows[0].tenant_id, among(PlannedValue.key_result_id, ids))
    values = select(PlannedValue.key_result_id, PlannedValue.on_date, PlannedValue.value)
    plans: defaultdict[UUID, list[PlannedFigure]] = defaultdict(list)
    for row_id, day, value in await tx.execute(values.where(*of).order_by(PlannedValue.on_date)):
        plans[row_id].append(PlannedFigure(date=day, value=value))
    return [_input(row, plans[row.id]) for row in rows]


def _input(row: KeyResult, plan: list[PlannedFigure]) -> NewKeyResult:
    return NewKeyResult(
        external_id=row.external_id,
        objective_id=Ref(str(row.objective_id)),
        title=row.title,
        description=row.description,
        metric=Metric(row.metric),
        unit_of_measure=row.unit_of_measure,
        format=Format(row.format),
        currency=row.currency,
        start_value=row.start_value,
        target_value=row.target_value,
        target_max=row.target_max,
        weight=row.weight,
        owner_id=references.ref(row.owner_id),
        start_date=row.start_date,
        due_date=row.due_date,
        cadence=row.cadence and Cadence(row.cadence),
        source=ValueSource.CHILDREN if row.source == ValueSource.CHILDREN else None,
        aggregate=row.aggregate and Aggregate(row.aggregate),
        feeds_id=references.ref(row.feeds_id),
        position=row.position,
        plan=plan,
        tags=row.tags,
        links=[Link(**link) for link in row.links],
    )


async def key_result_record(tx: Transaction, row: KeyResult) -> dict[str, object]:
    """Return the same as an audit event has it."""
    return (await key_result_input(tx, row)).model_dump(mode="json")

"""Writing the planned values of key results, many at once."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Date,
    Numeric,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
)

from okr_service.access.policy import Principal
from okr_service.kernel.database import Transaction
from okr_service.kernel.model import Model
from okr_service.kernel.references import among
from okr_service.objectives.model import PlannedValue
from okr_service.objectives.shapes import (
    PlannedFigure,
)

_PLANNED = (
    func.unnest(
        # As text, for the driver takes long to look at each item of an array.
        cast(bindparam("ids", type_=Text), ARRAY(Uuid)),
        cast(bindparam("days", type_=Text), ARRAY(Date)),
        cast(bindparam("figures", type_=Text), ARRAY(Numeric)),
    )
    .table_valued("key_result_id", "on_date", "value", name="planned")
    .render_derived()
)
_ADD_PLANS = insert(Model.metadata.tables[PlannedValue.__tablename__]).from_select(
    ["tenant_id", "key_result_id", "on_date", "value"],
    select(
        bindparam("tenant_id", type_=Uuid),
        _PLANNED.c.key_result_id,
        _PLANNED.c.on_date,
        _PLANNED.c.value,
    ),
)


async def replace_plans(
    tx: Transaction, who: Principal, plans: Sequence[tuple[UUID, Sequence[PlannedFigure]]]
) -> None:
    """Replace the planned values of key results, by their ids."""
    if plans:
        ids = [row_id for row_id, _ in plans]
        of = (PlannedValue.tenant_id == who.tenant_id, among(PlannedValue.key_result_id, ids))
        await tx.execute(delete(PlannedValue).where(*of))
        await add_plans(tx, who.tenant_id, plans)


async def add_plans(
    tx: Transaction, tenant_id: UUID, plans: Sequence[tuple[UUID, Sequence[PlannedFigure]]]
) -> None:
    """Add planned values to key results that have none, by their ids."""
    flat = [figure for _, plan in plans for figure in plan]
    if not flat:
        return
    values = {
        "tenant_id": tenant_id,
        "ids": _array(str(row_id) for row_id, plan in plans for _ in plan),
        "days": _array(figure.date.isoformat() for figure in flat),
        "figures": _array(str(figure.value) for figure in flat),
    }
    await tx.execute(_ADD_PLANS, values)


def _array(items: Iterable[str]) -> str:
    return f"{{{','.join(items)}}}"


def plan_document(plan: Sequence[PlannedFigure]) -> list[dict[str, object]]:
    """Return a plan as events and records show it."""
    return [{"date": planned.date.isoformat(), "value": str(planned.value)} for planned in plan]

"""How cycles are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement

from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import CycleListing
from okr_service.kernel.documents import Collection, open_to_all
from okr_service.kernel.references import refers

CYCLES = Collection(
    Cycle,
    {
        "id": Cycle.id,
        "external_id": Cycle.external_id,
        "version": Cycle.version,
        "created_at": Cycle.created_at,
        "updated_at": Cycle.updated_at,
        "code": Cycle.code,
        "name": Cycle.name,
        "start_date": Cycle.start_date,
        "end_date": Cycle.end_date,
        "parent_id": Cycle.parent_id,
        "cadence": Cycle.cadence,
        "state": Cycle.state,
    },
    sorts={
        "start_date": Cycle.start_date,
        "code": Cycle.code,
        "created_at": Cycle.created_at,
        "updated_at": Cycle.updated_at,
    },
    seen=open_to_all,
)


def cycles_wanted(tenant_id: UUID, wanted: CycleListing) -> list[ColumnElement[bool]]:
    """Return the conditions that cycles must meet."""
    conditions = []
    if wanted.parent_id:
        conditions.append(refers(Cycle.parent_id, Cycle, tenant_id, wanted.parent_id))
    if wanted.state:
        conditions.append(Cycle.state.in_(wanted.state))
    if wanted.on:
        conditions += [Cycle.start_date <= wanted.on, Cycle.end_date >= wanted.on]
    return conditions

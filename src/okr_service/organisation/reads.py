"""How units and people are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement

from okr_service.kernel.documents import Collection, open_to_all
from okr_service.kernel.references import refers
from okr_service.kernel.search import matches
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import PersonListing, UnitListing

UNITS = Collection(
    Unit,
    {
        "id": Unit.id,
        "external_id": Unit.external_id,
        "version": Unit.version,
        "created_at": Unit.created_at,
        "updated_at": Unit.updated_at,
        "name": Unit.name,
        "kind": Unit.kind,
        "parent_id": Unit.parent_id,
        "manager_id": Unit.manager_id,
    },
    seen=open_to_all,
    sorts={"name": Unit.name, "created_at": Unit.created_at, "updated_at": Unit.updated_at},
)

PEOPLE = Collection(
    Person,
    {
        "id": Person.id,
        "external_id": Person.external_id,
        "version": Person.version,
        "created_at": Person.created_at,
        "updated_at": Person.updated_at,
        "name": Person.name,
        "email": Person.email,
        "job_title": Person.job_title,
        "unit_id": Person.unit_id,
        "active": Person.active,
        "role": Person.role,
    },
    seen=open_to_all,
    sorts={"name": Person.name, "created_at": Person.created_at, "updated_at": Person.updated_at},
)


def units_wanted(tenant_id: UUID, wanted: UnitListing) -> list[ColumnElement[bool]]:
    """Return the conditions that units must meet."""
    conditions = []
    if wanted.parent_id:
        conditions.append(refers(Unit.parent_id, Unit, tenant_id, wanted.parent_id))
    if wanted.kind:
        conditions.append(Unit.kind.in_(wanted.kind))
    if wanted.q:
        conditions.append(matches(Unit, tenant_id, wanted.q))
    return conditions


def people_wanted(tenant_id: UUID, wanted: PersonListing) -> list[ColumnElement[bool]]:
    """Return the conditions that people must meet."""
    conditions = []
    if wanted.unit_id:
        conditions.append(refers(Person.unit_id, Unit, tenant_id, wanted.unit_id))
    if wanted.active is not None:
        conditions.append(Person.active.is_(wanted.active))
    if wanted.q:
        conditions.append(matches(Person, tenant_id, wanted.q))
    return conditions

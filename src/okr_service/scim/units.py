"""Units as groups: where each attribute of theirs is, and how they are read."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from scim2_models import Meta, Reference, Resource, TooManyException
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import aliased

from okr_service.kernel.database import Reading
from okr_service.kernel.references import among
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import UnitKind
from okr_service.scim.filters import Columns
from okr_service.scim.model import ScimUser
from okr_service.scim.people import PRESENT, manager
from okr_service.scim.shapes import Above, Group, Member, OkrGroup
from okr_service.scim.versions import version_of

MOST_MEMBERS = 20_000  # in a page of groups
_OKR = f"{OkrGroup.__schema__}:"
_above, _manager = aliased(Unit), aliased(Person)


def units(tenant_id: UUID, *columns: Any) -> Select[Any]:  # any columns there are
    """Ask for columns of units."""
    joined = select(*columns).select_from(Unit)
    for model, on in (
        (_above, _above.id == Unit.parent_id),
        (_manager, _manager.id == Unit.manager_id),
    ):
        joined = joined.outerjoin(model, and_(model.tenant_id == tenant_id, on))
    return joined.where(Unit.tenant_id == tenant_id)


def _members(tenant_id: UUID, *columns: Any) -> Select[Any]:  # any columns there are
    known = and_(ScimUser.tenant_id == tenant_id, ScimUser.person_id == Person.id)
    of_tenant = select(*columns).select_from(Person).outerjoin(ScimUser, known)
    return of_tenant.where(Person.tenant_id == tenant_id, PRESENT)


def group_columns(tenant_id: UUID) -> Columns:
    """Return where the attributes of groups are."""

    def has_member(met: ColumnElement[bool]) -> ColumnElement[bool]:
        of_unit = _members(tenant_id, literal(1)).where(Person.unit_id == Unit.id, met)
        return exists(of_unit.correlate(Unit))

    return Columns(
        core=str(Group.__schema__),
        values={
            "id": Unit.id,
            "externalId": Unit.external_id,
            "displayName": Unit.name,
            "members.value": Person.id,
            "members.display": Person.name,
            "members.type": case((Person.id.is_not(None), literal("User", Text))),
            "meta.resourceType": literal("Group", Text),
            "meta.created": Unit.created_at,
            "meta.lastModified": Unit.updated_at,
            f"{_OKR}kind": Unit.kind,
            f"{_OKR}parent.value": Unit.parent_id,
            f"{_OKR}parent.display": _above.name,
            f"{_OKR}manager.value": Unit.manager_id,
            f"{_OKR}manager.displayName": _manager.name,
        },
        many={"members": has_member},
        several=frozenset({"members"}),
    )


async def groups(
    tx: Reading, tenant_id: UUID, ids: Sequence[UUID], *, with_members: bool
) -> dict[UUID, Resource[Any]]:
    """Return units as groups, by their ids.

    Raises:
        TooManyException: several have more members together than one answer holds.
    """
    if not ids:
        return {}
    hashed = func.hashtextextended(cast(Person.id, Text), 0)
    own = _members(tenant_id, func.concat(func.count(), "-", func.bit_xor(hashed)))
    asked = units(
        tenant_id,
        Unit.id,
        Unit.version,
        Unit.external_id,
        Unit.name,
        Unit.kind,
        Unit.created_at,
        Unit.updated_at,
        Unit.parent_id,
        _above.name.label("parent_name"),
        Unit.manager_id,
        _manager.name.label("manager_name"),
        own.where(Person.unit_id == Unit.id).correlate(Unit).scalar_subquery().label("members"),
    ).where(among(Unit.id, ids))
    rows = (await tx.execute(asked)).all()
    if with_members and len(rows) > 1 and sum(map(_size, rows)) > MOST_MEMBERS:
        raise TooManyException(
            detail=f"These groups have more than {MOST_MEMBERS} members together; "
            "ask for fewer groups, or with excludedAttributes=members"
        )
    found: dict[UUID, Any] = {row.id: _group(row) for row in rows}
    if with_members:
        for unit_id, members in (await _members_of(tx, tenant_id, ids)).items():
            found[unit_id].members = members
    return found


def _size(row: Row[Any]) -> int:
    return int(row.members.partition("-")[0])


async def _members_of(
    tx: Reading, tenant_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, list[Member]]:
    asked = _members(tenant_id, Person.unit_id, Person.id, Person.name)
    of_units = asked.where(among(Person.unit_id, ids)).order_by(Person.id)
    found: defaultdict[UUID, list[Member]] = defaultdict(list)
    for unit_id, person_id, name in await tx.execute(of_units):
        ref: Any = Reference(f"Users/{person_id}")
        member = Member(value=str(person_id), ref=ref, type="User", display=name)
        found[unit_id].append(member)
    return found


def _group(row: Row[Any]) -> Resource[Any]:
    model: Any = Group[OkrGroup]
    group: Any = model(id=str(row.id), external_id=row.external_id, display_name=row.name)
    group[OkrGroup] = OkrGroup(
        kind=UnitKind(row.kind),
        parent=_parent(row),
        manager=manager(row.manager_id, row.manager_name),
    )
    group.meta = Meta(
        resource_type="Group",
        created=row.created_at,
        last_modified=row.updated_at,
        version=version_of(row.version, *row),
    )
    return group  # type: ignore[no-any-return] # its class is made at run time


def _parent(row: Row[Any]) -> Above | None:
    if row.parent_id is None:
        return None
    ref: Any = Reference(f"Groups/{row.parent_id}")
    return Above(value=str(row.parent_id), ref=ref, display=row.parent_name)

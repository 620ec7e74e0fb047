"""Writing units as groups say them, by the functions of the organisation."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from okr_service.access.policy import Principal
from okr_service.audit.service import gathered
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import among, ref, row_id
from okr_service.organisation import service as organisation
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.model import Person
from okr_service.organisation.shapes import NewUnit, UnitKind
from okr_service.scim.fitting import fitting
from okr_service.scim.people import people
from okr_service.scim.shapes import Group, OkrGroup


async def create_group(tx: Transaction, who: Principal, group: Group[OkrGroup]) -> UUID:
    """Set up a unit with its people; raises as `organisation.create_unit` does."""
    said = {"kind": UnitKind.DEPARTMENT} | _unit(group)
    async with gathered(tx, who):
        unit = await organisation.create_unit(tx, who, fitting(NewUnit, said))
        await _move(tx, who, _member_ids(group), unit.id)
    return unit.id


async def update_group(
    tx: Transaction,
    who: Principal,
    unit_id: UUID,
    group: Group[OkrGroup],
    present: Group[OkrGroup],
) -> None:
    """Make a unit what a group says; raises as `organisation.edit_unit` does."""
    said = _unit(group)
    async with gathered(tx, who):
        await organisation.edit_unit(
            tx, who, unit_id, lambda unit: fitting(NewUnit, {**dict(unit), **said})
        )
        if "members" in group.model_fields_set:
            wanted, there = _member_ids(group), _member_ids(present)
            await _move(tx, who, there - wanted, None)
            await _move(tx, who, wanted - there, unit_id)


async def delete_group(
    tx: Transaction, who: Principal, unit_id: UUID, present: Group[OkrGroup]
) -> None:
    """Delete a unit that only its people refer to; raises as `organisation.delete_unit` does."""
    async with gathered(tx, who):
        await _move(tx, who, _member_ids(present), None)
    await organisation.delete_unit(tx, who, unit_id)


def _okr(group: Group[OkrGroup]) -> OkrGroup:
    said: OkrGroup | None = group[OkrGroup]
    if said is None and OkrGroup.__name__ in group.model_fields_set:  # taken away
        return OkrGroup(parent=None, manager=None)
    return said or OkrGroup()


def _unit(group: Group[OkrGroup]) -> dict[str, object]:
    okr = _okr(group)
    said: dict[str, object] = {"name": group.display_name}
    if "external_id" in group.model_fields_set:
        said["external_id"] = group.external_id or None
    if okr.kind is not None:
        said["kind"] = okr.kind
    for name in ("parent", "manager"):
        if name in okr.model_fields_set:
            link: Any = getattr(okr, name)
            said[f"{name}_id"] = None if link is None else link.value
    return said


def _member_ids(group: Group[OkrGroup]) -> set[str]:
    return {member.value for member in group.members or () if member.value}


async def _move(
    tx: Transaction, who: Principal, person_ids: Iterable[str], unit_id: UUID | None
) -> None:
    """Put people into a unit, in one order for all who do; raises PersonNotFound."""
    moved = {"unit_id": ref(unit_id)}
    named = {person_id: row_id(Ref(person_id)) for person_id in person_ids}
    ids = sorted(found for found in named.values() if found is not None)
    if not named:
        return
    known = people(who.tenant_id, Person.id).where(among(Person.id, ids))
    there = set(await tx.scalars(known)) if ids else set()
    for person_id, found in named.items():
        if found not in there:
            raise PersonNotFound(person_id).at("/members")
    for found in ids:
        await organisation.edit_person(
            tx, who, found, lambda present: present.model_copy(update=moved)
        )

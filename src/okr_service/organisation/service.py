"""Setting up units and registering people."""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from sqlalchemy import any_, func, select

from okr_service.access.policy import Permission, Principal, Role, require
from okr_service.audit.service import Change, record
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure, require_place
from okr_service.kernel.references import Named, Versions
from okr_service.kernel.writes import add, change, delete, differences
from okr_service.organisation.errors import (
    PersonNotFound,
    UnitNotFound,
    UnitsTooDeep,
    UnitWouldLoop,
)
from okr_service.organisation.handover import hand_over_to_leader
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import NewPerson, NewUnit, UnitKind

_IDENTITY = frozenset({"external_id", "email"})
_TRUSTED = (Role.PLANNER, Role.ADMIN)


async def create_unit(tx: Transaction, who: Principal, new: NewUnit) -> Unit:
    """Set up a unit.

    Raises:
        NotPermitted, UnitNotFound, PersonNotFound, UnitsTooDeep, ExternalIdTaken.
    """
    require(who, Permission.EDIT_UNITS)
    await hold_structure(tx, who.tenant_id, alone=False)
    values = await _unit_values(tx, who, new, None)
    unit = Unit(tenant_id=who.tenant_id, **values)
    await add(tx, unit)
    await record(tx, who, Change("created", "unit", unit.id, after=values))
    return unit


async def edit_unit(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewUnit], NewUnit],
    expected: Versions = None,
) -> Unit:
    """Change a unit into what `edit` makes of it.

    Raises:
        NotPermitted, UnitNotFound, PersonNotFound, VersionMismatch, UnitWouldLoop,
        UnitsTooDeep, ExternalIdTaken.
    """
    require(who, Permission.EDIT_UNITS)
    await hold_structure(tx, who.tenant_id, alone=True)
    unit = await references.lock(tx, Unit, who.tenant_id, ref, UnitNotFound(str(ref)), expected)
    changes = differences(unit, await _unit_values(tx, who, edit(_unit_input(unit)), unit.id))
    if changes:
        before = await change(tx, unit, changes)
        await record(tx, who, Change("updated", "unit", unit.id, before, changes))
    return unit


async def delete_unit(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete a unit that nothing refers to.

    Raises:
        NotPermitted, UnitNotFound, VersionMismatch, StillInUse.
    """
    require(who, Permission.EDIT_UNITS)
    unit = await references.lock(tx, Unit, who.tenant_id, ref, UnitNotFound(str(ref)), expected)
    before = _unit_input(unit).model_dump(mode="json")
    await delete(tx, unit)
    await record(tx, who, Change("deleted", "unit", unit.id, before))


async def create_person(tx: Transaction, who: Principal, new: NewPerson) -> Person:
    """Register a person.

    Raises:
        NotPermitted, UnitNotFound, ExternalIdTaken.
    """
    require(who, Permission.EDIT_PEOPLE)
    values = await _person_values(tx, who, new)
    await _require_may_have_address(tx, who, new.email)
    person = Person(tenant_id=who.tenant_id, **values)
    await add(tx, person)
    await record(tx, who, Change("created", "person", person.id, after=values))
    return person


async def edit_person(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewPerson], NewPerson],
    expected: Versions = None,
) -> Person:
    """Change a person's record into what `edit` makes of it.

    What somebody who leaves is still at goes to who leads their unit.

    Raises:
        NotPermitted, PersonNotFound, UnitNotFound, VersionMismatch, ExternalIdTaken.
    """
    require(who, Permission.EDIT_PEOPLE)
    absent = PersonNotFound(str(ref))
    person = await references.lock(tx, Person, who.tenant_id, ref, absent, expected)
    unit_id = person.unit_id  # of whoever leaves: the place they leave
    changes = differences(person, await _person_values(tx, who, edit(_person_input(person))))
    if changes:
        _require_may_rename(who, person, changes)
        if "email" in changes:
            await _require_may_have_address(tx, who, str(changes["email"] or "") or None)
        before = await change(tx, person, changes)
        await record(tx, who, Change("updated", "person", person.id, before, changes))
        if "active" in changes and not person.active:
            await hand_over_to_leader(tx, who, person.id, unit_id)
    return person


async def assign_role(
    tx: Transaction, who: Principal, ref: Ref | UUID, role: Role, expected: Versions = None
) -> Person:
    """Say what a person is for the tenant.

    Raises:
        NotPermitted, PersonNotFound, VersionMismatch.
    """
    require(who, Permission.ADMINISTER)
    absent = PersonNotFound(str(ref))
    person = await references.lock(tx, Person, who.tenant_id, ref, absent, expected)
    changes = differences(person, {"role": role.value})
    if changes:
        before = await change(tx, person, changes)
        await record(tx, who, Change("updated", "person", person.id, before, changes))
    return person


def _require_may_rename(who: Principal, person: Person, changes: Mapping[str, object]) -> None:
    """Keep whoever feeds in people from making theirs the account of a planner or an admin.

    An issuer's token is matched with a person by these.
    """
    if person.role in _TRUSTED and _IDENTITY & changes.keys():
        require(who, Permission.ADMINISTER)


async def _require_may_have_address(tx: Transaction, who: Principal, address: str | None) -> None:
    """Keep them too from giving somebody the address of a planner or an admin.

    A token that names two people by their address is nobody's.
    """
    if address is None or who.reach(Permission.ADMINISTER).everything:
        return
    of_address = select(func.okr_people_of_address(who.tenant_id, address)).scalar_subquery()
    trusted = select(Person.id).where(
        Person.tenant_id == who.tenant_id,
        Person.id == any_(func.array(of_address)),
        Person.role.in_([role.value for role in _TRUSTED]),
    )
    if await tx.scalar(trusted.limit(1)) is not None:
        require(who, Permission.ADMINISTER)


async def delete_person(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete the record of a person that nothing refers to; others are made inactive.

    Raises:
        NotPermitted, PersonNotFound, VersionMismatch, StillInUse.
    """
    require(who, Permission.EDIT_PEOPLE)
    absent = PersonNotFound(str(ref))
    person = await references.lock(tx, Person, who.tenant_id, ref, absent, expected)
    before = _person_input(person).model_dump(mode="json")
    await delete(tx, person)
    await record(tx, who, Change("deleted", "person", person.id, before))


async def named_units(tx: Transaction, who: Principal, refs: Iterable[Ref]) -> Named:
    """Return the ids of the units that fields refer to."""
    return await references.name(tx, Unit, who.tenant_id, refs, UnitNotFound)


async def named_people(tx: Transaction, who: Principal, refs: Iterable[Ref | None]) -> Named:
    """Return the ids of the people that fields refer to."""
    return await references.name(tx, Person, who.tenant_id, refs, PersonNotFound)


async def unit_id(tx: Transaction, who: Principal, ref: Ref, pointer: str) -> UUID:
    """Return the id of the unit that a field refers to; raises UnitNotFound."""
    return await references.resolve(tx, Unit, who.tenant_id, ref, UnitNotFound(ref).at(pointer))


async def person_id(tx: Transaction, who: Principal, ref: Ref | None, pointer: str) -> UUID | None:
    """Return the id of the person that a field refers to, if any; raises PersonNotFound."""
    if ref is None:
        return None
    absent = PersonNotFound(ref).at(pointer)
    return await references.resolve(tx, Person, who.tenant_id, ref, absent)


async def _unit_values(
    tx: Transaction, who: Principal, new: NewUnit, row_id: UUID | None
) -> dict[str, object]:
    parent = await unit_id(tx, who, new.parent_id, "/parent_id") if new.parent_id else None
    if parent:
        await require_place(
            tx,
            Unit,
            who.tenant_id,
            row_id,
            parent,
            UnitWouldLoop().at("/parent_id"),
            UnitsTooDeep().at("/parent_id"),
        )
    return {
        "external_id": new.external_id,
        "name": new.name,
        "kind": new.kind.value,
        "parent_id": parent,
        "manager_id": await person_id(tx, who, new.manager_id, "/manager_id"),
    }


def _unit_input(unit: Unit) -> NewUnit:
    return NewUnit(
        external_id=unit.external_id,
        name=unit.name,
        kind=UnitKind(unit.kind),
        parent_id=references.ref(unit.parent_id),
        manager_id=references.ref(unit.manager_id),
    )


async def _person_values(tx: Transaction, who: Principal, new: NewPerson) -> dict[str, object]:
    unit = await unit_id(tx, who, new.unit_id, "/unit_id") if new.unit_id else None
    return {**new.model_dump(exclude={"unit_id"}), "unit_id": unit}


def _person_input(person: Person) -> NewPerson:
    return NewPerson(
        external_id=person.external_id,
        name=person.name,
        email=person.email,
        job_title=person.job_title,
        unit_id=references.ref(person.unit_id),
        active=person.active,
    )

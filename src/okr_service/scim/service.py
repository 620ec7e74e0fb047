"""Writing people and units as SCIM says them, by the functions of the organisation."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Text, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from okr_service.access.policy import Principal
from okr_service.audit.service import Change, gathered, record
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, InvalidInput, StillInUse
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import ref
from okr_service.kernel.validation import validated
from okr_service.kernel.writes import change
from okr_service.organisation import service as organisation
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import NewPerson, NewUnit, UnitKind
from okr_service.scim.errors import DepartmentAmbiguous, DepartmentUnknown, UserNameTaken
from okr_service.scim.filters import folded, storable
from okr_service.scim.model import ScimUser
from okr_service.scim.people import USER_NAME, people, user_columns
from okr_service.scim.shapes import EnterpriseUser, Group, OkrGroup, SaidOfUser, User

_I = TypeVar("_I", bound=BaseModel)


async def create_user(tx: Transaction, who: Principal, user: User[EnterpriseUser]) -> UUID:
    """Register a person, or take back the one of this employee number who was deleted.

    Raises:
        UserNameTaken, and what `organisation.create_person` raises.
    """
    back = await _deleted(tx, who, _enterprise(user).employee_number)
    if back is not None:
        if user.active is None:
            user.active = True
        await update_user(tx, who, back, user, None)
        return back
    await _require_free(tx, who, user, None)
    said = _said(user)
    new = _fitting(NewPerson, await _person(tx, who, user, None, None))
    async with gathered(tx, who):
        person = await organisation.create_person(tx, who, new)
        await _keep(tx, who, person, said, {})
    return person.id


async def update_user(
    tx: Transaction,
    who: Principal,
    person_id: UUID,
    user: User[EnterpriseUser],
    present: User[EnterpriseUser] | None,
) -> None:
    """Make a person what a user says; `present` is how they are shown now.

    Raises:
        UserNameTaken, and what `organisation.edit_person` raises.
    """
    await _require_free(tx, who, user, person_id)
    row = await tx.get_one(Person, (who.tenant_id, person_id))
    version, fields = row.version, await _person(tx, who, user, row, present)
    kept, said = {} if present is None else _said(present), _said(user)
    async with gathered(tx, who):
        person = await organisation.edit_person(
            tx, who, person_id, lambda _: _fitting(NewPerson, fields)
        )
        if kept != said:
            if person.version == version:
                await change(tx, person, {})
            await _keep(tx, who, person, said, kept)


async def delete_user(tx: Transaction, who: Principal, person_id: UUID) -> None:
    """Delete a person whom nothing refers to; make another inactive and unknown to SCIM."""
    try:
        async with tx.begin_nested():
            await organisation.delete_person(tx, who, person_id)
    except StillInUse:
        left = {"active": False}
        person = await organisation.edit_person(
            tx, who, person_id, lambda present: present.model_copy(update=left)
        )
        nothing = dict.fromkeys(SaidOfUser.model_fields)
        await _write(tx, person, nothing | {"deleted_at": func.now()})


async def create_group(tx: Transaction, who: Principal, group: Group[OkrGroup]) -> UUID:
    """Set up a unit with its people; raises as `organisation.create_unit` does."""
    said = {"kind": UnitKind.DEPARTMENT} | _unit(group)
    async with gathered(tx, who):
        unit = await organisation.create_unit(tx, who, _fitting(NewUnit, said))
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
            tx, who, unit_id, lambda unit: _fitting(NewUnit, {**dict(unit), **said})
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


async def _deleted(tx: Transaction, who: Principal, employee_number: str | None) -> UUID | None:
    if employee_number is None:
        return None
    known = select(Person.id).join(
        ScimUser,
        (ScimUser.tenant_id == who.tenant_id) & (ScimUser.person_id == Person.id),
    )
    gone = (Person.external_id == employee_number, ScimUser.deleted_at.is_not(None))
    found: UUID | None = await tx.scalar(known.where(Person.tenant_id == who.tenant_id, *gone))
    return found


async def _require_free(
    tx: Transaction, who: Principal, user: User[EnterpriseUser], but: UUID | None
) -> None:
    name = user.user_name or ""
    columns = user_columns(who.tenant_id)
    same = folded(USER_NAME, exact=False) == folded(literal(name, Text), exact=False)
    taken = people(who.tenant_id, Person.id).where(columns.sought["userName"](name), same)
    if any(found != but for found in await tx.scalars(taken)):
        raise UserNameTaken(name)


def _enterprise(user: User[EnterpriseUser]) -> EnterpriseUser:
    said: EnterpriseUser | None = user[EnterpriseUser]
    if said is None and EnterpriseUser.__name__ in user.model_fields_set:  # taken away
        return EnterpriseUser(employee_number=None, department=None)
    return said or EnterpriseUser()


def _okr(group: Group[OkrGroup]) -> OkrGroup:
    said: OkrGroup | None = group[OkrGroup]
    if said is None and OkrGroup.__name__ in group.model_fields_set:  # taken away
        return OkrGroup(parent=None, manager=None)
    return said or OkrGroup()


async def _person(
    tx: Transaction,
    who: Principal,
    user: User[EnterpriseUser],
    row: Person | None,
    present: User[EnterpriseUser] | None,
) -> dict[str, object]:
    """Return a person's fields: what is said of a user, and of what is not said what is there."""
    enterprise = _enterprise(user)
    number, unit_id = (None, None) if row is None else (row.external_id, row.unit_id)
    active = True if row is None else row.active
    if "employee_number" in enterprise.model_fields_set:
        number = enterprise.employee_number or None
    if "department" in enterprise.model_fields_set:
        shown = None if present is None else _enterprise(present).department
        if enterprise.department != shown:
            unit_id = await _department(tx, who, enterprise.department)
    return {
        "external_id": number,
        "name": _called(user),
        "email": _address(user),
        "job_title": user.title or None,
        "unit_id": ref(unit_id),
        "active": active if user.active is None else user.active,
    }


def _called(user: User[EnterpriseUser]) -> str | None:
    if user.display_name:
        return user.display_name
    if user.name is None:
        return user.user_name
    parts = (user.name.given_name, user.name.middle_name, user.name.family_name)
    return user.name.formatted or " ".join(filter(None, parts)) or user.user_name


def _address(user: User[EnterpriseUser]) -> str | None:
    """Return the one address that a person has."""
    given = [email for email in user.emails or () if email.value]
    given.sort(key=lambda email: (not email.primary, (email.type or "").lower() != "work"))
    return given[0].value if given else None


async def _department(tx: Transaction, who: Principal, said: str | None) -> UUID | None:
    """Return the unit that a department names; raises DepartmentUnknown, DepartmentAmbiguous."""
    if not said:
        return None
    _require_plain({"department": said})
    named = (Unit.external_id == said) | (Unit.name == said)
    asked = select(Unit.id, Unit.external_id).where(Unit.tenant_id == who.tenant_id, named)
    found = (await tx.execute(asked)).all()
    by_key = [row.id for row in found if row.external_id == said]
    ids = by_key or [row.id for row in found]
    if not ids:
        raise DepartmentUnknown(said).at("/department")
    if len(ids) > 1:
        raise DepartmentAmbiguous(said).at("/department")
    unit_id: UUID = ids[0]
    return unit_id


def _said(user: User[EnterpriseUser]) -> dict[str, object]:
    """Return what is kept of a user beside the person; raises InvalidInput."""
    name = {} if user.name is None else dict(user.name)
    said = {"user_name": user.user_name, "external_id": user.external_id, **name}
    return dict(_fitting(SaidOfUser, {each: said.get(each) for each in SaidOfUser.model_fields}))


async def _keep(
    tx: Transaction,
    who: Principal,
    person: Person,
    said: Mapping[str, object],
    kept: Mapping[str, object],
) -> None:
    changes = {name: value for name, value in said.items() if kept.get(name) != value}
    await _write(tx, person, {**said, "deleted_at": None})
    before = {name: kept.get(name) for name in changes}
    await record(tx, who, Change("updated", "person", person.id, before, changes))


async def _write(tx: Transaction, person: Person, said: Mapping[str, object]) -> None:
    key = {"tenant_id": person.tenant_id, "person_id": person.id}
    written = insert(ScimUser).values(**key, **said)
    await tx.execute(written.on_conflict_do_update(index_elements=list(key), set_=dict(said)))


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
    for person_id in sorted(person_ids):
        _require_plain({"members": person_id})
        try:
            await organisation.edit_person(
                tx, who, Ref(person_id), lambda present: present.model_copy(update=moved)
            )
        except PersonNotFound as error:
            raise error.at("/members") from error


def _fitting(shape: type[_I], fields: Mapping[str, object]) -> _I:
    """Return an input of what is said; raises InvalidInput."""
    _require_plain(fields)
    return validated(shape, fields)


def _require_plain(fields: Mapping[str, object]) -> None:
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    bad = [name for name, text in texts.items() if not storable(text)]
    if bad:
        raise InvalidInput([FieldError(f"/{name}", "invalid-character") for name in bad])

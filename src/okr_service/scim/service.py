"""Writing people as users say them, by the functions of the organisation."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Text, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from okr_service.access.policy import Principal
from okr_service.audit.service import Change, gathered, record
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import StillInUse
from okr_service.kernel.references import ref
from okr_service.kernel.writes import change
from okr_service.organisation import service as organisation
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.shapes import NewPerson
from okr_service.scim.errors import DepartmentAmbiguous, DepartmentUnknown, UserNameTaken
from okr_service.scim.filters import folded
from okr_service.scim.fitting import fitting, require_plain
from okr_service.scim.model import ScimUser
from okr_service.scim.people import USER_NAME, people, user_columns
from okr_service.scim.shapes import EnterpriseUser, SaidOfUser, User

_LEFT = {"active": False, "unit_id": None}  # and so a member of nothing


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
    new = fitting(NewPerson, await _person(tx, who, user, None, None))
    async with gathered(tx, who):
        person = await organisation.create_person(tx, who, new)
        await _keep(tx, who, person, said)
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
            tx, who, person_id, lambda _: fitting(NewPerson, fields)
        )
        if kept != said:
            await _raise_version(tx, person, version)
            await _keep(tx, who, person, said, kept)


async def delete_user(
    tx: Transaction, who: Principal, person_id: UUID, present: User[EnterpriseUser]
) -> None:
    """Delete a person whom nothing refers to; make another inactive and unknown to SCIM."""
    try:
        async with tx.begin_nested():
            await organisation.delete_person(tx, who, person_id)
    except StillInUse:
        version = (await tx.get_one(Person, (who.tenant_id, person_id))).version
        person = await organisation.edit_person(
            tx, who, person_id, lambda there: there.model_copy(update=_LEFT)
        )
        await _raise_version(tx, person, version)
        nothing = dict.fromkeys(SaidOfUser.model_fields)
        await _keep(tx, who, person, nothing, _said(present), deleted_at=func.now())


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
    require_plain({"department": said})
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
    return dict(fitting(SaidOfUser, {each: said.get(each) for each in SaidOfUser.model_fields}))


async def _keep(
    tx: Transaction,
    who: Principal,
    person: Person,
    said: Mapping[str, object],
    kept: Mapping[str, object] | None = None,
    deleted_at: ColumnElement[datetime] | None = None,
) -> None:
    kept = kept or {}
    changes = {name: value for name, value in said.items() if kept.get(name) != value}
    key = {"tenant_id": person.tenant_id, "person_id": person.id}
    now = {**said, "deleted_at": deleted_at}
    written = insert(ScimUser).values(**key, **now)
    await tx.execute(written.on_conflict_do_update(index_elements=list(key), set_=now))
    before = {name: kept.get(name) for name in changes}
    await record(tx, who, Change("updated", "person", person.id, before, changes))


async def _raise_version(tx: Transaction, person: Person, version: int) -> None:
    """Make what SCIM alone changes one version, unless it is one already."""
    if person.version == version:
        await change(tx, person, {})

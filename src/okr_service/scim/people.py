"""People as users: where each attribute of theirs is, and how they are read."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from scim2_models import Meta, Reference, Resource
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from okr_service.kernel.database import Reading
from okr_service.kernel.references import among
from okr_service.organisation.model import Person, Unit
from okr_service.scim.filters import Columns, folded
from okr_service.scim.model import ScimUser
from okr_service.scim.shapes import (
    Email,
    EnterpriseUser,
    Manager,
    Membership,
    User,
    UserName,
)
from okr_service.scim.versions import version_of

_ENTERPRISE = f"{EnterpriseUser.__schema__}:"
_WORK, _DIRECT = "work", "direct"
_above, _manager = aliased(Unit), aliased(Person)

USER_NAME = func.coalesce(ScimUser.user_name, Person.email, cast(Person.id, Text))
_EXTERNAL_ID = case((ScimUser.person_id.is_(None), Person.external_id), else_=ScimUser.external_id)
# Who leads a unit answers to the one above.
_MANAGER_ID = case(
    (Unit.manager_id != Person.id, Unit.manager_id),
    (_above.manager_id != Person.id, _above.manager_id),
)
PRESENT = ScimUser.deleted_at.is_(None)


def people(tenant_id: UUID, *columns: Any) -> Select[Any]:  # any columns there are
    """Ask for columns of the people whom SCIM knows."""
    joined = select(*columns).select_from(Person)
    for model, on in (
        (ScimUser, ScimUser.person_id == Person.id),
        (Unit, Unit.id == Person.unit_id),
        (_above, _above.id == Unit.parent_id),
        (_manager, _manager.id == _MANAGER_ID),
    ):
        joined = joined.outerjoin(model, and_(model.tenant_id == tenant_id, on))
    return joined.where(Person.tenant_id == tenant_id, PRESENT)


def user_columns(tenant_id: UUID) -> Columns:
    """Return where the attributes of users are."""
    there = Person.email.is_not(None)

    def sought(*found: Select[Any]) -> ColumnElement[bool]:
        ids = union_all(*found).scalar_subquery()
        return Person.id == any_(func.array(ids))

    def named(name: str) -> ColumnElement[bool]:
        known = select(ScimUser.person_id).where(
            ScimUser.tenant_id == tenant_id,
            ScimUser.folded_user_name == folded(literal(name, Text), exact=False),
        )
        of_id = select(Person.id).where(
            Person.tenant_id == tenant_id, Person.id == _uuid_or_none(name)
        )
        return sought(known, select(func.okr_people_of_address(tenant_id, name)), of_id)

    def of_client(key: str) -> ColumnElement[bool]:
        known = select(ScimUser.person_id).where(
            ScimUser.tenant_id == tenant_id, ScimUser.external_id == key
        )
        other = select(Person.id).where(Person.tenant_id == tenant_id, Person.external_id == key)
        return sought(known, other)

    def at(address: str) -> ColumnElement[bool]:
        return sought(select(func.okr_people_of_address(tenant_id, address)))

    return Columns(
        core=str(User.__schema__),
        values={
            "id": Person.id,
            "externalId": _EXTERNAL_ID,
            "userName": USER_NAME,
            "displayName": Person.name,
            "name.formatted": ScimUser.formatted,
            "name.familyName": ScimUser.family_name,
            "name.givenName": ScimUser.given_name,
            "name.middleName": ScimUser.middle_name,
            "title": Person.job_title,
            "active": Person.active,
            "emails.value": Person.email,
            "emails.type": case((there, literal(_WORK, Text))),
            "emails.primary": case((there, literal(True))),
            "groups.value": Unit.id,
            "groups.display": Unit.name,
            "groups.type": case((Unit.id.is_not(None), literal(_DIRECT, Text))),
            "meta.resourceType": literal("User", Text),
            "meta.created": Person.created_at,
            "meta.lastModified": Person.updated_at,
            f"{_ENTERPRISE}employeeNumber": Person.external_id,
            f"{_ENTERPRISE}department": Unit.name,
            f"{_ENTERPRISE}manager.value": _MANAGER_ID,
            f"{_ENTERPRISE}manager.displayName": _manager.name,
        },
        many={
            "emails": lambda met: and_(there, met),
            "groups": lambda met: and_(Unit.id.is_not(None), met),
        },
        sought={"userName": named, "externalId": of_client, "emails.value": at},
    )


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def users(tx: Reading, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Resource[Any]]:
    """Return people as users, by their ids."""
    if not ids:
        return {}
    asked = people(
        tenant_id,
        Person.id,
        Person.version,
        Person.name,
        Person.email,
        Person.job_title,
        Person.active,
        Person.external_id.label("employee_number"),
        Person.created_at,
        Person.updated_at,
        USER_NAME.label("user_name"),
        _EXTERNAL_ID.label("external_id"),
        ScimUser.formatted,
        ScimUser.family_name,
        ScimUser.given_name,
        ScimUser.middle_name,
        Unit.id.label("unit_id"),
        Unit.name.label("unit_name"),
        _manager.id.label("manager_id"),
        _manager.name.label("manager_name"),
    ).where(among(Person.id, ids))
    return {row.id: _user(row) for row in await tx.execute(asked)}


def _user(row: Row[Any]) -> Resource[Any]:
    model: Any = User[EnterpriseUser]
    user: Any = model(
        id=str(row.id),
        external_id=row.external_id,
        user_name=row.user_name,
        name=_name(row),
        display_name=row.name,
        title=row.job_title,
        active=row.active,
        emails=[Email(value=row.email, type=_WORK, primary=True)] if row.email else None,
        groups=_groups(row),
    )
    user[EnterpriseUser] = EnterpriseUser(
        employee_number=row.employee_number,
        department=row.unit_name,
        manager=manager(row.manager_id, row.manager_name),
    )
    user.meta = Meta(
        resource_type="User",
        created=row.created_at,
        last_modified=row.updated_at,
        version=version_of(row.version, *row),
    )
    return user  # type: ignore[no-any-return] # its class is made at run time


def _name(row: Row[Any]) -> UserName | None:
    parts = {part: getattr(row, part) for part in UserName.model_fields}
    return UserName(**parts) if any(parts.values()) else None


def _groups(row: Row[Any]) -> list[Membership] | None:
    if row.unit_id is None:
        return None
    ref: Any = Reference(f"Groups/{row.unit_id}")
    unit = Membership(value=str(row.unit_id), ref=ref, display=row.unit_name, type=_DIRECT)
    return [unit]


def manager(person_id: UUID | None, name: str | None) -> Manager | None:
    """Return who leads, as an attribute."""
    if person_id is None:
        return None
    ref: Any = Reference(f"Users/{person_id}")
    return Manager(value=str(person_id), ref=ref, display_name=name)

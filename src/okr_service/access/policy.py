"""Who may do what: the one place that decides, for every door."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from okr_service.access.errors import NotPermitted
from okr_service.kernel.documents import Collection


class Scope(StrEnum):
    """What an API key is for."""

    READ = "read"
    CHECK_IN = "check_in"
    ORGANISATION = "organisation"
    PLAN = "plan"
    ADMIN = "admin"
    OPERATE = "operate"


class Permission(StrEnum):
    """One kind of thing a caller can do."""

    READ = "read"
    READ_ORGANISATION = "read_organisation"
    CHECK_IN = "check_in"
    EDIT_UNITS = "edit_units"
    EDIT_PEOPLE = "edit_people"
    PLAN = "plan"
    ADMINISTER = "administer"
    OPERATE = "operate"


_READS = {Permission.READ, Permission.READ_ORGANISATION}
_PLANS = _READS | {Permission.CHECK_IN, Permission.PLAN, Permission.EDIT_UNITS}
_GRANTS: dict[Scope, set[Permission]] = {
    Scope.READ: _READS,
    Scope.CHECK_IN: {Permission.CHECK_IN},
    Scope.ORGANISATION: {
        Permission.READ_ORGANISATION,
        Permission.EDIT_UNITS,
        Permission.EDIT_PEOPLE,
    },
    Scope.PLAN: _PLANS,
    Scope.ADMIN: _PLANS | {Permission.EDIT_PEOPLE, Permission.ADMINISTER},
    Scope.OPERATE: {Permission.OPERATE},
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request."""

    tenant_id: UUID
    credential: str
    permissions: frozenset[Permission]
    request_id: str


def granted(scopes: list[str]) -> frozenset[Permission]:
    """Return what a set of scopes allows."""
    return frozenset().union(*(_GRANTS[Scope(scope)] for scope in scopes))


def require(who: Principal, permission: Permission) -> None:
    """Let a caller through who has a permission.

    Raises:
        NotPermitted: the caller has not.
    """
    if permission not in who.permissions:
        raise NotPermitted(permission)


def require_reader(who: Principal, collection: Collection) -> None:
    """Let a caller through who may read a collection.

    Raises:
        NotPermitted: the caller may not.
    """
    require(who, Permission(collection.permission))

"""Who may do what: the one place that decides, for every door.

A caller has *grants*: permissions, each with how far it reaches. A person's come from
their role and their place in the organisation:

| role | |
| --- | --- |
| viewer | reads; has API keys of their own, as all who sign in |
| member | reads; plans and reports what they own |
| (manager) | who leads a unit: plans and reports all of it and of the units beneath it |
| planner | plans and reports everything, keeps cycles and units |
| admin | and people, settings and credentials |

A program's come from the scopes of its credential; those of a credential that stands for
a person narrow what the person may do, and add nothing. Only an admin's key makes keys:
people make their own when they signed in, by a token that no scopes narrow.

Everybody reads everything, but for what is private to a unit: that is seen by the people
of the unit, its owner, those who lead it, and whoever may plan or report it. What one may
not see does not exist (404); what one sees and may not do is refused (403).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from okr_service.access.errors import NotPermitted
from okr_service.kernel.reach import EVERYTHING, NOWHERE, Reach


class Scope(StrEnum):
    """What a credential is for."""

    READ = "read"
    CHECK_IN = "check_in"
    ORGANISATION = "organisation"
    PLAN = "plan"
    ADMIN = "admin"
    AUDIT = "audit"
    OPERATE = "operate"


class Role(StrEnum):
    """What a person is for the tenant, wherever they are in the organisation."""

    VIEWER = "viewer"
    MEMBER = "member"
    PLANNER = "planner"
    ADMIN = "admin"


class Permission(StrEnum):
    """One kind of thing a caller can do."""

    READ = "read"
    READ_ORGANISATION = "read_organisation"
    CHECK_IN = "check_in"
    EDIT_UNITS = "edit_units"
    EDIT_PEOPLE = "edit_people"
    PLAN = "plan"
    OWN_KEYS = "own_keys"
    ADMINISTER = "administer"
    READ_AUDIT = "read_audit"
    OPERATE = "operate"


Grants = Mapping[Permission, Reach]

_READS = {Permission.READ, Permission.READ_ORGANISATION}
_WORKS = _READS | {Permission.CHECK_IN, Permission.PLAN}
_PLANS = _WORKS | {Permission.EDIT_UNITS}
_HAS_KEYS = {Permission.OWN_KEYS}
_ADMINISTERS = (
    _PLANS | _HAS_KEYS | {Permission.EDIT_PEOPLE, Permission.ADMINISTER, Permission.READ_AUDIT}
)
_OF_SCOPE: dict[Scope, set[Permission]] = {
    Scope.READ: _READS,
    Scope.CHECK_IN: {Permission.CHECK_IN},
    Scope.ORGANISATION: {
        Permission.READ_ORGANISATION,
        Permission.EDIT_UNITS,
        Permission.EDIT_PEOPLE,
    },
    Scope.PLAN: _PLANS,
    Scope.ADMIN: _ADMINISTERS,
    Scope.AUDIT: {Permission.READ_AUDIT},
    Scope.OPERATE: {Permission.OPERATE},
}
_OF_ROLE: dict[Role, set[Permission]] = {
    Role.VIEWER: _READS | _HAS_KEYS,
    Role.MEMBER: _WORKS | _HAS_KEYS,
    Role.PLANNER: _PLANS | _HAS_KEYS,
    Role.ADMIN: _ADMINISTERS,
}
# Whoever has the permission has it by this scope, or by one with all that is in this.
_HELD_BY: dict[Scope, Permission] = {
    Scope.READ: Permission.READ,
    Scope.CHECK_IN: Permission.CHECK_IN,
    Scope.ORGANISATION: Permission.EDIT_PEOPLE,
    Scope.PLAN: Permission.PLAN,
    Scope.ADMIN: Permission.ADMINISTER,
    Scope.AUDIT: Permission.READ_AUDIT,
    Scope.OPERATE: Permission.OPERATE,
}
# Whoever has one of these for a private objective knows of it.
_SHOWING = (Permission.READ, Permission.CHECK_IN, Permission.PLAN, Permission.ADMINISTER)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request."""

    tenant_id: UUID
    credential: str
    grants: Grants
    request_id: str
    person_id: UUID | None = None
    unit_id: UUID | None = None
    scopes: frozenset[Scope] | None = None  # what narrows the credential
    role: Role | None = None  # one that the credential vouches for
    sight: Reach = field(init=False)  # which private objectives the caller may know of

    def __post_init__(self) -> None:
        """Work out what the caller sees."""
        seen = NOWHERE
        for permission in _SHOWING:
            seen |= self.grants.get(permission, NOWHERE)
        object.__setattr__(self, "sight", seen)

    def reach(self, permission: Permission) -> Reach:
        """Return how far a permission reaches."""
        return self.grants.get(permission, NOWHERE)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's role and place: the unit they are of; those they lead, and all beneath."""

    person_id: UUID
    role: Role
    unit_id: UUID | None
    led: frozenset[UUID]


def granted(scopes: Collection[Scope]) -> Grants:
    """Return what a program with these scopes may do."""
    grants = {permission: EVERYTHING for scope in scopes for permission in _OF_SCOPE[scope]}
    if Permission.READ in grants and Permission.PLAN not in grants:
        grants[Permission.READ] = NOWHERE  # what is open to all, nothing private
    return grants


def granted_to(person: Standing, scopes: Collection[Scope] | None) -> Grants:
    """Return what a person may do, by a credential with these scopes (None: with any)."""
    allowed = _OF_ROLE[person.role]
    if Permission.PLAN in allowed and person.role is not Role.MEMBER:
        grants = dict.fromkeys(allowed, EVERYTHING)
    else:
        grants = _of_place(person, allowed)
    if scopes is None:
        return grants
    narrowed = {permission for scope in scopes for permission in _OF_SCOPE[scope]}
    if person.role is not Role.ADMIN:
        narrowed -= _HAS_KEYS
    return {permission: reach for permission, reach in grants.items() if permission in narrowed}


def _of_place(person: Standing, allowed: set[Permission]) -> dict[Permission, Reach]:
    """Return the grants of a viewer or member, who may lead units."""
    own_unit = frozenset() if person.unit_id is None else frozenset({person.unit_id})
    is_member = person.role is Role.MEMBER
    works = Reach(units=person.led, person_id=person.person_id if is_member else None)
    grants = dict.fromkeys(allowed | (_WORKS if person.led else set()), works)
    return grants | {
        Permission.READ: Reach(units=person.led | own_unit, person_id=person.person_id),
        Permission.READ_ORGANISATION: EVERYTHING,
    }


def require(who: Principal, permission: Permission) -> None:
    """Let a caller through who has a permission, however far it reaches.

    Raises:
        NotPermitted: the caller has not.
    """
    if permission not in who.grants:
        raise NotPermitted(permission)


def require_everywhere(who: Principal, permission: Permission) -> None:
    """Let a caller through who has a permission for everything there is in the tenant.

    Raises:
        NotPermitted: the caller has not.
    """
    if not who.reach(permission).everything:
        raise NotPermitted(permission)


def require_to_give(who: Principal, scopes: Collection[Scope], grants: Grants) -> None:
    """Let a caller through who has these scopes, and all that a credential of them grants.

    Raises:
        NotPermitted: the caller has not.
    """
    for scope in scopes:
        require(who, _HELD_BY[scope])
    for permission, reach in grants.items():
        if not who.reach(permission).includes(reach):
            raise NotPermitted(permission)


def require_to_place(
    who: Principal, permission: Permission, unit_id: UUID, *owners: UUID | None
) -> None:
    """Let a caller through who may put a thing of these owners into a unit.

    Anything into one they lead; what is their own, into the one they are of.

    Raises:
        NotPermitted: the caller may not.
    """
    require_for(who, permission, unit_id, *owners)
    reach = who.reach(permission)
    if not reach.covers(unit_id, ()) and unit_id != who.unit_id:
        raise NotPermitted(permission)


def require_for(
    who: Principal, permission: Permission, unit_id: UUID, *owners: UUID | None
) -> None:
    """Let a caller through who has a permission for what is of this unit and these owners.

    Raises:
        NotPermitted: the caller has not.
    """
    if not who.reach(permission).covers(unit_id, owners):
        raise NotPermitted(permission)

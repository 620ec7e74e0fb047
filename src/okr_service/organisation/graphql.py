"""Units, people and the tenant in GraphQL."""

from typing import Any

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Question, ReadCall, Room, Write, WriteCall
from okr_service.graphql.writes import Kept
from okr_service.kernel.patch import patched
from okr_service.organisation import service
from okr_service.organisation.erasure import erase_person
from okr_service.organisation.errors import PersonNotFound, UnitNotFound
from okr_service.organisation.handover import hand_over
from okr_service.organisation.model import Person, Unit
from okr_service.organisation.reads import PEOPLE, UNITS, people_wanted, units_wanted
from okr_service.organisation.shapes import (
    HandedOver,
    HandingOver,
    NewPerson,
    NewUnit,
    PersonListing,
    PersonView,
    RoleAssignment,
    TenantSettings,
    TenantView,
    UnitListing,
    UnitView,
)
from okr_service.organisation.tenant import edit_tenant, show_tenant

UNIT = Kind(
    "Unit",
    "units",
    UNITS,
    UnitView,
    Permission.READ_ORGANISATION,
    UnitListing,
    lambda who, wanted: units_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    UnitNotFound,
    NewUnit,
)
PERSON = Kind(
    "Person",
    "people",
    PEOPLE,
    PersonView,
    Permission.READ_ORGANISATION,
    PersonListing,
    lambda who, wanted: people_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    PersonNotFound,
    NewPerson,
)
UNIT.link(
    "parent", Unit.parent_id, UNIT, "The unit it belongs to.",
    back="children", about_back="The units directly in it.", sort="name",
)  # fmt: skip
UNIT.link(
    "manager", Unit.manager_id, PERSON, "The person who leads it.",
    back="managed_units", about_back="The units that they lead.", sort="name",
)  # fmt: skip
PERSON.link(
    "unit", Person.unit_id, UNIT, "The unit they belong to.",
    back="people", about_back="Who belongs to it.", sort="name",
)  # fmt: skip


async def _tenant(call: ReadCall, *_: object) -> str:
    return (await show_tenant(call.tx, call.who)).text


async def _assign_role(call: WriteCall, given: RoleAssignment) -> Done:
    person = await service.assign_role(call.tx, call.who, call.ref, given.role, call.versions)
    return Done(person.id)


async def _hand_over(call: WriteCall, given: HandingOver) -> Done:
    done = await hand_over(call.tx, call.who, call.ref, given.to_id, call.versions)
    return Done(told=done.model_dump(mode="json"))


async def _erase(call: WriteCall, _: Any) -> Done:
    person = await erase_person(call.tx, call.who, call.ref, call.versions)
    return Done(None if person is None else person.id)


async def _edit_tenant(call: WriteCall, changes: Any) -> Done:
    await edit_tenant(call.tx, call.who, patched(TenantSettings, changes), call.versions)
    return await _as_it_is(call)


async def _replace_tenant(call: WriteCall, settings: TenantSettings) -> Done:
    await edit_tenant(call.tx, call.who, lambda _: settings, call.versions)
    return await _as_it_is(call)


async def _as_it_is(call: WriteCall) -> Done:
    shown = await show_tenant(call.tx, call.who)
    return Done(told=TenantView.model_validate_json(shown.text).model_dump(mode="json"))


_units = Kept(
    UNIT, NewUnit, Permission.EDIT_UNITS,
    service.create_unit, service.edit_unit, service.delete_unit,
)  # fmt: skip
_people = Kept(
    PERSON, NewPerson, Permission.EDIT_PEOPLE,
    service.create_person, service.edit_person, service.delete_person,
)  # fmt: skip
ROOM = Room(
    [UNIT, PERSON],
    [
        Question(
            "tenant", "The tenant and its settings.", Permission.READ, TenantView, _tenant, of=None
        )
    ],
    [
        *_units.writes("a unit"),
        *_people.writes("a person"),
        Write(
            "assignRole", "Say what a person may do in the tenant.", Permission.ADMINISTER,
            _assign_role, RoleAssignment, shows=PERSON,
        ),
        Write(
            "handOver", "Give what a person is still at to another, or to who leads them.",
            Permission.EDIT_PEOPLE, _hand_over, HandingOver, also=HandedOver,
        ),
        Write(
            "erasePerson",
            "Erase what is known of a person, for good; the id stays.",
            Permission.ADMINISTER, _erase, shows=PERSON,
        ),
        Write(
            "editTenant", "Change some of the tenant's settings.", Permission.ADMINISTER,
            _edit_tenant, TenantSettings, partial=True, about_one=False, also=TenantView,
            nested="changes",
        ),
        Write(
            "replaceTenant", "Replace the tenant's settings.", Permission.ADMINISTER,
            _replace_tenant, TenantSettings, about_one=False, also=TenantView, nested="settings",
        ),
    ],
)  # fmt: skip

"""Units and people over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.kernel.paging import Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies
from okr_service.organisation import handover, service
from okr_service.organisation.erasure import erase_person as erase
from okr_service.organisation.errors import PersonNotFound, UnitNotFound
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
from okr_service.rest.answers import computed, document, no_content, page, resource, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import Read, Write, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("organisation")


@router.get("/units", response_model=PageOf[UnitView])
@needs(Permission.READ_ORGANISATION)
async def list_units(wanted: Annotated[UnitListing, Query()], call: Read) -> Response:
    """List units."""
    return await page(call, UNITS, units_wanted(call.who.tenant_id, wanted), wanted.page())


@router.post("/units", status_code=201, response_model=UnitView)
@needs(Permission.EDIT_UNITS)
async def create_unit(body: NewUnit, call: Write) -> Response:
    """Set up a unit."""
    made = await service.create_unit(call.tx, call.who, body)
    return await written(call, UNITS, made.id, "/v1/units")


@router.get("/units/{ref:path}", response_model=UnitView)
@needs(Permission.READ_ORGANISATION)
async def get_unit(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a unit."""
    named = identifies(Unit, call.who.tenant_id, ref)
    return await show(call, UNITS, named, UnitNotFound(ref), shape.shape())


@router.put("/units/{ref:path}", response_model=UnitView, responses={201: {"model": UnitView}})
@needs(Permission.EDIT_UNITS)
async def put_unit(ref: PathRef, body: NewUnit, call: Write) -> Response:
    """Replace a unit, or create it under the caller's own key."""

    async def create(new: NewUnit) -> Unit:
        return await service.create_unit(call.tx, call.who, new)

    async def replace(new: NewUnit) -> Unit:
        expected = expected_versions(call)
        return await service.edit_unit(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, UNITS, ref, body, UnitNotFound(ref), create, replace)


@router.patch("/units/{ref:path}", response_model=UnitView, openapi_extra=patch_of(NewUnit))
@needs(Permission.EDIT_UNITS)
async def patch_unit(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a unit (JSON Merge Patch)."""
    edit, expected = patched(NewUnit, body), expected_versions(call)
    changed = await service.edit_unit(call.tx, call.who, ref, edit, expected)
    return await written(call, UNITS, changed.id)


@router.delete("/units/{ref:path}", status_code=204)
@needs(Permission.EDIT_UNITS)
async def delete_unit(ref: PathRef, call: Write) -> Response:
    """Delete a unit that nothing refers to."""
    await service.delete_unit(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.get("/people", response_model=PageOf[PersonView])
@needs(Permission.READ_ORGANISATION)
async def list_people(wanted: Annotated[PersonListing, Query()], call: Read) -> Response:
    """List people."""
    return await page(call, PEOPLE, people_wanted(call.who.tenant_id, wanted), wanted.page())


@router.post("/people", status_code=201, response_model=PersonView)
@needs(Permission.EDIT_PEOPLE)
async def create_person(body: NewPerson, call: Write) -> Response:
    """Register a person."""
    made = await service.create_person(call.tx, call.who, body)
    return await written(call, PEOPLE, made.id, "/v1/people")


@router.post("/people/{ref:path}:assign-role", response_model=PersonView)
@needs(Permission.ADMINISTER)
async def assign_role(ref: PathRef, body: RoleAssignment, call: Write) -> Response:
    """Say what a person may do in the tenant."""
    expected = expected_versions(call)
    person = await service.assign_role(call.tx, call.who, ref, body.role, expected)
    return await written(call, PEOPLE, person.id)


@router.post("/people/{ref:path}:hand-over", response_model=HandedOver)
@needs(Permission.EDIT_PEOPLE)
async def hand_over(ref: PathRef, call: Write, body: HandingOver | None = None) -> Response:
    """Give what a person is still at to another, or to who leads them."""
    to, expected = body.to_id if body else None, expected_versions(call)
    given = await handover.hand_over(call.tx, call.who, ref, to, expected)
    return computed(given.model_dump(mode="json"))


@router.get("/people/{ref:path}", response_model=PersonView)
@needs(Permission.READ_ORGANISATION)
async def get_person(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a person."""
    named = identifies(Person, call.who.tenant_id, ref)
    return await show(call, PEOPLE, named, PersonNotFound(ref), shape.shape())


@router.put("/people/{ref:path}", response_model=PersonView, responses={201: {"model": PersonView}})
@needs(Permission.EDIT_PEOPLE)
async def put_person(ref: PathRef, body: NewPerson, call: Write) -> Response:
    """Replace a person, or create it under the caller's own key."""

    async def create(new: NewPerson) -> Person:
        return await service.create_person(call.tx, call.who, new)

    async def replace(new: NewPerson) -> Person:
        expected = expected_versions(call)
        return await service.edit_person(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, PEOPLE, ref, body, PersonNotFound(ref), create, replace)


@router.patch("/people/{ref:path}", response_model=PersonView, openapi_extra=patch_of(NewPerson))
@needs(Permission.EDIT_PEOPLE)
async def patch_person(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a person (JSON Merge Patch)."""
    edit, expected = patched(NewPerson, body), expected_versions(call)
    changed = await service.edit_person(call.tx, call.who, ref, edit, expected)
    return await written(call, PEOPLE, changed.id)


@router.delete("/people/{ref:path}", status_code=204)
@needs(Permission.EDIT_PEOPLE)
async def delete_person(ref: PathRef, call: Write) -> Response:
    """Delete the record of a person that nothing refers to."""
    await service.delete_person(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.post(
    "/people/{ref:path}:erase",
    response_model=PersonView,
    responses={204: {"description": "The record was deleted before; what else there was is gone."}},
)
@needs(Permission.ADMINISTER)
async def erase_person(ref: PathRef, call: Write) -> Response:
    """Erase what is known of a person, for good; the id stays."""
    person = await erase(call.tx, call.who, ref, expected_versions(call))
    return no_content() if person is None else await written(call, PEOPLE, person.id)


@router.get("/tenant", response_model=TenantView)
@needs(Permission.READ)
async def get_tenant(call: Read) -> Response:
    """Show the tenant and its settings."""
    return document(call, await show_tenant(call.tx, call.who))


@router.put("/tenant", response_model=TenantView)
@needs(Permission.ADMINISTER)
async def put_tenant(body: TenantSettings, call: Write) -> Response:
    """Replace the tenant's settings."""
    await edit_tenant(call.tx, call.who, lambda _: body, expected_versions(call))
    return resource(await show_tenant(call.tx, call.who))


@router.patch("/tenant", response_model=TenantView, openapi_extra=patch_of(TenantSettings))
@needs(Permission.ADMINISTER)
async def patch_tenant(body: Patch, call: Write) -> Response:
    """Change some of the tenant's settings (JSON Merge Patch)."""
    edit, expected = patched(TenantSettings, body), expected_versions(call)
    await edit_tenant(call.tx, call.who, edit, expected)
    return resource(await show_tenant(call.tx, call.who))

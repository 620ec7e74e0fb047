"""The storage that scim2-server asks: one for each request, in its transaction and tenant."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from scim2_models import (
    NotFoundException,
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import AsyncScimStorage, SearchPage
from sqlalchemy.ext.asyncio import AsyncSession

from okr_service.access.policy import Principal
from okr_service.kernel import references
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import ExternalIdTaken
from okr_service.kernel.forest import hold_structure
from okr_service.organisation.errors import PersonNotFound, UnitNotFound
from okr_service.organisation.model import Person, Unit
from okr_service.scim import grouping, service
from okr_service.scim.errors import UserNameTaken
from okr_service.scim.paging import page_of
from okr_service.scim.people import people, user_columns, users
from okr_service.scim.units import group_columns, groups, units

_USER = "User"


class OrganisationStorage(AsyncScimStorage):
    """People and units as users and groups.

    What is got in a transaction is held until it ends: a PUT or PATCH reads, applies and
    writes one state. Before a group the structure is held, as wherever units move.
    """

    supports_cursors = True

    def __init__(self, tx: Reading, who: Principal) -> None:
        self._tx, self._who = tx, who

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a person or a unit."""
        row_id = _row_id(resource_type, resource_id)
        if isinstance(self._tx, AsyncSession):
            await self._hold(self._tx, resource_type, row_id)
        with_members = _wants_members(response_parameters)
        shown: Resource[Any] = await self._shown(resource_type, row_id, with_members=with_members)
        return shown

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,  # what JSON holds
    ) -> SearchPage:
        """Return a page of people or units."""
        if len(resource_types) > 1:
            raise NotImplementedException(detail="Search /Users or /Groups")
        tenant_id = self._who.tenant_id
        if resource_types[0].name == _USER:
            columns, asked, row_id = user_columns(tenant_id), people, Person.id
        else:
            columns, asked, row_id = group_columns(tenant_id), units, Unit.id
        found = await page_of(
            self._tx,
            columns,
            lambda *wanted: asked(tenant_id, *wanted),
            row_id,
            search_request,
            position,
        )
        if resource_types[0].name == _USER:
            shown = await users(self._tx, tenant_id, found.ids)
        else:
            with_members = _wants_members(search_request)
            shown = await groups(self._tx, tenant_id, found.ids, with_members=with_members)
        # What was deleted between the two statements is not there any more.
        resources = [shown[each] for each in found.ids if each in shown]
        return SearchPage(found.total, resources, found.next, found.previous)

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Register a person, or set up a unit."""
        made: Any = resource.model_copy(deep=True)
        create = service.create_user if resource_type.name == _USER else grouping.create_group
        with _unique():
            row_id = await create(self._writing, self._who, made)
        shown: Resource[Any] = await self._shown(resource_type, row_id)
        return shown

    async def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Make a person or a unit what a resource says."""
        row_id = _row_id(resource_type, resource.id or "")
        present = await self._expected(resource_type, row_id, expected_version)
        given: Any = resource
        update = service.update_user if resource_type.name == _USER else grouping.update_group
        with _unique():
            await update(self._writing, self._who, row_id, given, present)
        shown: Resource[Any] = await self._shown(resource_type, row_id)
        return shown

    async def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Delete a person or a unit."""
        row_id = _row_id(resource_type, resource_id)
        present = await self._expected(resource_type, row_id, expected_version)
        if resource_type.name == _USER:
            await service.delete_user(self._writing, self._who, row_id, present)
        else:
            await grouping.delete_group(self._writing, self._who, row_id, present)

    def operation(self) -> AbstractAsyncContextManager[None]:
        """Take back what a failed operation of several did, and only that."""
        return _savepoint(self._tx)

    @property
    def _writing(self) -> Transaction:
        assert isinstance(self._tx, AsyncSession), "what writes has a transaction"
        return self._tx

    async def _hold(self, tx: Transaction, resource_type: ResourceType, row_id: UUID) -> None:
        tenant_id, name = self._who.tenant_id, str(row_id)
        try:
            if resource_type.name == _USER:
                await references.lock(tx, Person, tenant_id, row_id, PersonNotFound(name))
            else:
                await hold_structure(tx, tenant_id, alone=True)
                await references.lock(tx, Unit, tenant_id, row_id, UnitNotFound(name))
        except (PersonNotFound, UnitNotFound) as error:
            raise _absent(resource_type, name) from error

    async def _shown(
        self, resource_type: ResourceType, row_id: UUID, *, with_members: bool = True
    ) -> Any:  # a User or a Group, whose classes are made at run time
        tenant_id = self._who.tenant_id
        if resource_type.name == _USER:
            shown = await users(self._tx, tenant_id, [row_id])
        else:
            shown = await groups(self._tx, tenant_id, [row_id], with_members=with_members)
        if row_id not in shown:
            raise _absent(resource_type, str(row_id))
        return shown[row_id]

    async def _expected(
        self, resource_type: ResourceType, row_id: UUID, version: str | None
    ) -> Any:  # as `_shown`
        await self._hold(self._writing, resource_type, row_id)
        present = await self._shown(resource_type, row_id)
        if version is not None and present.meta.version != version:
            raise PreconditionFailedException
        return present


@contextmanager
def _unique() -> Iterator[None]:
    try:
        yield
    except (UserNameTaken, ExternalIdTaken) as error:
        raise UniquenessException from error


@asynccontextmanager
async def _savepoint(tx: Reading) -> AsyncIterator[None]:
    if isinstance(tx, AsyncSession):
        async with tx.begin_nested():
            yield
    else:
        yield


def _row_id(resource_type: ResourceType, resource_id: str) -> UUID:
    try:
        return UUID(resource_id)
    except ValueError as error:
        raise _absent(resource_type, resource_id) from error


def _absent(resource_type: ResourceType, resource_id: str) -> NotFoundException:
    return NotFoundException(detail=f"{resource_type.name} {resource_id!r} not found")


def _wants_members(wanted: ResponseParameters[Any] | None) -> bool:
    if wanted is None:
        return True
    if wanted.attributes:
        return any("members" in str(path).lower() for path in wanted.attributes)
    without = {str(path).lower().rpartition(":")[2] for path in wanted.excluded_attributes or ()}
    return "members" not in without

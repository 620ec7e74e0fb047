"""The storage keeps the contract of scim2-server's storages, whose tests these are."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import pytest
from scim2_models import Resource, ResourceType, ScimProvider
from scim2_server.storage import AsyncScimStorage, ScimStorage, SearchPage
from scim2_server.testing import SEARCH_USERS, AsyncScimStorageContract, BlockingStorage
from tests.conftest import Tenant

from okr_service.access.policy import Principal, Scope, granted
from okr_service.kernel.database import Database
from okr_service.scim.shapes import provider_of
from okr_service.scim.storage import OrganisationStorage
from okr_service.settings import Settings

_T = TypeVar("_T")


class TransactionEach(AsyncScimStorage):
    """A storage for each call, in a transaction of its own, as each request has."""

    supports_cursors = OrganisationStorage.supports_cursors

    def __init__(self, database: Database, who: Principal) -> None:
        self._database, self._who = database, who

    async def _in(self, do: Callable[[OrganisationStorage], Awaitable[_T]]) -> _T:
        async with self._database.transaction(self._who.tenant_id) as tx:
            return await do(OrganisationStorage(tx, self._who))

    async def get(
        self, resource_type: ResourceType, resource_id: str, *, response_parameters: Any = None
    ) -> Resource[Any]:
        given = {"response_parameters": response_parameters}
        return await self._in(lambda storage: storage.get(resource_type, resource_id, **given))

    async def search(
        self, resource_types: list[ResourceType], search_request: Any, *, position: Any = None
    ) -> SearchPage:
        return await self._in(
            lambda storage: storage.search(resource_types, search_request, position=position)
        )

    async def create(self, resource_type: ResourceType, resource: Any) -> Resource[Any]:
        return await self._in(lambda storage: storage.create(resource_type, resource))

    async def update(
        self, resource_type: ResourceType, resource: Any, *, expected_version: str | None = None
    ) -> Resource[Any]:
        given = {"expected_version": expected_version}
        return await self._in(lambda storage: storage.update(resource_type, resource, **given))

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        given = {"expected_version": expected_version}
        await self._in(lambda storage: storage.delete(resource_type, resource_id, **given))

    def operation(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class TestOrganisationStorage(AsyncScimStorageContract):
    """People and units, as a storage."""

    supports_root_search = False

    @pytest.fixture
    def provider(self, settings: Settings) -> ScimProvider:
        return provider_of(settings)

    @pytest.fixture
    def storage(
        self, settings: Settings, tenant: Tenant, provider: ScimProvider
    ) -> Iterator[ScimStorage]:
        who = Principal(tenant.tenant_id, "HR", granted([Scope.ORGANISATION]), "test")
        database = Database(settings)
        with asyncio.Runner() as runner, provider:
            yield BlockingStorage(TransactionEach(database, who), runner)
            runner.run(database.close())

    @staticmethod
    def search_request(models: Any, **parameters: Any) -> Any:
        """Ask for pages as the protocol does, which bounds them."""
        bounded = {"count": 100, **parameters}
        return AsyncScimStorageContract.search_request(models, **bounded)

    def search_users(self) -> list[dict[str, Any]]:
        return SEARCH_USERS

"""Taking on tenants: each with a first admin key."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from okr_service.access.policy import Permission, Principal, Scope, require
from okr_service.audit.service import Change, record
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.model import ApiKey
from okr_service.credentials.service import issue
from okr_service.credentials.shapes import NewTenant
from okr_service.kernel.database import Database, Transaction, enter_tenant
from okr_service.kernel.model import new_id
from okr_service.organisation.model import Tenant
from okr_service.organisation.tenant import found_tenant

# The tenant of OKR_BOOTSTRAP_API_KEY, which names none itself.
BOOTSTRAP_TENANT_ID = UUID("00000000-0000-7000-8000-000000000001")


async def create_tenant(
    tx: Transaction, who: Principal, new: NewTenant, issuing: Issuing
) -> tuple[Tenant, ApiKey, str]:
    """Take on a customer; returns it with its first admin key, and that key itself.

    Both tenants are told: the new one where it comes from, the operator's what was done.

    Raises:
        NotPermitted: the caller is no operator.
    """
    require(who, Permission.OPERATE)
    founder = replace(who, tenant_id=new_id())
    change = Change("created", "tenant", founder.tenant_id, after={"name": new.name})
    await record(tx, who, change)
    made = await _take_on(tx, founder, new.name, issuing)
    await enter_tenant(tx, who.tenant_id)
    return made


async def found_with_key(tx: Transaction, name: str, issuing: Issuing) -> tuple[Tenant, str]:
    """Take on a customer on nobody's behalf; returns it and its first admin key."""
    founder = Principal(new_id(), "setup", {}, "setup")
    tenant, _, key = await _take_on(tx, founder, name, issuing)
    return tenant, key


async def found_bootstrap_tenant(database: Database) -> None:
    """Make sure that the bootstrap key's tenant is there."""
    founder = Principal(BOOTSTRAP_TENANT_ID, "bootstrap", {}, "bootstrap")
    async with database.transaction(BOOTSTRAP_TENANT_ID) as tx:
        await found_tenant(tx, founder, "Default")


async def _take_on(
    tx: Transaction, founder: Principal, name: str, issuing: Issuing
) -> tuple[Tenant, ApiKey, str]:
    await enter_tenant(tx, founder.tenant_id)
    tenant = await found_tenant(tx, founder, name)
    assert tenant is not None, "its id is new"
    expires_at = issuing.expiry(None, datetime.now(UTC))
    first = ApiKey(
        tenant_id=founder.tenant_id, name="admin", scopes=[Scope.ADMIN.value], expires_at=expires_at
    )
    return tenant, first, await issue(tx, founder, first, issuing)

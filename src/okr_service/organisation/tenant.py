"""The tenant: how it is founded, and what its admins decide."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import Change, record
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.documents import Representation
from okr_service.kernel.errors import VersionMismatch
from okr_service.kernel.queue import Task, put
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import differences
from okr_service.organisation.errors import ThresholdsOutOfOrder
from okr_service.organisation.model import Tenant
from okr_service.organisation.shapes import TenantSettings, TenantView

HOURLY = "hourly"  # the kind of job that each tenant has one of, see `okr_service.worker`
_FIRST_AFTER = timedelta(hours=1)  # nothing is due before
_SHOWN = [name for name in TenantView.model_fields if name != "id"]


async def found_tenant(tx: Transaction, who: Principal, name: str) -> Tenant | None:
    """Make the tenant that the caller acts in, and return it; None where it is there already."""
    founding = insert(Tenant).values(tenant_id=who.tenant_id, name=name)
    made: Tenant | None = await tx.scalar(founding.on_conflict_do_nothing().returning(Tenant))
    if made is not None:
        change = Change("created", "tenant", made.tenant_id, after={"name": name})
        await record(tx, who, change)
        # Under the tenant's own id, so that it can have no second one.
        await put(tx, HOURLY, Task(made.tenant_id, made.tenant_id), _FIRST_AFTER)
    return made


async def show_tenant(tx: Reading, who: Principal) -> Representation:
    """Return the caller's tenant and its settings; raises NotPermitted."""
    require(who, Permission.READ)
    t = Tenant.__table__
    row = (await tx.execute(select(t).where(t.c.tenant_id == who.tenant_id))).one()
    shown = tenant_view(row)
    return Representation(shown.model_dump_json(), shown.version)


def tenant_view(row: Tenant | Row[*tuple[object, ...]]) -> TenantView:
    """Return how a tenant is shown."""
    settings = {name: getattr(row, name) for name in _SHOWN}
    return TenantView.model_validate({"id": row.tenant_id, **settings})


async def edit_tenant(
    tx: Transaction,
    who: Principal,
    edit: Callable[[TenantSettings], TenantSettings],
    expected: Versions = None,
) -> None:
    """Change the tenant's settings into what `edit` makes of them.

    Raises:
        NotPermitted, VersionMismatch, ThresholdsOutOfOrder.
    """
    require(who, Permission.ADMINISTER)
    held = select(Tenant).where(Tenant.tenant_id == who.tenant_id)
    row = (await tx.scalars(held.with_for_update(key_share=True))).one()
    if expected is not None and row.version not in expected:
        raise VersionMismatch
    names = TenantSettings.model_fields
    wanted = edit(TenantSettings(**{name: getattr(row, name) for name in names}))
    if not wanted.behind_from < wanted.on_track_from < wanted.ahead_from:
        raise ThresholdsOutOfOrder().at("/on_track_from")
    changes = differences(row, dict(wanted))
    if not changes:
        return
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = func.clock_timestamp()
    await tx.flush()
    await record(tx, who, Change("updated", "tenant", who.tenant_id, before, changes))

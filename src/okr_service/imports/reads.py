"""What a tenant has that an import may name."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from okr_service.cycles.model import Cycle
from okr_service.kernel.database import Reading
from okr_service.organisation.model import Person, Unit

_LONGEST_LIST = 5_000


@dataclass(frozen=True)
class Lists:
    """What a template lets people choose from."""

    units: list[str]
    cycles: list[str]
    people: list[str]


async def lists(tx: Reading, tenant_id: UUID) -> Lists:
    """Read a tenant's units and open cycles by code, and its people by name and code."""
    units = select(Unit.external_id).where(
        Unit.tenant_id == tenant_id, Unit.external_id.is_not(None)
    )
    cycles = select(Cycle.code).where(Cycle.tenant_id == tenant_id, Cycle.state == "open")
    code = func.coalesce(Person.external_id, Person.email)
    people = select(Person.name, code).where(
        Person.tenant_id == tenant_id,
        Person.active,
        code.is_not(None),
    )
    return Lists(
        [str(c) for c in await tx.scalars(units.order_by(Unit.external_id).limit(_LONGEST_LIST))],
        list(await tx.scalars(cycles.order_by(Cycle.start_date, Cycle.code).limit(_LONGEST_LIST))),
        [
            f"{name} ({code})"
            for name, code in await tx.execute(people.order_by(Person.name).limit(_LONGEST_LIST))
        ],
    )

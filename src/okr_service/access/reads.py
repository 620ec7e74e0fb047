"""Which role and place a person has."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam

from okr_service.access.policy import Role, Standing
from okr_service.kernel.database import Reading
from okr_service.kernel.sql import load_sql

_STANDING = load_sql(__package__, "standing").bindparams(
    bindparam("tenant_id", type_=Uuid), bindparam("person_id", type_=Uuid)
)


async def standing(tx: Reading, tenant_id: UUID, person_id: UUID) -> Standing | None:
    """Return a person's role and place, or None where they do not work there (any more)."""
    of = {"tenant_id": tenant_id, "person_id": person_id}
    found = (await tx.execute(_STANDING, of)).one_or_none()
    if found is None or not found.active:
        return None
    return Standing(person_id, Role(found.role), found.unit_id, frozenset(found.led))

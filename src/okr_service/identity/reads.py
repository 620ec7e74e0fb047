"""How identity providers are shown and found, and who a token names."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, and_, any_, bindparam, column, func, select
from sqlalchemy.sql import ColumnElement

from okr_service.access.policy import Role
from okr_service.identity.model import IdentityProvider
from okr_service.identity.provider import Algorithm, PersonKey, Provider
from okr_service.kernel.database import Reading
from okr_service.kernel.documents import Collection, open_to_all
from okr_service.organisation.model import Person

IDENTITY_PROVIDERS = Collection(
    IdentityProvider,
    {
        "id": IdentityProvider.id,
        "external_id": IdentityProvider.external_id,
        "version": IdentityProvider.version,
        "created_at": IdentityProvider.created_at,
        "updated_at": IdentityProvider.updated_at,
        "name": IdentityProvider.name,
        "issuer": IdentityProvider.issuer,
        "audience": IdentityProvider.audience,
        "jwks_url": IdentityProvider.jwks_url,
        "algorithms": IdentityProvider.algorithms,
        "clock_skew_seconds": IdentityProvider.clock_skew_seconds,
        "person_claim": IdentityProvider.person_claim,
        "person_key": IdentityProvider.person_key,
        "role_claim": IdentityProvider.role_claim,
        "roles": IdentityProvider.roles,
        "scope_prefix": IdentityProvider.scope_prefix,
        "enabled": IdentityProvider.enabled,
        "proven_at": IdentityProvider.proven_at,
    },
    seen=open_to_all,
    sorts={
        "name": IdentityProvider.name,
        "created_at": IdentityProvider.created_at,
        "updated_at": IdentityProvider.updated_at,
    },
)
IN_FORCE = and_(IdentityProvider.proven_at.is_not(None), IdentityProvider.enabled)
_COLUMNS = [getattr(IdentityProvider, name) for name in Provider.__dataclass_fields__]
# The one statement that cannot name a tenant; `functions.sql` says why.
_ANSWERING = select(
    func.okr_identity_providers(
        bindparam("issuer", type_=Text), bindparam("audiences", type_=ARRAY(Text))
    ).table_valued(*(column(c.name, c.type) for c in _COLUMNS))
)


async def provider_named(
    tx: Reading, tenant_id: UUID, condition: ColumnElement[bool]
) -> Provider | None:
    """Return the tenant's provider that a condition names, whether it is proven or not."""
    statement = select(*_COLUMNS).where(IdentityProvider.tenant_id == tenant_id, condition)
    found = (await tx.execute(statement)).one_or_none()
    return None if found is None else _provider(found)


async def provider_for(tx: Reading, issuer: str, audiences: Sequence[str]) -> Provider | None:
    """Return the provider that answers for an issuer and audiences, of whichever tenant."""
    asked = {"issuer": issuer, "audiences": list(audiences)}
    found = (await tx.execute(_ANSWERING, asked)).one_or_none()
    return None if found is None else _provider(found)


async def person_named(tx: Reading, tenant_id: UUID, key: PersonKey, name: str) -> UUID | None:
    """Return the one active person of this external id or e-mail address, if there is one."""
    statement = select(Person.id, Person.active).where(
        Person.tenant_id == tenant_id, _named(tenant_id, key, name)
    )
    found = (await tx.execute(statement.limit(2))).all()
    return found[0].id if len(found) == 1 and found[0].active else None


def _named(tenant_id: UUID, key: PersonKey, name: str) -> ColumnElement[bool]:
    if key is PersonKey.EXTERNAL_ID:
        return Person.external_id == name
    found = select(func.okr_people_of_address(tenant_id, name))
    return Person.id == any_(func.array(found.scalar_subquery()))


def _provider(row: Row[*tuple[object, ...]]) -> Provider:
    given = row._asdict()
    return Provider(
        **given
        | {
            "algorithms": frozenset(Algorithm(name) for name in given["algorithms"]),
            "person_key": PersonKey(given["person_key"]),
            "roles": {value: Role(role) for value, role in given["roles"].items()},
        }
    )

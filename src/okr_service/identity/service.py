"""Agreeing with issuers on tokens, and proving whose they are."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from okr_service.access.policy import Permission, Principal, Role, require
from okr_service.audit.service import Change, record
from okr_service.identity.addresses import is_beneath
from okr_service.identity.errors import (
    AlreadyProvenElsewhere,
    IdentityProviderNotFound,
    KeysNotOfIssuer,
)
from okr_service.identity.model import IdentityProvider
from okr_service.identity.provider import Algorithm, PersonKey, Provider
from okr_service.identity.reads import provider_named
from okr_service.identity.shapes import NewIdentityProvider
from okr_service.kernel import references
from okr_service.kernel.database import Reading, Transaction, constraint_name
from okr_service.kernel.errors import VersionMismatch
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import add, change, delete, differences

_PROVEN_ONCE = "identity_providers_issuer_audience_idx"
_PROOF_IS_OF = {"issuer", "audience", "jwks_url"}


async def create_provider(
    tx: Transaction, who: Principal, new: NewIdentityProvider
) -> IdentityProvider:
    """Agree with an issuer; its tokens are accepted once that is proven.

    Raises:
        NotPermitted, KeysNotOfIssuer, ExternalIdTaken.
    """
    require(who, Permission.ADMINISTER)
    row = IdentityProvider(tenant_id=who.tenant_id, **_values(new))
    await add(tx, row)
    after = new.model_dump(mode="json")
    await record(tx, who, Change("created", "identity_provider", row.id, after=after))
    return row


async def edit_provider(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewIdentityProvider], NewIdentityProvider],
    expected: Versions = None,
) -> IdentityProvider:
    """Change an agreement into what `edit` makes of it; of another issuer it is not proven yet.

    Raises:
        NotPermitted, IdentityProviderNotFound, VersionMismatch, KeysNotOfIssuer,
        ExternalIdTaken.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, expected)
    changes = differences(row, _values(edit(_input(row))))
    if _PROOF_IS_OF & changes.keys() and row.proven_at is not None:
        changes["proven_at"] = None
    if changes:
        before = await change(tx, row, changes)
        await record(tx, who, Change("updated", "identity_provider", row.id, before, changes))
    return row


async def delete_provider(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """End an agreement: its tokens are accepted no more.

    Raises:
        NotPermitted, IdentityProviderNotFound, VersionMismatch.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, ref, expected)
    before = _input(row).model_dump(mode="json")
    await delete(tx, row)
    await record(tx, who, Change("deleted", "identity_provider", row.id, before))


async def find_provider(
    tx: Reading, who: Principal, ref: Ref, expected: Versions = None
) -> Provider:
    """Return an agreement as tokens are judged by it.

    Raises:
        NotPermitted, IdentityProviderNotFound, VersionMismatch.
    """
    require(who, Permission.ADMINISTER)
    named = references.identifies(IdentityProvider, who.tenant_id, ref)
    provider = await provider_named(tx, who.tenant_id, named)
    if provider is None:
        raise IdentityProviderNotFound(ref)
    if expected is not None and provider.version not in expected:
        raise VersionMismatch
    return provider


async def prove_provider(tx: Transaction, who: Principal, shown: Provider) -> None:
    """Write down that a token was shown that the provider, as it was then, takes.

    Raises:
        NotPermitted, IdentityProviderNotFound, VersionMismatch: it has changed meanwhile,
        AlreadyProvenElsewhere.
    """
    require(who, Permission.ADMINISTER)
    row = await _held(tx, who, shown.id, frozenset([shown.version]))
    if row.proven_at is not None:
        return
    try:
        await change(tx, row, {"proven_at": func.clock_timestamp()})
    except IntegrityError as error:
        if constraint_name(error) == _PROVEN_ONCE:
            raise AlreadyProvenElsewhere from error
        raise
    after = {"issuer": shown.issuer, "audience": shown.audience}
    await record(tx, who, Change("proven", "identity_provider", row.id, after=after))


async def _held(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> IdentityProvider:
    absent = IdentityProviderNotFound(str(ref))
    return await references.lock(tx, IdentityProvider, who.tenant_id, ref, absent, expected)


def _values(new: NewIdentityProvider) -> dict[str, object]:
    # Keys found elsewhere would prove that a tenant has those keys, not that issuer.
    if new.jwks_url is not None and not is_beneath(new.jwks_url, new.issuer):
        raise KeysNotOfIssuer().at("/jwks_url")
    return new.model_dump() | {
        "algorithms": [algorithm.value for algorithm in dict.fromkeys(new.algorithms)],
        "person_key": new.person_key.value,
        "roles": {value: role.value for value, role in new.roles.items()},
    }


def _input(row: IdentityProvider) -> NewIdentityProvider:
    return NewIdentityProvider(
        external_id=row.external_id,
        name=row.name,
        issuer=row.issuer,
        audience=row.audience,
        jwks_url=row.jwks_url,
        algorithms=[Algorithm(name) for name in row.algorithms],
        clock_skew_seconds=row.clock_skew_seconds,
        person_claim=row.person_claim,
        person_key=PersonKey(row.person_key),
        role_claim=row.role_claim,
        roles={value: Role(role) for value, role in row.roles.items()},
        scope_prefix=row.scope_prefix,
        enabled=row.enabled,
    )

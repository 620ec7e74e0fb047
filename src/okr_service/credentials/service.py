"""Making API keys, replacing them and stopping them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from okr_service.access.errors import NotPermitted
from okr_service.access.policy import (
    Permission,
    Principal,
    Scope,
    Standing,
    granted,
    granted_to,
    require,
    require_to_give,
)
from okr_service.access.reads import standing
from okr_service.audit.service import Change, record
from okr_service.credentials.errors import (
    AlreadyRotated,
    ApiKeyEnded,
    ApiKeyNotFound,
    PersonNotActive,
)
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.keys import beginning, new_key
from okr_service.credentials.model import ApiKey
from okr_service.credentials.reads import keys_of
from okr_service.credentials.shapes import NewApiKey, Rotation
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.writes import add
from okr_service.organisation import service as organisation


async def create_api_key(
    tx: Transaction, who: Principal, new: NewApiKey, issuing: Issuing
) -> tuple[ApiKey, str]:
    """Make an API key; returns it and the key itself, which is kept nowhere.

    Who is no admin makes keys that stand for themselves.

    Raises:
        NotPermitted: it would do more than the caller may, or stand for somebody else.
        PersonNotFound, PersonNotActive, ExpiryInPast, ExpiryTooFar.
    """
    require(who, Permission.OWN_KEYS)
    person = await _bound_to(tx, who, new.person_id)
    _require_may_give(who, new.scopes, person)
    expires_at = issuing.expiry(new.expires_at, datetime.now(UTC))
    row = ApiKey(
        tenant_id=who.tenant_id,
        name=new.name,
        scopes=[str(scope) for scope in dict.fromkeys(new.scopes)],
        person_id=person and person.person_id,
        expires_at=expires_at,
    )
    return row, await issue(tx, who, row, issuing)


async def issue(tx: Transaction, who: Principal, row: ApiKey, issuing: Issuing) -> str:
    """Give a key its secret and keep it; returns the key as it is shown this once."""
    key = new_key(who.tenant_id)
    row.beginning, row.key_hash = beginning(key), issuing.hashing(key)
    await add(tx, row)
    told = {name: getattr(row, name) for name in ("name", "scopes", "expires_at")}
    links = {name: getattr(row, name) for name in ("person_id", "replaces_id")}
    after = told | {name: value for name, value in links.items() if value is not None}
    await record(tx, who, Change("created", "api_key", row.id, after=after))
    return key


async def rotate_api_key(
    tx: Transaction, who: Principal, key_id: UUID, rotation: Rotation, issuing: Issuing
) -> tuple[ApiKey, str]:
    """Make a key's successor, for the same; returns it and the new key itself.

    The old one goes on for the overlap, but not beyond its own expiry.

    Raises:
        NotPermitted: the key may do more than the caller.
        ApiKeyNotFound: the tenant has no such key, or it is not the caller's to see.
        ApiKeyEnded: it is revoked or expired.
        AlreadyRotated: it has a successor that is not revoked.
        PersonNotActive, ExpiryInPast, ExpiryTooFar.
    """
    require(who, Permission.OWN_KEYS)
    old, now = await _hold(tx, who, key_id), datetime.now(UTC)
    if not _in_force(old, now):
        raise ApiKeyEnded
    latest = await _latest_successor(tx, old)
    if latest is not None and latest.revoked_at is None:
        raise AlreadyRotated(str(latest.id))
    await _require_may_give_again(tx, who, old)
    # Once rotated, a key's own expiry is not the one that it was made with.
    life = _life(latest or old)
    new = ApiKey(
        tenant_id=who.tenant_id,
        name=old.name,
        scopes=old.scopes,
        person_id=old.person_id,
        replaces_id=old.id,
        expires_at=issuing.expiry(rotation.expires_at, now, life),
    )
    key = await issue(tx, who, new, issuing)
    await _retire(tx, who, old, now + timedelta(seconds=rotation.overlap_seconds))
    return new, key


async def revoke_api_key(tx: Transaction, who: Principal, key_id: UUID) -> ApiKey:
    """Stop an API key from working.

    Raises:
        NotPermitted: the caller is neither an admin nor a person with keys of their own.
        ApiKeyNotFound: the tenant has no such key, or it is not the caller's to see.
    """
    require(who, Permission.OWN_KEYS)
    row = await _hold(tx, who, key_id)
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
        await tx.flush()
        after = {"revoked_at": row.revoked_at}
        await record(tx, who, Change("revoked", "api_key", row.id, {"revoked_at": None}, after))
    return row


async def _bound_to(tx: Transaction, who: Principal, ref: Ref | None) -> Standing | None:
    """Return the person that a new key is to stand for, or None for an integration's."""
    person_id = await organisation.person_id(tx, who, ref, "/person_id")
    if Permission.ADMINISTER not in who.grants:
        if ref is not None and person_id != who.person_id:
            raise NotPermitted(Permission.ADMINISTER).at("/person_id")
        person_id = who.person_id
        assert person_id is not None, "only people have keys of their own"
    if person_id is None:
        return None
    gone = PersonNotActive(ref or str(person_id)).at("/person_id")
    return await _person(tx, who, person_id, gone)


async def _person(
    tx: Transaction, who: Principal, person_id: UUID, gone: PersonNotActive
) -> Standing:
    person = await standing(tx, who.tenant_id, person_id)
    if person is None:
        raise gone
    return person


def _require_may_give(who: Principal, scopes: Sequence[Scope], person: Standing | None) -> None:
    """Let a caller through who may do all that a key of these scopes could; NotPermitted."""
    grants = granted(scopes) if person is None else granted_to(person, scopes)
    require_to_give(who, scopes, grants)


async def _require_may_give_again(tx: Transaction, who: Principal, old: ApiKey) -> None:
    """Let a caller through who could make such a key; raises NotPermitted, PersonNotActive."""
    person = None
    if old.person_id is not None:
        gone = PersonNotActive(str(old.person_id))
        person = await _person(tx, who, old.person_id, gone)
    _require_may_give(who, [Scope(scope) for scope in old.scopes], person)


async def _hold(tx: Transaction, who: Principal, key_id: UUID) -> ApiKey:
    # Not against those who note that the key was used: they only refer to it.
    row = await tx.scalar(
        select(ApiKey)
        .where(ApiKey.tenant_id == who.tenant_id, ApiKey.id == key_id, *keys_of(who))
        .with_for_update(key_share=True)
    )
    if row is None:
        raise ApiKeyNotFound(str(key_id))
    return row


async def _latest_successor(tx: Transaction, old: ApiKey) -> ApiKey | None:
    found: ApiKey | None = await tx.scalar(
        select(ApiKey)
        .where(ApiKey.tenant_id == old.tenant_id, ApiKey.replaces_id == old.id)
        .order_by(ApiKey.id.desc())
        .limit(1)
    )
    return found


async def _retire(tx: Transaction, who: Principal, old: ApiKey, at: datetime) -> None:
    before = old.expires_at
    old.expires_at = at if before is None else min(before, at)
    await tx.flush()
    was, is_now = {"expires_at": before}, {"expires_at": old.expires_at}
    await record(tx, who, Change("rotated", "api_key", old.id, was, is_now))


def _in_force(row: ApiKey, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


def _life(row: ApiKey) -> timedelta | None:
    return None if row.expires_at is None else row.expires_at - row.created_at

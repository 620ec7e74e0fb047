"""Calendars of what people own: where they are, and what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Row,
    Select,
    SQLColumnExpression,
    delete,
    func,
    literal,
    select,
    union_all,
    update,
)

from okr_service.access.errors import InvalidCredential, NotPermitted
from okr_service.access.policy import Permission, Principal, Scope, granted_to, require
from okr_service.access.reads import standing
from okr_service.audit.service import Change, record
from okr_service.credentials.hashing import KeyedHash
from okr_service.credentials.keys import new_key, tenant_of
from okr_service.cycles.model import Cycle
from okr_service.kernel import references
from okr_service.kernel.database import Database, Reading, Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.writes import add
from okr_service.objectives.access import objective_seen
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.model import Person
from okr_service.reminders.due import ACTIONS, CHECK_INS, Reminded
from okr_service.reminders.errors import CalendarNotFound, CalendarOfNobody, NoCalendarOf
from okr_service.reminders.model import CalendarAddress
from okr_service.reminders.shapes import CalendarMade

PREFIX = "okrcal_"
_MOST = 1_000  # entries


@dataclass(frozen=True)
class Entry:
    """Something of a person's that is due: what, by when, and since when that is so."""

    kind: str
    id: UUID
    title: str
    objective: str
    due_date: date
    changed_at: datetime


async def create_calendar(
    tx: Transaction, who: Principal, ref: Ref, hashing: KeyedHash
) -> tuple[CalendarAddress, str]:
    """Give a person's calendar an address, and end the one it had; returns it and its secret.

    Raises:
        NotPermitted: the caller is neither this person, signed in, nor an admin.
        PersonNotFound, CalendarOfNobody.
    """
    person = await _person(tx, who, ref)
    if not person.active:
        raise CalendarOfNobody(ref)
    await _end(tx, who, person.id)
    secret = new_key(who.tenant_id, PREFIX)
    row = CalendarAddress(tenant_id=who.tenant_id, person_id=person.id, secret_hash=hashing(secret))
    await add(tx, row)
    told = Change("created", "calendar", row.id, after={"person_id": person.id})
    await record(tx, who, told)
    return row, secret


def made(row: CalendarAddress, secret: str) -> CalendarMade:
    """Return how a new address is shown, this once."""
    path = f"/v1/calendars/{secret}.ics"
    return CalendarMade(id=row.id, person_id=row.person_id, created_at=row.created_at, path=path)


async def delete_calendar(tx: Transaction, who: Principal, ref: Ref) -> UUID:
    """Take a calendar's address back; returns whose it was.

    Raises:
        NotPermitted: the caller is neither this person, signed in, nor an admin.
        PersonNotFound, NoCalendarOf.
    """
    person = await _person(tx, who, ref)
    if not await _end(tx, who, person.id):
        raise NoCalendarOf(ref)
    return person.id


async def _person(tx: Transaction, who: Principal, ref: Ref) -> Person:
    """Hold the person whose calendar the caller may give away: as those who make API keys."""
    require(who, Permission.OWN_KEYS)
    person = await references.lock(tx, Person, who.tenant_id, ref, PersonNotFound(ref))
    if Permission.ADMINISTER not in who.grants and person.id != who.person_id:
        raise NotPermitted(Permission.ADMINISTER)
    return person


async def _end(tx: Transaction, who: Principal, person_id: UUID) -> bool:
    of = (CalendarAddress.tenant_id == who.tenant_id, CalendarAddress.person_id == person_id)
    gone = delete(CalendarAddress).where(*of).returning(CalendarAddress.id)
    ended = await tx.scalar(gone.execution_options(synchronize_session=False))
    if ended is not None:
        before = {"person_id": person_id}
        await record(tx, who, Change("deleted", "calendar", ended, before))
    return ended is not None


async def opened(database: Database, hashing: KeyedHash, secret: str, request_id: str) -> Principal:
    """Return whom the secret of a calendar stands for, with what they may read and no more.

    What has not the form of one costs no statement.

    Raises:
        CalendarNotFound: it opens none, or whose it was does not work there any more.
    """
    try:
        tenant_id = tenant_of(secret, PREFIX)
    except InvalidCredential as error:
        raise CalendarNotFound from error
    hashes = hashing.known(secret)
    found = await _found(database, tenant_id, hashes)
    if found.secret_hash != hashes[0]:  # by the service's secret of before
        await _rehash(database, tenant_id, found.id, hashes[0])
    return await _reader(database, tenant_id, found, request_id)


async def _found(
    database: Database, tenant_id: UUID, hashes: Sequence[bytes]
) -> Row[UUID, bytes, UUID]:
    columns = (CalendarAddress.id, CalendarAddress.secret_hash, CalendarAddress.person_id)
    known = (
        CalendarAddress.tenant_id == tenant_id,
        CalendarAddress.secret_hash.in_(hashes),
    )
    async with database.reading(tenant_id) as tx:
        found = (await tx.execute(select(*columns).where(*known))).one_or_none()
    if found is None:
        raise CalendarNotFound
    return found


async def _reader(
    database: Database, tenant_id: UUID, found: Row[UUID, bytes, UUID], request_id: str
) -> Principal:
    async with database.reading(tenant_id) as tx:
        person = await standing(tx, tenant_id, found.person_id)
    if person is None:
        raise CalendarNotFound
    scopes = frozenset({Scope.READ})
    return Principal(
        tenant_id,
        f"calendar:{found.id}",
        granted_to(person, scopes),
        request_id,
        person.person_id,
        person.unit_id,
        scopes,
    )


async def _rehash(database: Database, tenant_id: UUID, row_id: UUID, new_hash: bytes) -> None:
    of = (CalendarAddress.tenant_id == tenant_id, CalendarAddress.id == row_id)
    async with database.transaction(tenant_id) as tx:
        await tx.execute(update(CalendarAddress).where(*of).values(secret_hash=new_hash))


async def entries(tx: Reading, who: Principal) -> list[Entry]:
    """Return what a person owns, may see, and is due, the first first; a thousand at most."""
    kinds = union_all(*(_entries_of(who, kind) for kind in (CHECK_INS, ACTIONS))).subquery()
    wanted = select(kinds).order_by(kinds.c.due_date, kinds.c.id).limit(_MOST)
    return [Entry(*row) for row in await tx.execute(wanted)]


def _entries_of(who: Principal, kind: Reminded) -> Select[*tuple[Any, ...]]:
    changed: list[SQLColumnExpression[Any]] = [
        one.updated_at for one in (kind.model, Objective, Cycle)
    ]
    changed += [KeyResult.observed_at] if kind is CHECK_INS else []
    return (
        kind.all_due(who.tenant_id)
        .with_only_columns(
            literal(kind.subject).label("kind"),
            kind.model.id.label("id"),
            kind.model.title,
            Objective.title.label("objective"),
            kind.due_date.label("due_date"),
            func.greatest(*changed),
            maintain_column_froms=True,
        )
        .where(kind.model.owner_id == who.person_id, *objective_seen(who.sight))
    )

"""Walking the chains of audit events, from the first event to the heads of their lanes."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Text, Uuid, cast, column, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.audit import chain
from okr_service.audit.chain import Event, Head
from okr_service.audit.model import AuditEvent, AuditLane, AuditPersonalData
from okr_service.kernel.database import Database

_AT_ONCE = 2_000
_COVERED = len(Event._fields)
_ERASED = ("erased", "person")
_TENANTS = text(
    "SELECT tenant_id FROM tenants UNION SELECT tenant_id FROM audit_lanes ORDER BY tenant_id"
).columns(column("tenant_id", Uuid))


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was recorded: where, and what."""

    tenant_id: UUID
    lane: int
    place: int
    what: str
    event_id: UUID | None = None

    def __str__(self) -> str:
        event = f" (event {self.event_id})" if self.event_id else ""
        return f"{self.tenant_id} lane {self.lane}, place {self.place}{event}: {self.what}"


@dataclass(frozen=True)
class PersonalData:
    """What an event says of a person."""

    person_id: UUID
    salt: bytes
    before: str | None
    after: str | None


@dataclass
class Findings:
    """What walking a tenant's chains came to; `heads` are where they really end."""

    tenant_id: UUID
    events: int = 0
    erased: int = 0
    faults: int = 0
    heads: dict[int, Head] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return one digest of every event there is."""
        return chain.digest(self.heads)


class Walk:
    """Holds a tenant's events against their hashes, their lanes' heads, and earlier heads.

    Events come lane by lane, in the order of their places. What is kept in mind does not
    grow with them, but for a count for each person whose data is gone.
    """

    def __init__(
        self, tenant_id: UUID, heads: Mapping[int, Head], earlier: Mapping[int, Head]
    ) -> None:
        self.findings = Findings(tenant_id)
        self._heads = dict(heads)
        self._earlier = {lane: head for lane, head in earlier.items() if head.length}
        self._lane: int | None = None
        self._last = Head()
        self._gone: dict[UUID, Event] = {}
        self._people_erased: set[UUID] = set()

    def step(self, event: Event, stored: bytes, data: PersonalData | None) -> Iterator[Fault]:
        """Take the next event, its hash, and what it says of a person, if that is there."""
        self.findings.events += 1
        if event.lane != self._lane:
            yield from self._end_lane()
            self._lane, self._last = event.lane, Head()
        yield from self._in_order(event, stored)
        yield from self._as_earlier(event.lane, Head(event.place, stored), event.id)
        yield from self._personal(event, data)
        self._last = Head(event.place, stored)

    def end(self) -> Iterator[Fault]:
        """Say what is missing now that no event follows."""
        yield from self._end_lane()
        for lane, head in self._heads.items():
            if head.length:
                yield self._fault(lane, 1, f"missing, as all events until place {head.length} are")
        for lane, head in self._earlier.items():
            yield self._fault(lane, head.length, "missing; it was there when the heads were saved")
        for person_id, event in self._gone.items():
            if person_id not in self._people_erased:
                what = "its personal data is gone, though nobody erased it"
                yield self._fault(event.lane, event.place, what, event.id)

    def _in_order(self, event: Event, stored: bytes) -> Iterator[Fault]:
        expected = self._last.length + 1
        if event.place > expected:
            gap = f"missing, with all before place {event.place}"
            yield self._fault(event.lane, expected, gap)
        elif event.place < expected:
            yield self._fault(event.lane, event.place, "not in its place", event.id)
        elif chain.event_hash(self._last.hash, event) != stored:
            what = "altered, or not what followed the one before"
            yield self._fault(event.lane, event.place, what, event.id)

    def _as_earlier(self, lane: int, reached: Head, event_id: UUID) -> Iterator[Fault]:
        earlier = self._earlier.get(lane)
        if earlier is None or earlier.length > reached.length:
            return
        del self._earlier[lane]
        if earlier != reached:
            what = "not what it was when the heads were saved"
            yield self._fault(lane, earlier.length, what, event_id)

    def _personal(self, event: Event, data: PersonalData | None) -> Iterator[Fault]:
        if (event.action, event.subject) == _ERASED:
            self._people_erased.add(event.subject_id)
        if data is not None:
            digest = chain.personal_digest(data.salt, data.before, data.after)
            if (data.person_id, digest) != (event.subject_id, event.personal_digest):
                what = "its personal data is altered"
                yield self._fault(event.lane, event.place, what, event.id)
        elif event.personal_digest is not None:
            self.findings.erased += 1
            self._gone.setdefault(event.subject_id, event)

    def _end_lane(self) -> Iterator[Fault]:
        if self._lane is None:
            return
        self.findings.heads[self._lane] = self._last
        head = self._heads.pop(self._lane, None)
        if head is None:
            yield self._fault(self._lane, self._last.length, "its lane has no head")
        elif head != self._last:
            what = f"not what the lane's head says, which is of place {head.length}"
            yield self._fault(self._lane, self._last.length, what)

    def _fault(self, lane: int, place: int, what: str, event_id: UUID | None = None) -> Fault:
        self.findings.faults += 1
        return Fault(self.findings.tenant_id, lane, place, what, event_id)


async def verify_all(
    database: Database,
    earlier: Mapping[UUID, Mapping[int, Head]],
    tell: Callable[[Fault], None],
) -> list[Findings]:
    """Walk the chains of all tenants, one by one; also of those of whom only heads are left."""
    async with database.snapshot() as connection:
        tenants = {*earlier, *(await connection.scalars(_TENANTS)).all()}
    found = []
    for tenant_id in sorted(tenants):
        async with database.snapshot() as connection:
            found.append(await verify(connection, tenant_id, earlier.get(tenant_id, {}), tell))
    return found


async def verify(
    tx: AsyncConnection,
    tenant_id: UUID,
    earlier: Mapping[int, Head],
    tell: Callable[[Fault], None],
) -> Findings:
    """Walk a tenant's chains, telling each fault when it is found.

    The connection has to see one state of the database throughout.
    """
    of = select(AuditLane.lane, AuditLane.length, AuditLane.hash)
    found = await tx.execute(of.where(AuditLane.tenant_id == tenant_id))
    heads = {row.lane: Head(row.length, row.hash) for row in found}
    walk = Walk(tenant_id, heads, earlier)
    async for event, stored, data in _events(tx, tenant_id):
        for fault in walk.step(event, stored, data):
            tell(fault)
    for fault in walk.end():
        tell(fault)
    return walk.findings


async def _events(
    tx: AsyncConnection, tenant_id: UUID
) -> AsyncIterator[tuple[Event, bytes, PersonalData | None]]:
    """Give a tenant's events by lane and place, read part by part off the index of places."""
    event, personal = AuditEvent.__table__.c, AuditPersonalData.__table__.c
    beside = (personal.tenant_id == tenant_id) & (personal.event_id == event.id)
    covered = [
        cast(event[name], Text) if name in ("before", "after") else event[name]
        for name in Event._fields
    ]
    said = (cast(personal.before, Text), cast(personal.after, Text))
    part = (
        select(*covered, event.hash, personal.person_id, personal.salt, *said)
        .outerjoin_from(AuditEvent, AuditPersonalData, beside)
        .where(event.tenant_id == tenant_id)
        .order_by(event.lane, event.place)
        .limit(_AT_ONCE)
    )
    rows = (await tx.execute(part)).all()
    while rows:
        for row in rows:
            stored, person_id, *said_of = row[_COVERED:]
            data = None if person_id is None else PersonalData(person_id, *said_of)
            yield Event(*row[:_COVERED]), stored, data
        beyond = tuple_(event.lane, event.place) > (rows[-1].lane, rows[-1].place)
        rows = (await tx.execute(part.where(beyond))).all()

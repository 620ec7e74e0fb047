"""Whatever the owner of the tables does to past events shows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.types import LargeBinary, Uuid
from tests.audit.walked import assert_chained, walked
from tests.build import Build
from tests.conftest import Tenant

from okr_service.audit import chain
from okr_service.audit.chain import Event, Head
from okr_service.audit.model import AuditEvent, AuditLane
from okr_service.audit.verification import Fault
from okr_service.kernel.database import Database, Transaction

_EVENTS = 6


class Owner:
    """Someone who may do everything to the tables."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self.database = database
        self.tenant_id = tenant_id

    async def run(self, statement: str, **values: object) -> None:
        """Run a statement about the tenant's events; `:at` is a place."""
        async with self.database.transaction() as tx:
            typed = [bindparam("tenant", type_=Uuid)]
            typed += [
                bindparam(name, type_=LargeBinary)
                for name, value in values.items()
                if isinstance(value, bytes)
            ]
            of = {"tenant": self.tenant_id, **values}
            await tx.execute(text(statement).bindparams(*typed), of)

    async def rewrite(self) -> None:
        """Compute all hashes anew, and the head, as if nothing had ever been different."""
        async with self.database.transaction() as tx:
            last = Head()
            for event, event_id in await self._events(tx):
                last = Head(event.place, chain.event_hash(last.hash, event))
                of = (AuditEvent.tenant_id == self.tenant_id, AuditEvent.id == event_id)
                await tx.execute(update(AuditEvent).where(*of).values(hash=last.hash))
            lane = update(AuditLane).where(AuditLane.tenant_id == self.tenant_id)
            await tx.execute(lane.values(length=last.length, hash=last.hash))

    async def _events(self, tx: Transaction) -> Sequence[tuple[Event, UUID]]:
        columns = ", ".join(
            f"{name}::text" if name in ("before", "after") else name for name in Event._fields
        )
        rows = await tx.execute(
            text(f"SELECT {columns} FROM audit_events WHERE tenant_id = :tenant ORDER BY place"),
            {"tenant": self.tenant_id},
        )
        return [(Event(*row), row.id) for row in rows]

    async def faults(self, earlier: dict[int, Head] | None = None) -> list[tuple[int, str]]:
        """Return the place of each fault, and what it is."""
        _, faults = await walked(self.database, self.tenant_id, earlier)
        return [(fault.place, _kind(fault)) for fault in faults]


def _kind(fault: Fault) -> str:
    return fault.what.partition(",")[0]


@pytest.fixture
async def owner(database: Database, tenant: Tenant, build: Build) -> Owner:
    """Leave six events in one lane, the last two of them about a person."""
    unit = await build.unit(name="A")
    for name in ("B", "C", "D"):
        await build.rest.patch(f"/v1/units/{unit['id']}", json={"name": name})
    person = await build.person(name="Mai")
    await build.rest.patch(f"/v1/people/{person['id']}", json={"email": "mai@sao-mai.vn"})
    found = await assert_chained(database, tenant.tenant_id)
    assert [(head.length) for head in found.heads.values()] == [_EVENTS]
    return Owner(database, tenant.tenant_id)


_AT_3 = "WHERE tenant_id = :tenant AND place = 3"


@pytest.mark.parametrize(
    "change",
    [
        """before = '{"name": "Z"}'""",
        """after = '{"name": "Z"}'""",
        "after = NULL",
        "actor_id = gen_random_uuid()",
        "credential = 'another'",
        "request_id = 'another'",
        "occurred_at = occurred_at - interval '1 microsecond'",
        "action = 'deleted'",
        "subject = 'objective'",
        "subject_id = gen_random_uuid()",
        "id = gen_random_uuid()",
        "personal_digest = 'x', before = NULL, after = NULL",
    ],
)
async def test_an_altered_event_is_found(owner: Owner, change: str) -> None:
    await owner.run(f"UPDATE audit_events SET {change} {_AT_3}")
    assert (3, "altered") in await owner.faults()


async def test_an_altered_hash_breaks_both_links(owner: Owner) -> None:
    await owner.run(f"UPDATE audit_events SET hash = sha256(hash) {_AT_3}")
    assert await owner.faults() == [(3, "altered"), (4, "altered")]


async def test_an_altered_event_with_a_hash_that_fits_it_breaks_the_next(owner: Owner) -> None:
    await owner.run(f"""UPDATE audit_events SET after = '{{"name": "Z"}}' {_AT_3}""")
    async with owner.database.transaction() as tx:
        events = await owner._events(tx)
        before = (
            await tx.execute(
                select(AuditEvent.hash).where(
                    AuditEvent.tenant_id == owner.tenant_id, AuditEvent.place == 2
                )
            )
        ).scalar_one()
    fitting = chain.event_hash(before, events[2][0])
    await owner.run(f"UPDATE audit_events SET hash = :hash {_AT_3}", hash=fitting)
    assert await owner.faults() == [(4, "altered")]


async def test_a_deleted_event_is_missed(owner: Owner) -> None:
    await owner.run(f"DELETE FROM audit_events {_AT_3}")
    assert await owner.faults() == [(3, "missing")]


async def test_a_deleted_event_is_missed_where_the_others_close_ranks(owner: Owner) -> None:
    await owner.run(f"DELETE FROM audit_events {_AT_3}")
    close = "UPDATE audit_events SET place = place - 1 WHERE tenant_id = :tenant AND place = :at"
    for place in range(4, _EVENTS + 1):
        await owner.run(close, at=place)
    found = await owner.faults()
    assert [place for place, kind in found if kind == "altered"] == [3, 4, 5]
    assert found[-1] == (5, "not what the lane's head says")


async def test_a_deleted_beginning_is_missed(owner: Owner) -> None:
    await owner.run("DELETE FROM audit_events WHERE tenant_id = :tenant AND place < 3")
    assert await owner.faults() == [(1, "missing")]


async def _cut(owner: Owner) -> None:
    for table in ("audit_personal_data", "audit_events"):
        key = "event_id" if table == "audit_personal_data" else "id"
        await owner.run(
            f"DELETE FROM {table} WHERE tenant_id = :tenant AND {key} IN "
            "(SELECT id FROM audit_events WHERE tenant_id = :tenant AND place > 4)"
        )


async def test_a_deleted_end_is_missed(owner: Owner) -> None:
    await _cut(owner)
    assert await owner.faults() == [(4, "not what the lane's head says")]


async def test_all_events_deleted_are_missed(owner: Owner) -> None:
    for table in ("audit_personal_data", "audit_events"):
        await owner.run(f"DELETE FROM {table} WHERE tenant_id = :tenant")
    assert await owner.faults() == [(1, "missing")]


async def test_a_deleted_head_is_missed(owner: Owner) -> None:
    await owner.run("DELETE FROM audit_lanes WHERE tenant_id = :tenant")
    assert await owner.faults() == [(_EVENTS, "its lane has no head")]


async def test_two_events_that_change_places_are_found(owner: Owner) -> None:
    for was, is_now in ((3, 0), (4, 3), (0, 4)):
        await owner.run(
            "UPDATE audit_events SET place = :now WHERE tenant_id = :tenant AND place = :was",
            was=was,
            now=is_now,
        )
    assert [place for place, kind in await owner.faults() if kind == "altered"] == [3, 4, 5]


_INSERT = """
INSERT INTO audit_events (tenant_id, id, action, subject, subject_id, credential, request_id,
                          lane, place, hash)
SELECT tenant_id, gen_random_uuid(), action, subject, gen_random_uuid(), credential, request_id,
       {lane}, {place}, hash
  FROM audit_events WHERE tenant_id = :tenant AND place = 4
"""


@pytest.mark.parametrize(
    ("lane", "place", "found"),
    [
        ("lane", "0", (0, "not in its place")),
        ("lane", "7", (7, "altered")),
        ("lane", "9", (7, "missing")),
        ("lane + 1000000", "1", (1, "its lane has no head")),
    ],
)
async def test_an_inserted_event_is_found(
    owner: Owner, lane: str, place: str, found: tuple[int, str]
) -> None:
    await owner.run(_INSERT.format(lane=lane, place=place))
    assert found in await owner.faults()


@pytest.mark.parametrize(
    "change",
    [
        """before = '{"email": "another"}'""",
        "after = NULL",
        "salt = sha256(salt)",
        "person_id = gen_random_uuid()",
    ],
)
async def test_altered_personal_data_is_found(owner: Owner, change: str) -> None:
    altered = f"UPDATE audit_personal_data SET {change} WHERE tenant_id = :tenant"
    await owner.run(altered)
    assert await owner.faults() == [(place, "its personal data is altered") for place in (5, 6)]


async def test_personal_data_that_nobody_erased_is_missed(owner: Owner) -> None:
    await owner.run("DELETE FROM audit_personal_data WHERE tenant_id = :tenant")
    assert await owner.faults() == [(5, "its personal data is gone")]


async def test_what_is_written_anew_shows_only_against_heads_saved_before(owner: Owner) -> None:
    saved, _ = await walked(owner.database, owner.tenant_id)
    await owner.run(f"""UPDATE audit_events SET after = '{{"name": "Z"}}' {_AT_3}""")
    await owner.rewrite()
    now = await assert_chained(owner.database, owner.tenant_id)
    assert now.digest != saved.digest
    assert await owner.faults(saved.heads) == [
        (_EVENTS, "not what it was when the heads were saved")
    ]


async def test_a_lane_cut_off_with_its_head_shows_only_against_heads_saved_before(
    owner: Owner,
) -> None:
    saved, _ = await walked(owner.database, owner.tenant_id)
    await _cut(owner)
    await owner.rewrite()
    await assert_chained(owner.database, owner.tenant_id)
    assert await owner.faults(saved.heads) == [
        (_EVENTS, "missing; it was there when the heads were saved")
    ]


async def test_a_lane_that_is_gone_shows_only_against_heads_saved_before(owner: Owner) -> None:
    saved, _ = await walked(owner.database, owner.tenant_id)
    for table in ("audit_personal_data", "audit_events", "audit_lanes"):
        await owner.run(f"DELETE FROM {table} WHERE tenant_id = :tenant")
    await assert_chained(owner.database, owner.tenant_id)
    assert await owner.faults(saved.heads) == [
        (_EVENTS, "missing; it was there when the heads were saved")
    ]


async def test_chains_that_grew_are_the_ones_whose_heads_were_saved(
    owner: Owner, build: Build
) -> None:
    saved, _ = await walked(owner.database, owner.tenant_id)
    await build.unit()
    assert await owner.faults(saved.heads) == []


async def test_one_tenant_s_events_are_not_another_s(
    owner: Owner, database: Database, other_tenant: Tenant
) -> None:
    moved: Any = {"other": other_tenant.tenant_id}
    async with database.transaction() as tx:
        for statement in (
            "DELETE FROM audit_personal_data WHERE tenant_id = :tenant",
            "UPDATE audit_events SET tenant_id = :other WHERE tenant_id = :tenant",
            "UPDATE audit_lanes SET tenant_id = :other WHERE tenant_id = :tenant",
        ):
            used = {k: v for k, v in moved.items() if f":{k}" in statement}
            await tx.execute(text(statement), {"tenant": owner.tenant_id, **used})
    _, faults = await walked(database, other_tenant.tenant_id)
    assert [fault.place for fault in faults][:4] == [1, 2, 3, 4]

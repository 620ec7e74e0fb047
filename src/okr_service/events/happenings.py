"""What happened, as those who follow it are told: read for all of them at once, judged for each."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, BigInteger, Integer, Text, Uuid, bindparam

from okr_service.events.cursors import Cursor
from okr_service.events.reads import PLACES_LOOKED_AT, require_kept
from okr_service.events.shapes import EventType
from okr_service.kernel.database import Reading
from okr_service.kernel.reach import Reach
from okr_service.kernel.sql import load_sql

_MOST = 100
_TYPES = [EventType.OBJECTIVE_PROGRESSED, EventType.CHECK_IN_RECORDED]
_HAPPENINGS = load_sql(__package__, "happenings").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("after", type_=BigInteger),
    bindparam("types", type_=ARRAY(Text)),
    bindparam("most", type_=Integer),
    bindparam("window", type_=Integer),
)


@dataclass(frozen=True, slots=True)
class Place:
    """An objective's place in the organisation, by which it is seen or not."""

    id: UUID
    private: bool
    unit_id: UUID
    owner_id: UUID | None

    def is_seen(self, sight: Reach) -> bool:
        """Say whether those of this sight see the objective: as `objective_seen` has it in SQL."""
        return not self.private or sight.covers(self.unit_id, (self.owner_id,))


@dataclass(frozen=True, slots=True)
class Happening:
    """An event about an objective, with what decides who follows it and who sees it."""

    cursor: Cursor
    type: EventType
    subject_id: UUID
    occurred_at: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    objectives: Sequence[Place]  # the one it is about, and those above it
    units: frozenset[UUID]  # the unit whose objective it is, and those above it
    key_result_id: UUID | None
    author_id: UUID | None

    def is_seen(self, sight: Reach) -> bool:
        """Say whether those of this sight may be told."""
        return self.objectives[0].is_seen(sight)

    def is_beneath(self, ids: Container[UUID], sight: Reach) -> bool:
        """Say whether it is about one of these objectives, or about one beneath them.

        Where they are not seen any more, nobody is told what is beneath them.
        """
        return any(place.id in ids and place.is_seen(sight) for place in self.objectives)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened next after some place in a tenant's feed, and how far was looked for it."""

    happenings: Sequence[Happening]
    until: Cursor
    more: bool  # places follow that were not looked at
    unplaced: bool  # events were committed that have no place yet


async def next_stretch(tx: Reading, tenant_id: UUID, after: Cursor) -> Stretch:
    """Return what happened next, whoever may see it.

    Raises:
        EventsForgotten: what follows the cursor is not kept any more.
        CursorOfAnotherFeed: what it stands for never was in this feed.
    """
    of = {
        "tenant_id": tenant_id,
        "after": after.place,
        "types": [str(each) for each in _TYPES],
        "most": _MOST,
        "window": PLACES_LOOKED_AT,
    }
    feed = (await tx.execute(_HAPPENINGS, of)).one()
    require_kept(after, feed)
    told = orjson.loads(feed.data or b"[]")
    # What is deleted since has no place in the organisation.
    happenings = [_happening(event) for event in told if event["objectives"]]
    until = Cursor.at(feed.until, feed.until_mark)
    return Stretch(happenings, until, until.place < feed.last_place, feed.unplaced)


def _happening(event: Mapping[str, Any]) -> Happening:
    key_result_id, author_id = event["report"] or (None, None)
    return Happening(
        Cursor.at(event["place"], event["mark"]),
        EventType(event["type"]),
        UUID(event["subject_id"]),
        event["occurred_at"],
        event["before"],
        event["after"],
        [_place(*objective) for objective in event["objectives"]],
        frozenset(map(UUID, event["units"])),
        _id(key_result_id),
        _id(author_id),
    )


def _place(id_: str, private: bool, unit_id: str, owner_id: str | None) -> Place:
    return Place(UUID(id_), private, UUID(unit_id), _id(owner_id))


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)

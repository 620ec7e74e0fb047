"""Reading a part of a tenant's feed, in one statement."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Row, Text, Uuid, bindparam

from okr_service.access.policy import Principal
from okr_service.events.cursors import Cursor
from okr_service.events.errors import CursorOfAnotherFeed, EventsForgotten
from okr_service.events.shapes import LATEST, EventsWanted
from okr_service.kernel.database import Reading
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.sql import load_sql

PLACES_LOOKED_AT = 10_000
_PAGE = load_sql(__package__, "page").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("after", type_=BigInteger),
    bindparam("latest", type_=Boolean),
    bindparam("types", type_=ARRAY(Text)),
    bindparam("most", type_=Integer),
    bindparam("window", type_=Integer),
    *reach_parameters(),
)
_Row = Row[*tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event: a CloudEvent, and where to go on after it."""

    cursor: str
    type: str  # one of EventType, or one of a later release
    event: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Part:
    """Some events that follow one another, and how far was looked for them."""

    data: bytes  # CloudEvents in JSON, with commas between
    until: Cursor
    more: bool  # places follow that were not looked at
    unplaced: bool  # events were committed that have no place yet

    @property
    def has_more(self) -> bool:
        """Say whether there was more when this was read."""
        return self.more or self.unplaced

    def events(self) -> list[Happened]:
        """Return the events one by one."""
        read = orjson.loads(b"[" + self.data + b"]")
        return [Happened(event["cursor"], event["type"], event) for event in read]


async def part_of_feed(tx: Reading, who: Principal, wanted: EventsWanted) -> Part:
    """Return the next events that a caller wants and sees.

    Raises:
        InvalidCursor: the cursor is none.
        EventsForgotten: what follows it is not kept any more.
        CursorOfAnotherFeed: what it stands for never was in this feed.
    """
    after = None if wanted.after in (None, LATEST) else Cursor.read(str(wanted.after))
    of = {
        "tenant_id": who.tenant_id,
        "after": after and after.place,
        "latest": wanted.after == LATEST,
        "types": [str(each) for each in wanted.types],
        "most": wanted.limit,
        "window": PLACES_LOOKED_AT,
        **who.sight.parameters,
    }
    feed = (await tx.execute(_PAGE, of)).one()
    if after is not None:
        require_kept(after, feed)
    until = Cursor.at(feed.until, feed.until_mark)
    return Part(feed.data or b"", until, until.place < feed.last_place, feed.unplaced)


def require_kept(after: Cursor, feed: _Row) -> None:
    """Let a cursor through that the feed still goes on after.

    Raises:
        EventsForgotten: what follows it is not kept any more.
        CursorOfAnotherFeed: what it stands for never was in this feed.
    """
    if after.place < feed.forgotten_place:
        raise EventsForgotten().at("/after")
    if after.place > feed.last_place or not after.fits(feed.mark):
        raise CursorOfAnotherFeed().at("/after")

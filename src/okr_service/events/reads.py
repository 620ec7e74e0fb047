"""Reading a part of a tenant's feed, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Row, Text, Uuid, bindparam

from okr_service.access.policy import Principal
from okr_service.events.cursors import Cursor
from okr_service.events.errors import CursorOfAnotherFeed, EventsForgotten
from okr_service.events.shapes import LATEST, EventsWanted, EventType
from okr_service.kernel.database import Reading
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.sql import load_sql

_PLACES_LOOKED_AT = 10_000
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
    """An event: a CloudEvent as JSON text, and where to go on after it."""

    cursor: Cursor
    type: EventType
    document: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some events that follow one another, and how far was looked for them."""

    events: Sequence[Happened]
    until: Cursor
    more: bool  # places follow that were not looked at
    unplaced: bool  # events were committed that have no place yet

    @property
    def has_more(self) -> bool:
        """Say whether there was more when this was read."""
        return self.more or self.unplaced


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
        "window": _PLACES_LOOKED_AT,
        **who.sight.parameters,
    }
    rows = (await tx.execute(_PAGE, of)).all()
    feed = rows[0]
    if after is not None:
        _require_kept(after, feed)
    events = [
        Happened(Cursor(row.place, row.mark), EventType(row.type), row.document)
        for row in rows
        if row.place is not None
    ]
    is_full = len(events) == wanted.limit
    until = events[-1].cursor if is_full else Cursor.at(feed.until, feed.until_mark)
    return Part(events, until, until.place < feed.last_place, feed.unplaced)


def _require_kept(after: Cursor, feed: _Row) -> None:
    if after.place < feed.forgotten_place:
        raise EventsForgotten().at("/after")
    if after.place > feed.last_place or not after.fits(feed.after_mark):
        raise CursorOfAnotherFeed().at("/after")

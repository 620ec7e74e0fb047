"""Taking readings: telling new ones from known ones, keeping them, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    select,
)

from okr_service.access.policy import Permission, Principal, require_everywhere
from okr_service.audit.service import Change, record
from okr_service.checkins.service import AHEAD
from okr_service.feeds.model import UNMAPPED, FeedReading, MetricFeed
from okr_service.feeds.service import hold_feed, report_all, series_of
from okr_service.feeds.shapes import NewReading, Outcome, Reason
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.references import among
from okr_service.kernel.sql import load_sql
from okr_service.kernel.writes import add_all
from okr_service.settings import Settings

_FORGOTTEN_AT_ONCE = 20_000
_UNTAKEN = (Reason.NO_MAPPING, Reason.OUTSIDE_CYCLE)
_OF = (bindparam("tenant_id", type_=Uuid), bindparam("feed_id", type_=Uuid))
_KNOWN = load_sql(__package__, "known").bindparams(
    *_OF,
    bindparam("metrics", type_=ARRAY(Text)),
    bindparam("moments", type_=ARRAY(DateTime(timezone=True))),
    bindparam("keys", type_=ARRAY(Text)),
)
_CORRECT = load_sql(__package__, "correct").bindparams(
    bindparam("tenant_id", type_=Uuid), bindparam("corrections", type_=Text)
)
_FORGET = load_sql(__package__, "forget").bindparams(
    *_OF,
    bindparam("older", type_=DateTime(timezone=True)),
    bindparam("most", type_=Integer),
)
_Key = tuple[str, datetime, str]


@dataclass(frozen=True)
class Bounds:
    """How many readings that nothing maps a feed keeps, and for how long."""

    unmatched: int
    kept: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return those that the operator set."""
        kept = timedelta(days=settings.feed_unmatched_kept_days)
        return cls(settings.feed_unmatched_limit, kept)


@dataclass(frozen=True)
class Taken:
    """What became of one reading: its id, where it is kept, and why it counts for nothing."""

    id: UUID | None
    outcome: Outcome
    reason: Reason | None = None


@dataclass(slots=True)
class _Content:
    """What a reading says: what it is of by its series, and the value."""

    id: UUID
    series: UUID
    value: Decimal
    reason: Reason | None = None
    is_new: bool = False


@dataclass
class _Sorted:
    """What a batch comes to: the outcome of each of its readings, and what is to be written."""

    outcomes: list[tuple[_Content | None, Outcome]] = field(default_factory=list)
    new: dict[UUID, NewReading] = field(default_factory=dict)
    corrected: dict[UUID, NewReading] = field(default_factory=dict)
    since: dict[UUID, datetime] = field(default_factory=dict)

    def touch(self, series: UUID, moment: datetime) -> None:
        """Note that what is made of a series may change from a moment on."""
        before = self.since.get(series)
        if before is None or moment < before:
            self.since[series] = moment


async def take_readings(
    tx: Transaction, who: Principal, ref: Ref, batch: Sequence[NewReading], bounds: Bounds
) -> list[Taken]:
    """Take readings of a feed and report what they make of key results; each in order.

    Raises:
        NotPermitted, MetricFeedNotFound, TooManyValuesChange.
    """
    require_everywhere(who, Permission.CHECK_IN)
    await hold_structure(tx, who.tenant_id, alone=False)
    feed = await hold_feed(tx, who, ref)
    await _forget(tx, feed, bounds.kept)
    found = _sorted(feed, batch, await _known(tx, feed, batch))
    contents = {c.id: c for c, _ in found.outcomes if c is not None}
    refused: set[UUID] = set()
    if found.since:
        await _keep(tx, feed, found, contents)
        await report_all(tx, who, found.since)
        await _look_up_reasons(tx, feed, contents)
        refused = await _refuse_surplus(tx, feed, contents, bounds.unmatched)
    taken = [_taken(content, outcome, refused) for content, outcome in found.outcomes]
    await _record(tx, who, feed, taken)
    return taken


async def _forget(tx: Transaction, feed: MetricFeed, kept: timedelta) -> None:
    older = datetime.now(UTC) - kept
    await tx.execute(_FORGET, {**_of(feed), "older": older, "most": _FORGOTTEN_AT_ONCE})


async def _known(
    tx: Transaction, feed: MetricFeed, batch: Sequence[NewReading]
) -> dict[_Key, _Content]:
    keys = {_key(reading) for reading in batch}
    metrics, moments, names = (list(part) for part in zip(*keys, strict=True))
    of = {**_of(feed), "metrics": metrics, "moments": moments, "keys": names}
    return {
        (row.metric, row.observed_at, row.reading_id): _Content(
            row.id, row.series, row.value, row.reason and Reason(row.reason)
        )
        for row in await tx.execute(_KNOWN, of)
    }


def _sorted(feed: MetricFeed, batch: Sequence[NewReading], known: dict[_Key, _Content]) -> _Sorted:
    found, latest_sensible = _Sorted(), datetime.now(UTC) + AHEAD
    for reading in batch:
        key = _key(reading)
        if reading.observed_at > latest_sensible:
            found.outcomes.append((None, Outcome.REFUSED))
            continue
        series = series_of(feed.id, reading.metric, reading.dimensions)
        content = known.get(key)
        if content is None:
            content = known[key] = _Content(new_id(), series, reading.value, is_new=True)
            found.new[content.id] = reading
            outcome = Outcome.RECORDED
        elif (content.series, content.value) == (series, reading.value):
            found.outcomes.append((content, Outcome.UNCHANGED))
            continue
        else:
            found.touch(content.series, reading.observed_at)
            content.series, content.value = series, reading.value
            (found.new if content.is_new else found.corrected)[content.id] = reading
            outcome = Outcome.CORRECTED
        found.touch(series, reading.observed_at)
        found.outcomes.append((content, outcome))
    return found


async def _keep(
    tx: Transaction, feed: MetricFeed, found: _Sorted, contents: dict[UUID, _Content]
) -> None:
    new = [
        {
            "tenant_id": feed.tenant_id,
            "id": row_id,
            "feed_id": feed.id,
            "metric": reading.metric,
            "dimensions": reading.dimensions,
            "series": contents[row_id].series,
            "observed_at": reading.observed_at,
            "reading_id": reading.reading_id,
            "value": reading.value,
        }
        for row_id, reading in found.new.items()
    ]
    await add_all(tx, FeedReading, new)
    if found.corrected:
        corrections = [
            {
                "id": row_id,
                "dimensions": reading.dimensions,
                "series": contents[row_id].series,
                "value": reading.value,
            }
            for row_id, reading in found.corrected.items()
        ]
        said = orjson.dumps(corrections, default=str).decode()
        await tx.execute(_CORRECT, {"tenant_id": feed.tenant_id, "corrections": said})


async def _look_up_reasons(
    tx: Transaction, feed: MetricFeed, contents: dict[UUID, _Content]
) -> None:
    idle = select(FeedReading.id, FeedReading.reason).where(
        FeedReading.tenant_id == feed.tenant_id,
        FeedReading.feed_id == feed.id,
        FeedReading.reason.is_not(None),
        among(FeedReading.id, list(contents)),
    )
    reasons = {row.id: Reason(row.reason) for row in await tx.execute(idle)}
    for content in contents.values():
        content.reason = reasons.get(content.id)


async def _refuse_surplus(
    tx: Transaction, feed: MetricFeed, contents: dict[UUID, _Content], most: int
) -> set[UUID]:
    """Keep no more readings that nothing maps than may be; returns the ids of those refused."""
    fresh = [c.id for c in contents.values() if c.is_new and c.reason in _UNTAKEN]
    if not fresh:
        return set()
    unmatched = select(func.count()).where(
        FeedReading.tenant_id == feed.tenant_id,
        FeedReading.feed_id == feed.id,
        UNMAPPED,
    )
    surplus = max(0, (await tx.scalar(unmatched) or 0) - most)
    refused = fresh[max(0, len(fresh) - surplus) :]
    if refused:
        of = (FeedReading.tenant_id == feed.tenant_id, among(FeedReading.id, refused))
        await tx.execute(
            delete(FeedReading).where(*of).execution_options(synchronize_session=False)
        )
    return set(refused)


def _taken(content: _Content | None, outcome: Outcome, refused: set[UUID]) -> Taken:
    if content is None:
        return Taken(None, outcome, Reason.OBSERVED_IN_FUTURE)
    if content.id in refused:
        return Taken(None, Outcome.REFUSED, Reason.UNMATCHED_FULL)
    if outcome is Outcome.RECORDED and content.reason is not None:
        outcome = Outcome.UNMATCHED
    return Taken(content.id, outcome, content.reason)


def counts(taken: Sequence[Taken]) -> dict[str, int]:
    """Return how many readings there are of each outcome."""
    found = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    for one in taken:
        found[one.outcome.value] += 1
    return found


def outcome_of(taken: Sequence[Taken]) -> dict[str, object]:
    """Return what became of readings as both doors tell it."""
    each = [{"id": one.id, "outcome": one.outcome, "reason": one.reason} for one in taken]
    return {**counts(taken), "outcomes": each}


async def _record(
    tx: Transaction, who: Principal, feed: MetricFeed, taken: Sequence[Taken]
) -> None:
    """Write down that readings came, where that changed anything."""
    found = counts(taken)
    if found["recorded"] or found["corrected"] or found["unmatched"]:
        await record(tx, who, Change("received", "feed", feed.id, after=found))


def _key(reading: NewReading) -> _Key:
    return reading.metric, reading.observed_at, reading.reading_id


def _of(feed: MetricFeed) -> dict[str, object]:
    return {"tenant_id": feed.tenant_id, "feed_id": feed.id}

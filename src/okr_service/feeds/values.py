"""Reporting what readings make of key results, where that was not reported yet."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Row, Uuid, bindparam

from okr_service.access.policy import Principal
from okr_service.checkins import service as check_ins
from okr_service.checkins.shapes import BATCH_LIMIT, MeasuredCheckIn
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.fields import Ref
from okr_service.kernel.sql import load_sql

Touched = Mapping[UUID, datetime | None]  # series, and since when; None: all of it
MOST_CHANGES = 100_000
_NOT_SAID = "no reading says so any more"
_TRIES = 3
_VALUES = load_sql(__package__, "values").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("series", type_=ARRAY(Uuid)),
    bindparam("since", type_=ARRAY(DateTime(timezone=True))),
    bindparam("most", type_=Integer),
)
_Difference = Row[*tuple[object, ...]]


async def report(tx: Transaction, who: Principal, touched: Touched) -> tuple[int, bool]:
    """Report what the readings of series make of key results and is not reported yet.

    Returns how many values changed, and whether more would have to. The caller holds the
    tenant's structure and the feeds of the series.

    Raises:
        NotPermitted, and what a check-in is refused for that fitted when it was looked up,
        should that happen again and again.
    """
    for tries_left in reversed(range(_TRIES)):
        found = await _differences(tx, who, touched)
        differing = found[:MOST_CHANGES]
        refused = await _record(tx, who, differing)
        if refused is None:
            await _void(tx, who, (row for row in differing if row.observed_at is None))
            return len(differing), len(found) > len(differing)
        # A cycle was closed, say, after it was looked up. From here on it is held.
        if not tries_left:
            raise refused
    raise AssertionError("the last try returns or raises")


async def _differences(tx: Transaction, who: Principal, touched: Touched) -> list[_Difference]:
    of = {
        "tenant_id": who.tenant_id,
        "series": list(touched),
        "since": list(touched.values()),
        "most": MOST_CHANGES + 1,
    }
    return list(await tx.execute(_VALUES, of))


async def _record(
    tx: Transaction, who: Principal, differing: Iterable[_Difference]
) -> OkrError | None:
    """Record what is to be said; returns why one does not fit, if one does not."""
    said = [_check_in(row) for row in differing if row.observed_at is not None]
    for start in range(0, len(said), BATCH_LIMIT):
        _, errors = await check_ins.record_all_or_none(tx, who, said[start : start + BATCH_LIMIT])
        for error in errors.values():
            return error
    return None


def _check_in(row: _Difference) -> MeasuredCheckIn:
    return MeasuredCheckIn(
        key_result_id=Ref(str(row.key_result_id)),
        value=row.value,
        observed_at=row.observed_at,
        voids_id=row.check_in_id,
        feed_mapping_id=row.mapping_id,
        feed_reading_id=row.reading_id,
    )


async def _void(tx: Transaction, who: Principal, differing: Iterable[_Difference]) -> None:
    of: dict[UUID, list[UUID]] = {}
    for row in differing:
        of.setdefault(row.key_result_id, []).append(row.check_in_id)
    if of:
        await check_ins.void_check_ins(tx, who, of, _NOT_SAID)

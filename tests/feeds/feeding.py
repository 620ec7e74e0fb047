"""Sending readings in tests, and what a key result's history is then."""

from decimal import Decimal
from typing import Any

from tests.build import Build

Json = dict[str, Any]  # what httpx gives
JANUARY = "2026-01-{:02}T00:00:00Z"
_UTC_OFFSET = "+00:00"


async def feed(build: Build, **given: object) -> Json:
    """Have a system push readings."""
    return await build.post("feeds", **{"name": "ERP", "source": "erp", **given})


async def mapping(build: Build, feed: Json, key_result: Json, **given: object) -> Json:
    """Map a metric of a feed to a key result."""
    body = {"metric": "revenue", "key_result_id": key_result["id"], **given}
    return await build.post(f"feeds/{feed['id']}/mappings", **body)


def reading(day: int, value: object, reading_id: str = "r", **given: object) -> Json:
    """Return a reading of a day of January."""
    said = {"observed_at": JANUARY.format(day), "value": str(value), "reading_id": reading_id}
    return {"metric": "revenue", **said, **given}


async def fed(build: Build) -> dict[str, Json]:
    """Make a feed, a mapping to a key result that all see, and a reading, by kind."""
    made = await feed(build)
    mapped = await mapping(build, made, await build.key_result())
    told = await send(build, made, reading(5, 1))
    return {"feeds": made, "feed-mappings": mapped, "feed-readings": told["outcomes"][0]}


def on(day: int, value: int) -> tuple[str, Decimal]:
    """Return a moment of January with its value, as `valid` does."""
    return JANUARY.format(day), Decimal(value)


async def send(build: Build, feed: Json, *readings: Json) -> Json:
    """Send readings; returns what became of them."""
    return await build.post(f"feeds/{feed['id']}/readings", readings=list(readings))


async def outcomes(build: Build, feed: Json, *readings: Json) -> list[tuple[str, str | None]]:
    """Send readings; returns the outcome and reason of each."""
    told = await send(build, feed, *readings)
    found = [(one["outcome"], one["reason"]) for one in told["outcomes"]]
    for outcome in ("recorded", "unchanged", "corrected", "unmatched", "refused"):
        assert told[outcome] == [o for o, _ in found].count(outcome)
    return found


async def valid(build: Build, key_result: Json) -> list[tuple[str, Decimal]]:
    """Return the moments and values of a key result that are valid, the earliest first."""
    path = f"check-ins?key_result_id={key_result['id']}&voided=false&sort=observed_at&limit=200"
    rows = (await build.get(path))["data"]
    return [(row["observed_at"].replace(_UTC_OFFSET, "Z"), Decimal(row["value"])) for row in rows]


async def current(build: Build, key_result: Json) -> str | None:
    """Return a key result's current value."""
    found: str | None = (await build.get(f"key-results/{key_result['id']}"))["current_value"]
    return found


async def unmatched(build: Build, feed: Json) -> list[tuple[str, str]]:
    """Return the ids and reasons of a feed's readings that count for nothing."""
    rows = (await build.get(f"feeds/{feed['id']}/unmatched?limit=200"))["data"]
    return [(row["reading_id"], row["reason"]) for row in rows]

"""What the recipes share: the service to ask, a metric feed to keep, readings to send."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta, timezone
from typing import TypeVar

from okr_client import AuthenticatedClient
from okr_client.api.metric_feeds import put_feed, put_feed_mapping, send_readings
from okr_client.models import NewFeedMapping, NewMetricFeed, NewReading, Problem, ReadingBatch

HANOI = timezone(timedelta(hours=7))
_MOST = 10_000  # readings in a request
_T = TypeVar("_T")


def service() -> AuthenticatedClient:
    """Return a client of the service that OKR_URL names, for the key OKR_API_KEY."""
    return AuthenticatedClient(os.environ["OKR_URL"], token=os.environ["OKR_API_KEY"])


def told(answer: _T | Problem | None) -> _T:
    """Return what the service answered; where it refused, end the program saying why."""
    if answer is None:
        raise SystemExit("the service failed")
    if isinstance(answer, Problem):
        fields = "; ".join(f"{e.pointer[1:]}: {e.message}" for e in answer.errors)
        raise SystemExit(fields or answer.detail)
    return answer


def set_up(
    okr: AuthenticatedClient, feed: str, source: str, mappings: Mapping[str, NewFeedMapping]
) -> None:
    """Say once what a system's figures mean here; done again it changes nothing."""
    new = NewMetricFeed(source, source, utc_offset_minutes=7 * 60)
    told(put_feed.sync(f"external:{feed}", client=okr, body=new))
    for name, mapping in mappings.items():
        mapping.feed_id = f"external:{feed}"
        told(put_feed_mapping.sync(f"external:{feed}/{name}", client=okr, body=mapping))


def send(okr: AuthenticatedClient, feed: str, readings: Sequence[NewReading]) -> None:
    """Send readings, which may have been sent before, and print what became of them."""
    for start in range(0, len(readings), _MOST):
        batch = ReadingBatch(list(readings[start : start + _MOST]))
        answer = told(send_readings.sync(f"external:{feed}", client=okr, body=batch))
        print(
            f"{answer.recorded} recorded, {answer.corrected} corrected, "
            f"{answer.unchanged} unchanged, {answer.unmatched} unmatched, {answer.refused} refused"
        )

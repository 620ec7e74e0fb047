"""What a process tells of its own doing: figures and spans, by OpenTelemetry's API.

Rooms make their instruments here, each beside what it counts. They cost next to nothing
until `observability` installs who listens.

Labels are of a few values each, known beforehand: routes, kinds, outcomes. A label or a span
never holds what a customer wrote, an address or a path; a label never names a tenant.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Observation,
    UpDownCounter,
    get_meter,
)
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_tracer

_NAME = "okr_service"
_meter = get_meter(_NAME)
tracer = get_tracer(_NAME)

MOMENTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
MINUTES = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
SIZES = (1, 2, 4, 8, 16, 32, 100, 1_000, 10_000, 100_000)
_MOST_NOTED = 10_000
_LATELY = 600.0  # seconds, longer than any turn takes to come again

Told = Callable[[], Iterable[Observation]]


def counter(name: str, description: str) -> Counter:
    """Make what only grows."""
    return _meter.create_counter(name, description=description)


def level(name: str, description: str) -> UpDownCounter:
    """Make what grows and shrinks."""
    return _meter.create_up_down_counter(name, description=description)


def durations(name: str, description: str, bounds: Sequence[float] = MOMENTS) -> Histogram:
    """Make what durations in seconds are recorded by."""
    return _meter.create_histogram(
        name, "s", description, explicit_bucket_boundaries_advisory=bounds
    )


def sizes(name: str, description: str) -> Histogram:
    """Make what numbers of things are recorded by."""
    return _meter.create_histogram(
        name, description=description, explicit_bucket_boundaries_advisory=SIZES
    )


def gauge(name: str, description: str, told: Told, unit: str = "") -> None:
    """Have a value told whenever somebody looks."""

    def look(_: CallbackOptions) -> Iterable[Observation]:
        return told()

    _meter.create_observable_gauge(name, [look], unit, description)


@contextmanager
def timed(histogram: Histogram, **labels: str) -> Iterator[dict[str, str | int]]:
    """Record how long a block takes, however it ends; it may add labels."""
    more: dict[str, str | int] = dict(labels)
    began = time.perf_counter()
    try:
        yield more
    finally:
        histogram.record(time.perf_counter() - began, more)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """Show a block in a trace; of what it raises only the kind is told, for messages quote."""
    with tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False
    ) as shown:
        try:
            yield shown
        except Exception as error:
            fail(shown, error)
            raise


def fail(shown: Span, error: BaseException) -> None:
    """Mark a span as failed, by the kind of the error."""
    shown.set_status(Status(StatusCode.ERROR))
    shown.set_attribute("error.type", type(error).__qualname__)


@dataclass(slots=True)
class _Noted:
    value: float
    seen: float


class Lately:
    """What this process found lately of things that are each looked at now and then.

    What it has not seen for ten minutes is another's to tell, or gone.
    """

    def __init__(self) -> None:
        self._noted: dict[Hashable, _Noted] = {}

    def note(self, key: Hashable, value: float) -> None:
        """Note the value of a thing."""
        if len(self._noted) >= _MOST_NOTED:
            since = time.monotonic() - _LATELY
            self._noted = {k: one for k, one in self._noted.items() if one.seen >= since}
        self._noted[key] = _Noted(value, time.monotonic())

    def note_first(self, key: Hashable) -> None:
        """Note that a thing is there, and since when, unless that is noted already."""
        if key in self._noted:
            self.seen(key)
        else:
            self.note(key, time.monotonic())

    def seen(self, key: Hashable) -> None:
        """Note that it is as it was."""
        if (noted := self._noted.get(key)) is not None:
            noted.seen = time.monotonic()

    def over(self, key: Hashable) -> None:
        """Note that there is nothing to tell of it any more."""
        self._noted.pop(key, None)

    def values(self) -> list[float]:
        """Return the values of all that was seen lately."""
        since = time.monotonic() - _LATELY
        # Asked from another thread: a copy, made at once.
        return [one.value for one in list(self._noted.values()) if one.seen >= since]

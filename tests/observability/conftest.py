"""Listening to what the process tells of itself: figures, spans and log lines."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from okr_service.observability import providers
from okr_service.observability.logs import JsonLines

Line = dict[str, Any]  # what JSON gives
Figure = Callable[..., float]
_OF_THE_CLIENT = ("httpx", "httpcore")


@pytest.fixture
def figure() -> Figure:
    """Return what says the value of a figure; 0 where it was not counted yet."""
    registry = providers.figures()

    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(name, labels) or 0.0

    return value


@pytest.fixture(scope="session")
def _exported() -> InMemorySpanExporter:
    """Install a provider of traces, once a process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(_exported: InMemorySpanExporter) -> Callable[[], tuple[ReadableSpan, ...]]:
    """Return what gives the spans that ended in this test."""
    _exported.clear()
    return _exported.get_finished_spans


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_OF_THE_CLIENT):
            self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Listen to every line, as the service writes it."""
    handler, root, ours = _Heard(), logging.getLogger(), logging.getLogger("okr_service")
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(before[0])
    ours.setLevel(before[1])

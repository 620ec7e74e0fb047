"""Who listens to what rooms tell: a registry that is looked at, and a collector of traces.

OpenTelemetry has one of each in a process, installed once. What else there is to say of
traces (sampling, headers, resource attributes), its own variables say.
"""

import os
from functools import cache

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from okr_service import __version__

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def _resource() -> Resource:
    named = {SERVICE_VERSION: __version__}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        named[SERVICE_NAME] = "okr-service"
    return Resource.create(named)


@cache
def figures() -> CollectorRegistry:
    """Return the registry of all figures; from the first call on they are counted."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    metrics.set_meter_provider(
        MeterProvider([reader], _resource(), AlwaysOffExemplarFilter(), shutdown_on_exit=False)
    )
    return registry


@cache
def _traces() -> TracerProvider:
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def are_traced() -> bool:
    """Say whether the environment names a collector of traces."""
    told = os.environ
    disabled = told.get("OTEL_SDK_DISABLED", "").lower() == "true"
    disabled = disabled or told.get("OTEL_TRACES_EXPORTER") == "none"
    return not disabled and any(told.get(name) for name in _ENDPOINTS)


def trace_from_now_on() -> None:
    """Send traces to the collector."""
    _traces()


def send_what_is_left() -> None:
    """Send the spans that were not sent yet, within a few seconds."""
    _traces().force_flush(5_000)

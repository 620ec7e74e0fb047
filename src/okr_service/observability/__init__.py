"""How operators see what a process does: log lines, figures and traces.

Rooms tell what they do (`kernel.telemetry`); here it is written down and handed out:

- logs to standard error, each line with the ids of what it is about;
- figures at `/metrics`, on a port of its own, for it takes no credential: who may reach the
  API does not get to see them;
- traces to a collector, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.

A process tells what it does itself, and how the queue stands, whose tables are no tenant's.
Nothing here reads a tenant's rows: what waits in tenants is told by whoever works on it.
"""

"""Processes as they are run: their log, their ports, and the collector they send traces to."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.conftest import API_KEY_SECRET, BOOTSTRAP_KEY
from tests.processes import free_port
from tests.test_cli import _OKR

from okr_service.kernel.migrations import migrate

_SECRETS = {
    "OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value(),
    "OKR_BOOTSTRAP_API_KEY": BOOTSTRAP_KEY,
}


class Running:
    """A process of the service, and what it logged once it has ended."""

    def __init__(self, *command: str, **variables: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OKR_", "OTEL_"))}
        self._process = subprocess.Popen(
            [str(_OKR), *command],
            env={**kept, **_SECRETS, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answers(self, url: str) -> httpx.Response:
        """Wait until an address answers."""
        ends = time.monotonic() + 60
        while True:
            try:
                return httpx.get(url)
            except httpx.TransportError:
                assert self._process.poll() is None, self._process.communicate()
                assert time.monotonic() < ends, "it never answers"
                time.sleep(0.1)

    def end(self) -> list[dict[str, object]]:
        """End it; returns its lines."""
        self._process.send_signal(signal.SIGTERM)
        _, told = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, told
        return [json.loads(line) for line in told.splitlines()]


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Take traces; gives its address, and what it was sent."""
    sent: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                sent.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()
    serving.join()


def test_who_serves_logs_lines_of_json_and_sends_traces(empty_database_url: str) -> None:
    migrate(empty_database_url)
    port = free_port()
    with collector() as (address, sent):
        running = Running(
            *("serve", "--port", str(port)),
            OKR_DATABASE_URL=empty_database_url,
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
        )
        running.answers(f"http://127.0.0.1:{port}/healthz")
        headers = {"Authorization": f"Bearer {BOOTSTRAP_KEY}"}
        asked = httpx.get(f"http://127.0.0.1:{port}/v1/objectives", headers=headers)
        assert asked.status_code == 200
        lines = running.end()
    [line] = [line for line in lines if line["logger"] == "okr_service.requests"]
    assert line["request_id"] == asked.headers["x-request-id"]
    spans = [
        span
        for body in sent
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    [served] = [span for span in spans if span.name == "GET /v1/objectives"]
    assert served.trace_id.hex() == line["trace_id"]
    assert any(span.name.startswith("SELECT") for span in spans)


def test_who_does_jobs_answers_at_its_port(empty_database_url: str) -> None:
    migrate(empty_database_url)
    port = free_port()
    running = Running("work", OKR_DATABASE_URL=empty_database_url, OKR_METRICS_PORT=str(port))
    address = f"http://127.0.0.1:{port}"
    assert running.answers(f"{address}/healthz").json() == {"status": "ok"}
    assert running.answers(f"{address}/readyz").status_code == 200
    told = running.answers(f"{address}/metrics").text
    assert "okr_database_up 1.0" in told
    assert 'db_client_connection_pool_name="jobs-writing"' in told
    assert [line for line in running.end() if line["level"] != "info"] == []

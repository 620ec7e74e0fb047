"""What the chart has Prometheus and Grafana look at is there, and is what docs/watching.md says."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from opentelemetry.metrics import Counter, Histogram, UpDownCounter
from prometheus_client import generate_latest
from starlette.routing import BaseRoute
from tests.conftest import Tenant
from tests.operating.test_chart import (
    _FIGURES,
    _LABEL,
    Manifest,
    case,
    container,
    of_kind,
    pods,
    rendered,
    values,
    variables,
)

import okr_service
from okr_service.observability import providers
from okr_service.observability.queue import QueueWatch
from okr_service.rest.endpoint import BulkEndpoint, ImportEndpoint, UnconnectedEndpoint
from okr_service.settings import Settings

_TOLD = Path(__file__).parents[2] / "docs" / "watching.md"
_SOURCE = Path(okr_service.__file__).parent
_VARIABLES = {"$__rate_interval": "5m", "$namespace": "planning"}
_ADDED_BY_PROMETHEUS = {"namespace", "service", "pod", "le", "release"}


def rules() -> list[Manifest]:
    [made] = of_kind(case("large"), "PrometheusRule")
    return [rule for group in made["spec"]["groups"] for rule in group["rules"]]


def panels() -> list[Manifest]:
    [made] = of_kind(case("large"), "ConfigMap")
    found: list[Manifest] = json.loads(made["data"]["okr-service.json"])["panels"]
    return found


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    for variable, value in _VARIABLES.items():
        shown = [expression.replace(variable, value) for expression in shown]
    return [rule["expr"] for rule in rules()] + shown


class _Selectors:
    """Finds the series that an expression asks for."""

    def __init__(self) -> None:
        self.found: list[promql_parser.VectorSelector] = []

    def look(self, part: Any) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            self.found.append(part)
        for name in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
            inner = getattr(part, name, None)
            for each in inner if isinstance(inner, list) else [inner]:
                if each is not None:
                    self.look(each)


def selectors() -> list[promql_parser.VectorSelector]:
    looking = _Selectors()
    for expression in expressions():
        looking.look(promql_parser.parse(expression))
    return looking.found


def _tell_everything_once() -> None:
    """Have every instrument there is tell something, for what was never counted is not shown."""
    for module in pkgutil.walk_packages(okr_service.__path__, "okr_service."):
        for instrument in vars(importlib.import_module(module.name)).values():
            if isinstance(instrument, Counter | UpDownCounter):
                instrument.add(0)
            elif isinstance(instrument, Histogram):
                instrument.record(0)


async def test_every_figure_that_is_asked_for_is_told(app: FastAPI, tenant: Tenant) -> None:
    assert tenant  # whose broker's turn is in the queue
    watch = QueueWatch(app.state.service.database, {"broker_turn"})
    registry = providers.figures()
    _tell_everything_once()
    await watch.look()
    told = set(re.findall(r"^(\w+)[{ ]", generate_latest(registry).decode(), re.MULTILINE))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {selector.name for selector in selectors()}
    assert len(asked) > 40
    assert asked - told - recorded == set()
    ours = {name for name in told if name.startswith("okr_")}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked if name}
    hidden = {re.sub(r"_(bucket|count|sum)$", "", name) for name in ours} - shown
    assert hidden == set(), "no panel and no rule shows these"


def test_every_label_that_is_asked_for_is_one_of_the_services() -> None:
    source = "\n".join(path.read_text() for path in _SOURCE.rglob("*.py"))
    named = {
        matcher.name for selector in selectors() for matcher in selector.matchers.matchers
    } - _ADDED_BY_PROMETHEUS
    assert {"http_route", "outcome", "kind"} <= named
    for name in named:
        assert re.search(rf"\b{name.replace('_', '[._]')}\b", source), name


def _routes(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from (route,) if inner is None else _routes(inner.routes)


def test_the_latency_budget_is_of_those_who_answer_at_once(app: FastAPI) -> None:
    [excluded] = {
        matcher.value
        for selector in selectors()
        if selector.name == "http_server_request_duration_seconds_bucket"
        for matcher in selector.matchers.matchers
        if matcher.name == "http_route" and "exports" in matcher.value
    }
    slow = (BulkEndpoint, ImportEndpoint, UnconnectedEndpoint)
    for route in _routes(app.router.routes):
        if isinstance(route, APIRoute) and route.path.startswith("/v1"):
            left_out = re.fullmatch(excluded, route.path_format) is not None
            assert left_out == isinstance(route, slow), route.path_format


def test_the_error_budget_is_what_the_page_says() -> None:
    told = " ".join(_TOLD.read_text().split())
    assert "99.9 % of requests" in told
    assert "99 % of those that answer at once within 0.5 s" in told
    fast = next(rule["expr"] for rule in rules() if rule.get("alert") == "OkrFailedBudgetBurnsFast")
    slow = next(rule["expr"] for rule in rules() if rule.get("alert") == "OkrSlowBudgetBurnsFast")
    assert len(re.findall(r"14\.4 \* 0\.001\b", fast)) == 2
    assert len(re.findall(r"14\.4 \* 0\.01\b", slow)) == 2
    recorded = [r["expr"] for r in rules() if r.get("record", "").startswith("okr:requests_slow")]
    assert len(recorded) == 7
    assert all('le="0.5"' in expression for expression in recorded)


def test_alerts_say_what_is_the_matter() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 15
    for rule in alerts:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    told = _TOLD.read_text()
    for rule in alerts:
        if rule["labels"]["severity"] == "critical":
            assert rule["alert"] in told, rule["alert"]


@pytest.mark.parametrize("name", ["alone", "large", "least"])
def test_pods_that_run_for_long_tell_how_they_are(name: str) -> None:
    for component, pod in pods(case(name)).items():
        if component not in {"api", "worker"}:
            assert "OKR_METRICS_PORT" not in variables(pod)
            continue
        ports = {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
        assert variables(pod)["OKR_METRICS_PORT"] == str(ports["metrics"])
        assert variables(pod)["OKR_METRICS_HOST"] == values(name).get("api", {}).get(
            "listen", "0.0.0.0"
        )
        probes = [container(pod)[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        assert {probe["httpGet"]["port"] for probe in probes} <= set(ports)


def test_prometheus_finds_each_component_and_is_let_in() -> None:
    labels = {
        component: pod["metadata"]["labels"] for component, pod in pods(case("large")).items()
    }
    [monitor] = of_kind(case("large"), "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    [endpoint] = monitor["spec"]["endpoints"]
    found = {}
    for service in of_kind(case("large"), "Service"):
        own = service["metadata"]["labels"]
        if monitor["spec"]["selector"]["matchLabels"].items() <= own.items():
            assert [port["name"] for port in service["spec"]["ports"]] == [endpoint["port"]]
            chosen = service["spec"]["selector"].items()
            [component] = [c for c, its in labels.items() if chosen <= its.items()]
            found[component] = service["metadata"]["name"]
        else:
            assert _FIGURES not in own
    assert set(found) == {"api", "worker"}
    own = {m.value for s in selectors() for m in s.matchers.matchers if m.name == "service"}
    assert own == {"|".join(sorted(found.values()))}
    [policy] = [
        p
        for p in of_kind(case("large"), "NetworkPolicy")
        if p["metadata"]["name"].endswith("metrics")
    ]
    [rule] = policy["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["metrics"]
    assert rule["from"] == values("large")["monitoring"]["from"]


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    kinds = {manifest["kind"] for manifest in case("least")}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    assert len(of_kind(case("least"), "NetworkPolicy")) == 2  # nobody may scrape
    without = values("large", workers={"enabled": False})
    components = {
        m["metadata"]["labels"][_LABEL]
        for m in of_kind(rendered(without), "Service")
        if _FIGURES in m["metadata"]["labels"]
    }
    assert components == {"api"}


def test_where_traces_go_is_said() -> None:
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert variables(pods(case("large"))["worker"])[endpoint] == "http://collector.monitoring:4318"
    assert endpoint not in variables(pods(case("least"))["api"])
    assert Settings.model_fields["metrics_port"].default == 0

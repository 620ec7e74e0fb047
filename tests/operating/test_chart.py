"""The chart renders what Kubernetes takes, runs what there is, and refuses what is wrong."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from helm_python import Chart, HelmError
from helm_python.chart import lint
from kubernetes_validate.utils import validate
from pydantic import SecretStr

from okr_service.cli import app
from okr_service.settings import Settings, misgiven

_CHART = Path(__file__).parents[2] / "helm" / "okr-service"
_CASES = sorted(file.stem for file in (_CHART / "ci").glob("*.yaml"))
_OLDEST, _NEWEST = "1.30", "1.37"
_OPERATORS = "monitoring.coreos.com/v1"  # kinds that Kubernetes itself does not know
_FIGURES = "okr-service/figures"  # the label of Services that Prometheus alone asks for
_LABEL = "app.kubernetes.io/component"
# What the chart sees to itself, and so takes from nobody.
_SECRETS = {
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
}
_OURS = _SECRETS | {"secrets_dir", "serve_works", "leave_seconds", "metrics_port", "metrics_host"}
_JUDGED = (
    "type",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "items",
    "pattern",
    "maxLength",
)

Manifest = dict[str, Any]  # what PyYAML gives


def values(case: str, **others: object) -> Manifest:
    given: Manifest = yaml.safe_load((_CHART / "ci" / f"{case}.yaml").read_text())
    return given | others


def texts(given: Manifest, release: str = "okr") -> dict[str, str]:
    with Chart.load(_CHART) as chart:
        return chart.render(given, name=release, namespace="planning", is_install=True)


def rendered(given: Manifest, release: str = "okr") -> list[Manifest]:
    found = texts(given, release)
    files = [text for path, text in found.items() if path.endswith(".yaml")]
    return [part for text in files for part in yaml.safe_load_all(text) if part]


@cache
def case(name: str) -> list[Manifest]:
    return rendered(values(name))


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def of_kubernetes(manifests: list[Manifest]) -> list[Manifest]:
    """Return those whose kinds Kubernetes itself knows."""
    return [manifest for manifest in manifests if manifest["apiVersion"] != _OPERATORS]


def service_of(manifests: list[Manifest]) -> Manifest:
    """Return the Service that callers ask."""
    found = of_kind(manifests, "Service")
    [only] = [each for each in found if _FIGURES not in each["metadata"]["labels"]]
    return only


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the pods by their component, each with metadata and spec."""
    templates = [m["spec"]["template"] for m in manifests if m["kind"] in {"Deployment", "Job"}]
    found = [*templates, *of_kind(manifests, "Pod")]
    return {pod["metadata"]["labels"][_LABEL]: pod for pod in found}


def container(pod: Manifest) -> Manifest:
    [only] = pod["spec"]["containers"]
    made: Manifest = only
    return made


def variables(pod: Manifest) -> dict[str, str]:
    pairs = [(one["name"], one["value"]) for one in container(pod).get("env", ())]
    assert len(dict(pairs)) == len(pairs), "a variable is given twice"
    return dict(pairs)


def secret_files(pod: Manifest) -> dict[str, tuple[str, str]]:
    """Return the Secret and its key behind each file that the pod mounts."""
    sources = [
        source["secret"]
        for volume in pod["spec"].get("volumes", ())
        for source in volume.get("projected", {}).get("sources", ())
    ]
    return {i["path"]: (s["name"], i["key"]) for s in sources for i in s["items"]}


@pytest.mark.parametrize("name", _CASES)
def test_helm_finds_nothing_wrong(name: str) -> None:
    report = lint(_CHART, values(name), strict=True, kube_version=f"v{_NEWEST}.0")
    assert report["errors"] == []
    warnings = [m for m in report["messages"] if m["severity"] > 1]
    assert warnings == []


@pytest.mark.parametrize("version", [_OLDEST, _NEWEST])
@pytest.mark.parametrize("name", _CASES)
def test_kubernetes_takes_what_is_rendered(name: str, version: str) -> None:
    for manifest in of_kubernetes(case(name)):
        validate(manifest, version, strict=True)


@pytest.mark.parametrize("name", _CASES)
def test_pods_may_do_no_more_than_they_must(name: str) -> None:
    for pod in pods(case(name)).values():
        spec, only = pod["spec"], container(pod)
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"].get("runAsUser") != 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= set(only["resources"])


@pytest.mark.parametrize("name", _CASES)
def test_no_service_beside_it_gives_pods_variables(name: str) -> None:
    assert list(misgiven({"OKR_OKR_SERVICE_SERVICE_HOST": "10.0.0.1"}))  # why it matters
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(case(name)).values())


@pytest.mark.parametrize("name", _CASES)
def test_variables_and_files_are_settings(name: str) -> None:
    for pod in pods(case(name)).values():
        given = variables(pod)
        assert list(misgiven(given)) == []
        files = {file.removeprefix("okr_") for file in secret_files(pod)}
        assert files <= set(Settings.model_fields)
        assert not files & {variable.removeprefix("OKR_").lower() for variable in given}


@pytest.mark.parametrize("name", _CASES)
def test_the_service_reads_its_settings_as_they_were_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = pods(case(name))["api"]
    for variable, text in variables(api).items():
        if variable != "OKR_SECRETS_DIR":
            monkeypatch.setenv(variable, text)
    read = Settings(database_url=SecretStr("postgresql://x/y"))
    for setting, meant in values(name).get("settings", {}).items():
        wanted = tuple(meant) if isinstance(meant, list) else meant
        assert str(getattr(read, setting)) == str(wanted)


@pytest.mark.parametrize("name", _CASES)
def test_commands_exist_with_their_options(name: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined] # it is a group
    for pod in pods(case(name)).values():
        if "args" in container(pod):
            command, *options = container(pod)["args"]
            commands[command].make_context(command, options, resilient_parsing=False)


def test_jobs_are_done_by_workers_or_else_by_the_api() -> None:
    assert variables(pods(case("least"))["api"])["OKR_SERVE_WORKS"] == "false"
    assert "worker" in pods(case("least"))
    assert variables(pods(case("alone"))["api"])["OKR_SERVE_WORKS"] == "true"
    assert set(pods(case("alone"))) == {"api", "test"}


def test_only_migrations_see_the_owner() -> None:
    seen = {component: secret_files(pod) for component, pod in pods(case("large")).items()}
    owner = ("okr-owner", "owner-url")
    assert seen["migration"]["okr_owner_database_url"] == owner
    for component in ("api", "worker"):
        assert "okr_owner_database_url" not in seen[component]
        assert "okr_api_key_secret" in seen[component]
        assert seen[component]["okr_broker_credentials"] == ("okr-broker", "okr.creds")
        assert seen[component]["okr_replica_database_url"] == ("okr-replica", "replica-url")
    assert "okr_api_key_secret" not in seen["migration"]
    assert "okr_broker_credentials" not in seen["migration"]
    assert "okr_replica_database_url" not in seen["migration"]
    assert seen["test"] == {}


@pytest.mark.parametrize("name", _CASES)
def test_no_secret_is_a_variable(name: str) -> None:
    of_secrets = {f"OKR_{name}".upper() for name in _SECRETS}
    assert of_secrets
    for pod in pods(case(name)).values():
        assert not of_secrets & set(variables(pod))
    assert of_kind(case(name), "Secret") == []


def test_migrations_come_before_the_pods_with_nothing_the_chart_makes() -> None:
    [job] = of_kind(case("large"), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "default"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", _CASES)
def test_selectors_choose_their_own_pods_and_no_others(name: str) -> None:
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(case(name)).items()}

    def chosen(selector: dict[str, str]) -> set[str]:
        return {c for c, own in labels.items() if selector.items() <= own.items()}

    for deployment in of_kind(case(name), "Deployment"):
        component = deployment["metadata"]["labels"][_LABEL]
        assert chosen(deployment["spec"]["selector"]["matchLabels"]) == {component}
        for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert chosen(spread["labelSelector"]["matchLabels"]) == {component}
    assert chosen(service_of(case(name))["spec"]["selector"]) == {"api"}
    for budget in of_kind(case(name), "PodDisruptionBudget"):
        assert chosen(budget["spec"]["selector"]["matchLabels"]) == {"api"}
    policies = of_kind(case(name), "NetworkPolicy")
    reach = [chosen(policy["spec"]["podSelector"]["matchLabels"]) for policy in policies]
    assert reach in ([], [set(labels), {"api"}], [set(labels), {"api"}, set(labels)])


@pytest.mark.parametrize("name", _CASES)
def test_names_and_ports_that_are_told_are_there(name: str) -> None:
    api = container(pods(case(name))["api"])
    ports = {port["name"]: port["containerPort"] for port in api["ports"]}
    assert str(ports["http"]) == api["args"][api["args"].index("--port") + 1]
    service = service_of(case(name))
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {"http"}
    deployments = {d["metadata"]["name"] for d in of_kind(case(name), "Deployment")}
    for scaler in of_kind(case(name), "HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in deployments
    for ingress in of_kind(case(name), "Ingress"):
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        assert backend["name"] == service["metadata"]["name"]
    asks = container(pods(case(name))["test"])["command"][-1]
    assert f'"{service["metadata"]["name"]}", {service["spec"]["ports"][0]["port"]},' in asks
    for pod in pods(case(name)).values():
        mounted = {mount["name"] for mount in container(pod).get("volumeMounts", ())}
        assert mounted == {volume["name"] for volume in pod["spec"].get("volumes", ())}


@pytest.mark.parametrize("name", _CASES)
def test_a_version_is_rolled_out_without_a_gap(name: str) -> None:
    for deployment in of_kind(case(name), "Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    api = pods(case(name))["api"]
    [drains] = [
        float(each["value"])
        for each in container(api)["env"]
        if each["name"] == "OKR_LEAVE_SECONDS"
    ]
    assert drains > 0
    longest = Settings.model_fields["request_timeout_seconds"].default
    assert api["spec"]["terminationGracePeriodSeconds"] > drains + longest
    probes = {p: container(api)[f"{p}Probe"]["httpGet"]["path"] for p in ("startup", "liveness")}
    assert set(probes.values()) == {"/healthz"}
    assert container(api)["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_autoscaler_alone_says_how_many() -> None:
    def counted(name: str) -> dict[str, bool]:
        found = of_kind(case(name), "Deployment")
        return {d["metadata"]["labels"][_LABEL]: "replicas" in d["spec"] for d in found}

    assert counted("large") == {"api": False, "worker": True}
    assert counted("least") == {"api": True, "worker": True}


def test_a_digest_goes_before_a_tag() -> None:
    image = container(pods(case("large"))["api"])["image"]
    assert re.fullmatch(r"images\.example\.com/planning/okr-service@sha256:[0-9a-f]{64}", image)
    with Chart.load(_CHART) as chart:
        version = chart.metadata["appVersion"]
    assert container(pods(case("least"))["api"])["image"] == f"okr-service:{version}"


def test_a_long_release_name_still_makes_names_that_kubernetes_takes() -> None:
    for manifest in rendered(values("large"), "a" * 49 + "-bcd"):  # Helm's longest
        assert len(manifest["metadata"]["name"]) <= 63
        if manifest["apiVersion"] != _OPERATORS:
            validate(manifest, _NEWEST, strict=True)


def test_the_notes_speak_of_what_was_installed() -> None:
    [notes] = [text for path, text in texts(values("large")).items() if path.endswith("NOTES.txt")]
    assert "https://okr.example.com" in notes


def test_the_schema_knows_each_setting_by_its_own_bounds() -> None:
    told = json.loads((_CHART / "values.schema.json").read_text())["properties"]["settings"]
    own = Settings.model_json_schema()["properties"]
    wanted = {}
    for name, field in own.items():
        if name not in _OURS:
            kind = field.get("anyOf", [field])[0]
            wanted[name] = {word: kind[word] for word in _JUDGED if word in kind}
    assert told["properties"] == wanted
    assert told["additionalProperties"] is False


WRONG: dict[str, dict[str, object]] = {
    "no database": {"database": {}},
    "a name no Secret has": {"database": {"existingSecret": "My Secret"}},
    "a URL in place of a Secret": {"database": {"url": "postgresql://okr:word@db/okr"}},
    "no secret for keys": {"keys": {"existingSecret": ""}},
    "a typo": {"replicas": 3},
    "a setting that is none": {"settings": {"pool_sizes": 5}},
    "a setting beyond its bounds": {"settings": {"pool_size": 0}},
    "a setting of another kind": {"settings": {"graphiql": "no"}},
    "a broker's Secret by no name": {"broker": {"existingSecret": "My Secret"}},
    "a prefix that is many subjects": {"settings": {"broker_subject_prefix": "okr.>"}},
    "a secret among the settings": {"settings": {"api_key_secret": "x" * 32}},
    "what the chart sees to": {"settings": {"serve_works": True}},
    "whatever is newest": {"image": {"repository": "okr-service", "tag": "latest"}},
    "half a digest": {"image": {"repository": "okr-service", "digest": "sha256:abc"}},
    "root": {"user": 0},
    "no drain": {"api": {"drainSeconds": 0}},
    "an ingress without a host": {"ingress": {"enabled": True}},
    "a budget that lets none go": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "labels that selectors need": {"podLabels": {_LABEL: "other"}},
    "a port that is none": {"service": {"port": 70000}},
    "figures at the port of the API": {"monitoring": {"port": 8000}},
    "a monitor that nobody is let in for": {"monitoring": {"serviceMonitor": {"enabled": True}}},
    "a form of the log that is none": {"settings": {"log_format": "xml"}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_are_refused(wrong: str) -> None:
    given = values("least", **WRONG[wrong])
    with Chart.load(_CHART) as chart, pytest.raises(HelmError):
        chart.validate_schema(given)


def test_without_a_secret_nothing_is_rendered() -> None:
    with Chart.load(_CHART) as chart, pytest.raises(HelmError):
        chart.render({}, name="okr")

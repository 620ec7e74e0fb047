"""The Python client that is generated from the contract, against the service."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from zipfile import ZipFile

import httpx
import pytest

import okr_client
from okr_client import AuthenticatedClient
from okr_client.api.check_ins import list_check_ins, record_check_in
from okr_client.api.cycles import put_cycle
from okr_client.api.exports import export_key_results
from okr_client.api.objectives import (
    create_key_result,
    create_objective,
    get_objective,
    patch_objective,
)
from okr_client.api.organisation import create_person, create_unit, get_unit, list_people
from okr_client.models import (
    FieldProblem,
    Metric,
    NewCheckIn,
    NewCycle,
    NewKeyResult,
    NewObjective,
    NewObjectivePatch,
    NewPerson,
    NewUnit,
    PersonView,
    Problem,
    TableForm,
    UnitKind,
)
from okr_service import __version__

_ROOT = Path(__file__).parents[2]
_T = TypeVar("_T")


@pytest.fixture
def calling(rest: httpx.AsyncClient) -> AuthenticatedClient:
    """Return a client that asks the service in this process."""
    return AuthenticatedClient("http://okr.test", token="").set_async_httpx_client(rest)


def _told(answer: _T | Problem | None) -> _T:
    assert answer is not None
    assert not isinstance(answer, Problem), answer
    return answer


async def _planned(calling: AuthenticatedClient) -> None:
    unit = NewUnit("Gạch Sao Mai", external_id="GACH", kind=UnitKind.COMPANY)
    _told(await create_unit.asyncio(client=calling, body=unit))
    year = NewCycle("2026", start_date=date(2026, 1, 1), end_date=date(2026, 12, 31))
    _told(await put_cycle.asyncio("external:Y26", client=calling, body=year))
    aim = NewObjective("2026", "Phủ kín đại lý", "external:GACH", external_id="MT-01")
    _told(await create_objective.asyncio(client=calling, body=aim))
    measured = NewKeyResult(
        "Đại lý mở mới",
        external_id="MT-01/KR1",
        objective_id="external:MT-01",
        metric=Metric.INCREASE,
        target_value="60",
    )
    _told(await create_key_result.asyncio(client=calling, body=measured))


async def test_a_check_in_moves_an_objective(calling: AuthenticatedClient) -> None:
    await _planned(calling)

    report = NewCheckIn("external:MT-01/KR1", str(Decimal("45.0")))
    seen = _told(await record_check_in.asyncio(client=calling, body=report))
    objective = _told(await get_objective.asyncio("external:MT-01", client=calling))

    assert Decimal(seen.value) == 45
    assert (objective.progress, objective.title) == (0.75, "Phủ kín đại lý")
    assert seen.observed_at.tzinfo is not None


async def test_an_edit_is_held_to_what_was_read(calling: AuthenticatedClient) -> None:
    await _planned(calling)
    read = await get_objective.asyncio_detailed("external:MT-01", client=calling)
    tag = read.headers["etag"]
    heavier, lighter = NewObjectivePatch(weight=2), NewObjectivePatch(weight="0.5", owner_id=None)

    edited = _told(
        await patch_objective.asyncio("external:MT-01", client=calling, body=heavier, if_match=tag)
    )
    late = await patch_objective.asyncio(
        "external:MT-01", client=calling, body=lighter, if_match=tag
    )

    assert (edited.weight, edited.title) == (2, "Phủ kín đại lý")
    assert isinstance(late, Problem)
    assert late.status == 412


async def test_a_list_is_read_page_by_page(calling: AuthenticatedClient) -> None:
    names = [f"Nhân viên {n}" for n in range(5)]
    for name in names:
        _told(await create_person.asyncio(client=calling, body=NewPerson(name)))

    people: list[PersonView] = []
    cursor: str | None = None
    while True:
        page = _told(await list_people.asyncio(client=calling, limit=2, cursor=cursor))
        people += page.data
        cursor = page.page.next_cursor
        if not page.page.has_more:
            break

    assert [person.name for person in people] == names


async def test_a_refusal_is_a_problem_that_names_its_field(calling: AuthenticatedClient) -> None:
    lost = NewUnit("Gạch", parent_id="external:NONE")
    answer = await create_unit.asyncio_detailed(client=calling, body=lost, accept_language="vi")

    assert isinstance(answer.parsed, Problem)
    assert (answer.status_code, answer.parsed.status) == (404, 404)
    assert answer.parsed.code == "unit-not-found"

    answer = await create_unit.asyncio_detailed(client=calling, body=NewUnit(""))
    assert isinstance(answer.parsed, Problem)
    [field] = answer.parsed.errors
    assert isinstance(field, FieldProblem)
    assert (answer.status_code, field.pointer) == (422, "/name")


async def test_a_request_sent_again_is_done_once(calling: AuthenticatedClient) -> None:
    await _planned(calling)
    report = NewCheckIn("external:MT-01/KR1", 30)
    for _ in range(2):
        answer = await record_check_in.asyncio_detailed(
            client=calling, body=report, idempotency_key="nightly-1"
        )
        _told(answer.parsed)

    assert answer.headers["idempotency-replayed"] == "true"
    assert len(_told(await list_check_ins.asyncio(client=calling)).data) == 1


async def test_what_is_not_there_is_no_unit(calling: AuthenticatedClient) -> None:
    answer = await get_unit.asyncio("external:NONE", client=calling)
    assert isinstance(answer, Problem)
    assert answer.code == "unit-not-found"


async def test_a_file_comes_as_its_bytes(calling: AuthenticatedClient) -> None:
    await _planned(calling)
    file = _told(await export_key_results.asyncio(TableForm.PARQUET, client=calling))
    assert file.payload.read(4) == b"PAR1"


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


def test_it_needs_httpx_and_attrs_only() -> None:
    [folder] = okr_client.__path__
    needed = {name for file in Path(folder).rglob("*.py") for name in _imported(file)}
    assert {name.partition(".")[0] for name in needed} - sys.stdlib_module_names == {
        "attrs",
        "httpx",
    }


def test_it_can_be_had_by_itself(tmp_path: Path) -> None:
    for part in ("clients/python", "openapi"):
        shutil.copytree(_ROOT / part, tmp_path / part)
    shutil.copy(_ROOT / "hatch_build.py", tmp_path)
    says_version = "src/okr_service/__init__.py"
    (tmp_path / says_version).parent.mkdir(parents=True)
    shutil.copy(_ROOT / says_version, tmp_path / says_version)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "."]
    subprocess.run(build, cwd=tmp_path / "clients" / "python", check=True, capture_output=True)

    [wheel] = tmp_path.rglob("*.whl")
    with ZipFile(wheel) as packed:
        names = packed.namelist()
        [about] = [packed.read(name).decode() for name in names if name.endswith("METADATA")]
    assert wheel.name == f"okr_client-{__version__}-py3-none-any.whl"
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"okr_client"}
    assert {"okr_client/py.typed", "okr_client/models/problem.py"} <= set(names)
    assert re.findall(r"^Requires-Dist: ([a-z]+)", about, re.MULTILINE) == ["attrs", "httpx"]

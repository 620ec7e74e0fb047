"""The recipes for other systems, run as people run them, on the demo's data."""

import asyncio
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from fastapi import FastAPI
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import new_tenant
from tests.exports.test_tables import rows_of
from tests.rest.listening import listening
from tests.test_files import names_in

from okr_service.demo.service import plan_demo
from okr_service.kernel.database import Database

_ROOT = Path(__file__).parents[2]
_RECIPES = _ROOT / "docs" / "recipes"
_DAY = date(2026, 9, 17)  # the samples are of this year, up to September
_COUNTS = "{} recorded, {} corrected, {} unchanged, {} unmatched, 0 refused"


@dataclass
class Demo:
    """The demo, served."""

    build: Build
    variables: dict[str, str]

    async def run(self, recipe: str, *arguments: str | Path) -> list[str]:
        """Run a recipe; returns the lines that it printed."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
        command = [sys.executable, _RECIPES / f"{recipe}.py", *arguments]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=kept | self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    async def value(self, key_result: str) -> Decimal:
        return Decimal(
            (await self.build.get(f"key-results/external:{key_result}"))["current_value"]
        )

    async def progress(self, objective: str) -> float:
        told: float = (await self.build.get(f"objectives/external:{objective}"))["progress"]
        return told

    async def unmatched(self, feed: str) -> list[Json]:
        rows: list[Json] = (await self.build.get(f"feeds/external:{feed}/unmatched"))["data"]
        return rows


@pytest.fixture(scope="module")
async def demo(app: FastAPI, database: Database) -> AsyncIterator[Demo]:
    """Plan the demo in a tenant of its own, and serve it; each test moves other key results."""
    tenant = await new_tenant(database)
    assert await plan_demo(database, tenant.tenant_id, _DAY)
    async with listening(app) as port, client(app, tenant.key) as rest:
        called = {"OKR_URL": f"http://127.0.0.1:{port}", "OKR_API_KEY": tenant.key}
        yield Demo(Build(rest), called)


def _changed(folder: Path, sample: str, before: str, after: str) -> Path:
    """Write a sample as the other system would tell it later."""
    told = (_RECIPES / sample).read_text("utf-8")
    assert told.count(before) == 1
    (folder / sample).write_text(told.replace(before, after), "utf-8")
    return folder / sample


async def test_sap_revenue_reaches_the_companies_and_the_group(demo: Demo, tmp_path: Path) -> None:
    sample, brick, steel = _RECIPES / "sap.json", "MT-GACH-01/KR1", "MT-THEP-01/KR1"
    lines = json.loads(sample.read_text())["value"]
    booked = {
        company: -sum(
            line["AmountInCompanyCodeCurrency"] for line in lines if line["CompanyCode"] == company
        )
        for company in ("1200", "1300")
    }
    before = await demo.progress("MT-AVL-01")

    assert await demo.run("sap", sample, "--set-up") == [_COUNTS.format(27, 0, 0, 1)]

    assert await demo.value(brick) == booked["1200"] > 10**12
    assert await demo.value(steel) == booked["1300"]
    assert await demo.progress("MT-AVL-01") != before
    [unknown] = await demo.unmatched("sap")
    assert (unknown["dimensions"], unknown["reason"]) == ({"CompanyCode": "9000"}, "no_mapping")

    assert await demo.run("sap", sample) == [_COUNTS.format(0, 0, 28, 0)]
    posted = _changed(tmp_path, "sap.json", "-3237500000", "-4237500000")  # September, account 5113
    assert await demo.run("sap", posted) == [_COUNTS.format(0, 1, 27, 0)]
    assert await demo.value(brick) == booked["1200"] + 10**9


async def test_odoo_s_people_and_orders_come(demo: Demo, tmp_path: Path) -> None:
    people, orders = _RECIPES / "odoo_employees.json", _RECIPES / "odoo_orders.json"
    kinds = ("NV-012", "NV-022", "NV-901")

    printed = await demo.run("odoo", people, orders, "--set-up")

    assert printed[-1] == _COUNTS.format(4, 0, 0, 1)
    sales = await demo.build.get("units/external:GACH-KD")
    promoted, left, new = [await demo.build.get(f"people/external:{nv}") for nv in kinds]
    assert (promoted["job_title"], promoted["active"]) == ("Quản lý vùng bán hàng", True)
    assert (left["active"], left["name"]) == (False, "Nguyễn Quỳnh Như")
    assert (new["name"], new["email"]) == ("Phạm Thị Ngọc Ánh", None)
    assert new["unit_id"] == promoted["unit_id"] == sales["id"]
    assert await demo.value("MT-GACH-KD-01/KR2") == Decimal("736250000000.5")

    cancelled = '"sale", "team_id": [3, "Kênh đại lý"], "amount_untaxed": 251500000000.0'
    later = _changed(tmp_path, "odoo_orders.json", cancelled, cancelled.replace("sale", "cancel"))
    assert (await demo.run("odoo", people, later))[-1] == _COUNTS.format(0, 1, 4, 0)
    assert await demo.value("MT-GACH-KD-01/KR2") == Decimal("484750000000.5")


async def test_erpnext_s_invoices_are_summed(demo: Demo) -> None:
    sample = _RECIPES / "erpnext.json"
    before = await demo.progress("MT-XEMAY-01")

    assert await demo.run("erpnext", sample, "--set-up") == [_COUNTS.format(6, 0, 0, 0)]

    sold = 11820 + 13065 + 12390 + 1725 - 12  # and nothing of the cancelled one
    assert await demo.value("MT-XEMAY-01/KR1") == sold
    assert await demo.progress("MT-XEMAY-01") != before
    assert await demo.run("erpnext", sample) == [_COUNTS.format(0, 0, 6, 0)]


async def test_a_report_of_misa_is_read_as_csv_and_as_a_workbook(
    demo: Demo, tmp_path: Path
) -> None:
    sample, sold = _RECIPES / "misa.csv", Decimal("6412.5") + 11250 - Decimal("3.25")

    assert await demo.run("misa", sample, "--set-up") == [_COUNTS.format(3, 0, 0, 1)]
    assert await demo.value("MT-THEP-01/KR2") == sold
    [cut] = await demo.unmatched("misa")
    assert (cut["dimensions"], cut["value"]) == ({"ĐVT": "Lần"}, "318")

    workbook = _as_workbook(sample, tmp_path / "misa.xlsx")
    assert await demo.run("misa", workbook) == [_COUNTS.format(0, 0, 4, 0)]


def _as_workbook(sample: Path, to: Path) -> Path:
    """Write the report as a workbook, its plain numbers as numbers."""
    with xlsxwriter.Workbook(to) as workbook:
        sheet = workbook.add_worksheet()
        with sample.open(encoding="utf-8-sig", newline="") as file:
            for place, row in enumerate(csv.reader(file, delimiter=";")):
                for column, cell in enumerate(row):
                    if re.fullmatch(r"[\d.]+(,\d+)?", cell):
                        sheet.write(place, column, float(cell.replace(".", "").replace(",", ".")))
                    else:
                        sheet.write(place, column, cell)
    return to


async def test_power_bi_reads_tables_and_what_moved_since(demo: Demo, tmp_path: Path) -> None:
    await demo.run("powerbi", tmp_path)
    kept = names_in(tmp_path)
    listed = await demo.build.get("key-results?count=exact&limit=1")
    rows = rows_of((tmp_path / "key-results.parquet").read_bytes())
    tables = ["check-ins.parquet", "cursor", "key-results.parquet", "objectives.parquet"]
    assert kept == [*tables, "progressed.csv"]
    assert len(rows) == listed["page"]["total"]

    key_result = await demo.build.get("key-results/external:MT-GACH-KD-01/KR1")
    await demo.build.post("check-ins", key_result_id=key_result["id"], value="59")
    already = len((tmp_path / "progressed.csv").read_text().splitlines())
    [told] = await demo.run("powerbi", tmp_path)

    with (tmp_path / "progressed.csv").open(encoding="utf-8", newline="") as file:
        moved = list(csv.reader(file))[already:]
    assert told == f"{len(moved)} movements"
    [own] = [row for row in moved if row[1] == f"key-results/{key_result['id']}"]
    assert own[2:] == [str(key_result["progress"]), "0.983333"]
    assert {row[1].partition("/")[0] for row in moved} == {"key-results", "objectives"}
    rows = rows_of((tmp_path / "key-results.parquet").read_bytes())
    assert {row["current_value"] for row in rows if row["id"] == key_result["id"]} == {59}


async def test_a_refusal_ends_a_recipe_and_says_why(demo: Demo) -> None:
    wrong = Demo(demo.build, {**demo.variables, "OKR_API_KEY": "none"})
    with pytest.raises(AssertionError, match="This credential is unknown"):
        await wrong.run("erpnext", _RECIPES / "erpnext.json")


def test_what_the_pages_name_is_there(app: FastAPI) -> None:
    paths = [re.sub(r"{\w+}", "[^/]+", path) for path in app.openapi()["paths"]]
    for page in _RECIPES.glob("*.md"):
        told = page.read_text("utf-8")
        for path in re.findall(r"/?(v1/[\w/:.-]+\w)", told):
            assert any(re.fullmatch(known, f"/{path}") for known in paths), (page.name, path)
        for link in re.findall(r"\]\(([^)#:]+)", told):
            assert (page.parent / link).exists(), (page.name, link)
        for file in re.findall(r"docs/recipes/[\w.]+", told):
            assert (_ROOT / file).exists(), (page.name, file)

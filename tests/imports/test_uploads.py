"""Files over HTTP: each way to send one, and what comes back."""

import io

import httpx
import openpyxl
import pytest
from tests.build import Build
from tests.imports.files import cells, read, workbook
from tests.imports.test_import import YEAR, counts

from okr_service.imports.formats import Format
from okr_service.imports.mending import failed_rows
from okr_service.imports.plan import gather

BAD: list[list[str | float | None]] = [
    ["KẾ HOẠCH 2026"],
    ["Mã đơn vị", "Kỳ", "Mã mục tiêu", "Mục tiêu", "Mã KR", "Kết quả then chốt", "Chỉ tiêu"],
    ["KD", 2026, "A", "Tăng", "KR1", "Doanh thu", 100],
    [None, None, None, None, "KR2", "=1+1", "nhiều"],
    [None, None, None, None, "KR3", "Khách", "1.234"],
]


async def send(
    rest: httpx.AsyncClient, data: bytes, form: str, accept: str = "*/*", mode: str = "dry_run"
) -> httpx.Response:
    headers = {"Content-Type": form, "Accept": accept, "Accept-Language": "vi"}
    return await rest.post("/v1/imports", params={"mode": mode}, content=data, headers=headers)


async def test_a_workbook_a_form_and_lines_do_what_csv_does(build: Build) -> None:
    rows = [line.split(",") for line in YEAR.splitlines()]
    data = workbook({"KH": rows})
    first = await send(build.rest, data, Format.XLSX, mode="commit")
    assert (first.status_code, counts(first.json())) == (200, {"created": 5}), first.text
    assert first.json()["rows"][0] == {"sheet": "KH", "row": 2, "effect": "created"}
    lines = '{"objective": "MT-GACH", "objective_title": "Gạch dẫn đầu"}\n'.encode()
    assert counts((await send(build.rest, lines, Format.NDJSON)).json()) == {"unchanged": 1}
    for name, form in (("y.csv", "application/vnd.ms-excel"), ("y.bin", "text/csv")):
        sent = {"file": (name, YEAR.encode(), form)}
        response = await build.rest.post("/v1/imports", files=sent)
        assert counts(response.json()) == {"unchanged": 5}, response.text


async def test_several_sheets_count_row_by_row(build: Build) -> None:
    head = ["unit", "cycle", "objective", "objective_title", "key_result", "target"]
    data = workbook(
        {
            "Gạch": [head, ["G", 2026, "A", "a", None, None]],
            "Ghi chú": [["x"]],
            "Thép": [head, ["T", 2026, "B", "b", None, "many"], ["T", 2026, "C", "c", None, None]],
        }
    )
    report = (await send(build.rest, data, Format.XLSX)).json()
    assert [(row["sheet"], row["row"], row["effect"]) for row in report["rows"]] == [
        ("Gạch", 2, "created"),
        ("Thép", 2, "failed"),
        ("Thép", 3, "created"),
    ]
    [error] = report["errors"]
    assert (error["sheet"], error["row"], error["cell"]) == ("Thép", 2, "F2")
    assert report["skipped_sheets"] == [{"sheet": "Ghi chú", "reason": "no_header"}]


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({}, 415),
        ({"a": ("a.csv", b"x"), "b": ("b.csv", b"y")}, 400),
        ({"a": ("a.pdf", b"x", "application/pdf")}, 415),
    ],
)
async def test_a_form_holds_one_file(
    rest: httpx.AsyncClient, files: dict[str, tuple[str, bytes]], status: int
) -> None:
    response = await rest.post("/v1/imports", files=files)
    assert response.status_code == status, response.text


@pytest.mark.parametrize("kind", ["application/pdf", "application/json", "text/html", ""])
async def test_other_types_are_refused(rest: httpx.AsyncClient, kind: str) -> None:
    response = await send(rest, b"objective\nA\n", kind)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")


async def test_a_broken_form_is_a_bad_request(rest: httpx.AsyncClient) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = await send(rest, b"--x\r\nnonsense", kind)
        assert response.status_code == 400, response.text


async def test_a_dry_run_marks_the_callers_own_workbook(build: Build) -> None:
    response = await send(build.rest, workbook({"KH": BAD}), Format.XLSX, Format.XLSX)
    assert response.headers["content-type"] == Format.XLSX
    sheet = openpyxl.load_workbook(io.BytesIO(response.content))["KH"]
    assert sheet["A1"].value == "KẾ HOẠCH 2026"
    noted = {c.coordinate: c.comment.text for row in sheet.rows for c in row if c.comment}
    assert noted.keys() == {"G4", "G5"}
    assert "nhiều không phải là số" in noted["G4"]
    assert sheet["G4"].fill.start_color.rgb.endswith("FFC7CE")
    refused = await send(build.rest, b"objective,x\nA,b\n", Format.CSV, Format.XLSX)
    assert refused.headers["content-type"] == "application/problem+json"


async def test_failed_rows_can_be_mended_and_sent_again() -> None:
    plan = gather(read(workbook({"KH": BAD}), Format.XLSX))
    data = failed_rows(plan, plan.errors, "vi")
    first, second = cells(data, Format.XLSX)
    assert first == {
        "unit": "KD",
        "cycle": "2026",
        "objective": "A",
        "key_result": "KR2",
        "key_result_title": "=1+1",
        "target": "nhiều",
    }
    assert second["target"] == "1.234"
    sheet = openpyxl.load_workbook(io.BytesIO(data))["KH"]
    assert sheet["F2"].data_type == "s"
    assert "nhiều không phải là số" in sheet["H2"].value
    assert sheet["G2"].comment is not None


async def test_the_template_offers_the_tenants_own_and_round_trips(build: Build) -> None:
    await build.person(external_id="NV-1", name="Nguyễn Thị Mai")
    assert (await send(build.rest, YEAR.encode(), Format.CSV, mode="commit")).status_code == 200
    for lang, (plan, example, lists) in {
        "vi": ("Kế hoạch", "Ví dụ", "Danh mục"),
        "en": ("Plan", "Example", "Lists"),
    }.items():
        response = await build.rest.get("/v1/imports/template.xlsx", params={"lang": lang})
        assert response.status_code == 200, response.text
        book = openpyxl.load_workbook(io.BytesIO(response.content))
        assert book.sheetnames == [plan, example, lists]
        listed = [[c.value for c in column if c.value] for column in book[lists].columns]
        assert listed == [["GACH", "TD"], ["2026"], ["Nguyễn Thị Mai (NV-1)"]]
        assert book[lists].sheet_state == "hidden"
        assert book[plan].freeze_panes == "A2"
        assert book[plan].page_setup.orientation == "landscape"
        assert (await send(build.rest, response.content, Format.XLSX)).json()[
            "code"
        ] == "empty-table"
        filled, shown = book[plan], book[example]
        for row in shown.iter_rows(min_row=2):
            for cell in row:
                filled.cell(cell.row, cell.column, cell.value)
        filled["A2"], filled["H2"] = "GACH", "MT-NEW"
        filled["J2"] = None
        filled["L2"] = "Nguyễn Thị Mai (NV-1)"
        buffer = io.BytesIO()
        book.save(buffer)
        report = (await send(build.rest, buffer.getvalue(), Format.XLSX)).json()
        assert (report["errors"], counts(report)) == ([], {"created": 4})

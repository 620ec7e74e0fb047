"""Importing flat files: matched by code, all or nothing, every bad cell named."""

from fractions import Fraction

import httpx
import pytest
from tests.build import Build, Json
from tests.rollup.exact import rounded

YEAR = """\
unit,unit_name,unit_kind,parent_unit,cycle,objective,objective_title,parent_objective,\
objective_weight,key_result,key_result_title,metric,unit_of_measure,start,target,current,\
key_result_weight,T1,T3
GACH,Công ty Gạch,company,TD,2026,MT-GACH,Gạch dẫn đầu,MT-TD,2,\
KR1,Sản lượng,increase,viên,0,300,100,1,25,75
GACH,,,TD,2026,MT-GACH,,,,KR2,Tồn kho,decrease,viên,50,20,14,3,,
GACH,,,TD,2026,MT-KHAC,Chưa đo được,MT-TD,5,,,,,,,,,,
TD,Tập đoàn,group,,2026,MT-TD,Tăng trưởng,,,,,,,,,,,,
TD,,,,2026,MT-TD,,,,KR1,Doanh thu,increase,VND,0,1000,,1,,
"""


async def send(
    rest: httpx.AsyncClient, text: str | bytes, mode: str = "commit", language: str = "en"
) -> httpx.Response:
    headers = {"Content-Type": "text/csv", "Accept-Language": language}
    data = text.encode() if isinstance(text, str) else text
    return await rest.post("/v1/imports", params={"mode": mode}, content=data, headers=headers)


def counts(report: Json) -> dict[str, int]:
    return {effect: number for effect, number in report["counts"].items() if number}


async def test_a_file_is_created_then_unchanged_then_updated(build: Build) -> None:
    first = await send(build.rest, YEAR)
    again = await send(build.rest, YEAR)
    later = await send(build.rest, YEAR.replace("300,100", "300,150").replace("Tồn kho", "Tồn"))

    assert (first.status_code, counts(first.json())) == (200, {"created": 5}), first.text
    assert counts(again.json()) == {"unchanged": 5}
    assert counts(later.json()) == {"updated": 2, "unchanged": 3}
    # KR1 1/3, KR2 (14-50)/(20-50) over 1 → 1: (1·1/3 + 3·1)/4; MT-KHAC is not measured;
    # the group: (2·that + 1·0) / 3
    brick = rounded((rounded(Fraction(1, 3)) + 3) / 4)
    [root] = first.json()["roots"]
    assert root["after"] == float(rounded(2 * brick / 3))
    assert root["before"] is None
    assert again.json()["roots"][0]["before"] == root["after"]
    key_result = await build.get("key-results/external:MT-GACH/KR1")
    assert (key_result["current_value"], key_result["position"]) == ("150", 1)
    assert key_result["plan"] == [
        {"date": "2026-01-31", "value": "25"},
        {"date": "2026-03-31", "value": "75"},
    ]
    unit = await build.get("units/external:GACH")
    assert unit["parent_id"] == (await build.get("units/external:TD"))["id"]


async def test_a_dry_run_shows_all_and_does_nothing(build: Build) -> None:
    report = await send(build.rest, YEAR, "dry_run")
    assert counts(report.json()) == {"created": 5}
    assert report.json()["roots"][0]["objective_id"] is None
    assert report.json()["roots"][0]["after"] is not None
    for path in ("objectives", "units", "cycles", "key-results", "check-ins"):
        assert (await build.get(path))["data"] == []
    committed = await send(build.rest, YEAR)
    assert committed.json()["rows"] == report.json()["rows"]


async def test_every_bad_cell_is_named_and_nothing_is_loaded(build: Build) -> None:
    bad = YEAR.replace("increase,viên,0,300,100", "growth,viên,0,many,1.00.0").replace(
        "decrease,viên,50,20", "decrease,viên,50,60"
    )
    for mode, status in (("commit", 422), ("dry_run", 200)):
        response = await send(build.rest, bad, mode)
        assert response.status_code == status, response.text
        found = {(e["cell"], e["column"], e["code"]) for e in response.json()["errors"]}
        assert {
            ("L2", "metric", "not-a-choice"),
            ("O2", "target", "unreadable-number"),
            ("P2", "current", "unreadable-number"),
            ("O3", "target", "target-on-wrong-side"),
        } <= found, found
    assert (await build.get("objectives"))["data"] == []
    vietnamese = await send(build.rest, bad, language="vi")
    english = await send(build.rest, bad)
    for ours, theirs in zip(vietnamese.json()["errors"], english.json()["errors"], strict=True):
        assert ours["message"] != theirs["message"]


@pytest.mark.parametrize("on_error", ["abort", "skip"])
async def test_of_too_many_bad_cells_the_first_are_named(build: Build, on_error: str) -> None:
    head = "unit,cycle,objective,objective_title,key_result,target\n"
    text = head + "".join(f"U,2026,A,First,KR{nth},much\n" for nth in range(10_001))
    query = {"mode": "dry_run", "on_error": on_error}
    kind = {"Content-Type": "text/csv"}
    refused = await build.rest.post("/v1/imports", params=query, content=text, headers=kind)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (422, "too-many-cell-errors")
    assert (len(told["errors"]), told["errors"][-1]["cell"]) == (10_000, "F10001")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-table"),
        ("objective\n", "empty-table"),
        ("objective,colour\nA,red\n", "import-rejected"),
        ("objective,Mã mục tiêu\nA,B\n", "import-rejected"),
        ("unit\nA\n", "import-rejected"),
        ('objective\n"A\n', "unreadable-table"),
        (b"objective\n\xff\n", "unknown-encoding"),
        ("objective\nA\0\n", "unreadable-table"),
    ],
)
async def test_what_is_no_table_is_refused(
    rest: httpx.AsyncClient, text: str | bytes, code: str
) -> None:
    response = await send(rest, text)
    assert response.json()["code"] == code, response.text
    assert response.status_code in (400, 422)


async def test_rows_that_contradict_each_other_or_make_a_loop_are_named(build: Build) -> None:
    head = "unit,cycle,objective,objective_title,parent_objective\n"
    loop = await send(build.rest, head + "U,2026,A,A,B\nU,2026,B,B,A\n")
    assert "loop-in-file" in [e["code"] for e in loop.json()["errors"]]
    itself = await send(build.rest, head + "U,2026,A,A,A\n")
    assert [e["code"] for e in itself.json()["errors"]] == ["loop-in-file"]
    differs = await send(build.rest, head + "U,2026,A,A,\nU,2026,A,Other,\n")
    [error] = differs.json()["errors"]
    assert (error["row"], error["code"]) == (3, "contradicts-row")
    nowhere = await send(build.rest, head + "U,2026,A,A,NONE\n")
    [error] = nowhere.json()["errors"]
    assert (error["cell"], error["code"]) == ("E2", "objective-not-found")


async def test_vietnamese_headers_numbers_and_dates_are_read(build: Build) -> None:
    await build.person(external_id="NV-1", email="mai@saomai.example")
    text = (
        "\ufeffMã đơn vị;Kỳ;Mã mục tiêu;MỤC TIÊU;Mã KR;Ket qua then chot;Loại chỉ tiêu;"
        "Chỉ tiêu;Thực hiện;Người phụ trách;Thời hạn;Giải pháp;Hạn hoàn thành;Trạng thái\r\n"
        "KD;2026;MT;Tăng doanh thu;KR1;Doanh thu;Tăng;1.234.567,5;617.283,75;NV-1;31/12/2026;;;\r\n"
        "KD;2026;MT;;KR2;Làm xong;Hành động;;;Mai@saomai.example;;"
        "Mở đại lý;30/09/2026;Hoàn thành\r\n"
        "KD;2026;MT;;KR2;;;;;;;Tuyển người;15/10/2026;Đang làm\r\n"
    )
    report = await send(build.rest, text)
    assert counts(report.json()) == {"created": 3}, report.text
    key_result = await build.get("key-results/external:MT/KR1")
    assert (key_result["target_value"], key_result["progress"]) == ("1234567.5", 0.5)
    assert (key_result["due_date"], key_result["metric"]) == ("2026-12-31", "increase")
    assert (await build.get("key-results/external:MT/KR2"))["progress"] == 0.5
    actions = (await build.get("actions?state=done"))["data"]
    assert [action["title"] for action in actions] == ["Mở đại lý"]
    assert counts((await send(build.rest, text)).json()) == {"unchanged": 3}


async def test_an_import_needs_the_permission_and_the_media_type(build: Build) -> None:
    response = await build.rest.post("/v1/imports", json={})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")


async def test_a_closed_cycle_takes_no_import(build: Build) -> None:
    await send(build.rest, YEAR)
    await build.post("cycles/2026:close")
    response = await send(build.rest, YEAR.replace("300,100", "300,150"))
    assert "cycle-closed" in [e["code"] for e in response.json()["errors"]]

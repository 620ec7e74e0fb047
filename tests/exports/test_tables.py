"""Tables to report from: what lists show, to whom lists show it."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal

import arro3.io
import httpx
import pytest
from arro3.core import Table
from tests.build import Build, Json
from tests.group import Group, sees

TABLES = ("objectives", "key-results", "actions", "check-ins")


async def read(rest: httpx.AsyncClient, path: str, **asked: str) -> list[Json]:
    answer = await rest.get(f"/v1/exports/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    kind = path.rpartition(".")[2]
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(answer.text)))
    if kind == "ndjson":
        return [json.loads(line) for line in answer.text.splitlines()]
    return rows_of(answer.content)


def rows_of(data: bytes) -> list[Json]:
    table = arro3.io.read_parquet(io.BytesIO(data)).read_all()
    columns = [list(_values(table, name)) for name in table.column_names]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(table: Table, name: str) -> Iterator[object]:
    for chunk in table.column(name).chunks:
        yield from chunk.to_pylist()


async def test_each_form_tells_what_the_list_tells(group: Group) -> None:
    rest = group.build.rest
    for table in TABLES:
        listed = (await group.build.get(f"{table}?limit=200"))["data"]
        by_id = {row["id"]: row for row in listed}
        lines = await read(rest, f"{table}.ndjson")
        cells = await read(rest, f"{table}.csv")
        columns = await read(rest, f"{table}.parquet")
        assert [r["id"] for r in lines] == sorted(by_id)
        assert [r["id"] for r in cells] == [r["id"] for r in columns] == [r["id"] for r in lines]
        for row in lines:
            shown = by_id[row["id"]]
            assert {n: v for n, v in row.items() if n in shown} == {
                n: v for n, v in shown.items() if n in row
            }
        for row, line in zip(cells, lines, strict=True):
            assert list(row) == list(line)
            assert (row["id"], row["created_at"][:19] if "created_at" in row else "") == (
                line["id"],
                line.get("created_at", "")[:19],
            )
    values = {row["value"] for row in await read(rest, "check-ins.parquet")}
    assert values == {Decimal(40)}


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
async def test_what_lists_hide_is_not_exported(group: Group, form: str) -> None:
    for person in ("mai", "binh", "leader", "director", "planner"):
        async with group.calling(person) as calling:
            shown = {name for name in group.objectives if sees(person, name)}
            for place, table in enumerate(TABLES):
                kinds = (group.objectives, group.key_results, group.actions, group.check_ins)
                ids = {row["id"] for row in await read(calling, f"{table}.{form}")}
                for name, row in kinds[place].items():
                    if name in group.objectives:
                        assert (row["id"] in ids) == (name in shown), (person, table, name)
            listed = (await calling.get("/v1/objectives")).json()["data"]
            parents = {row["id"]: row["parent_id"] for row in listed}
            for row in await read(calling, f"objectives.{form}"):
                assert (row["parent_id"] or None) == parents[row["id"]]
            plan = (await calling.get("/v1/exports/plan.ndjson?lang=en")).text
            for name in group.objectives:
                assert (f'"Objective of {name}"' in plan) == (name in shown)


async def test_scorecards_are_a_row_for_each_unit(group: Group) -> None:
    rest = group.build.rest
    rows = await read(rest, "scorecards.ndjson", cycle_id="2026")
    assert {row["unit_name"] for row in rows} >= set(group.units)
    assert rows[0]["unit_name"] == "group"
    north = await read(rest, "scorecards.csv", cycle_id="2026", unit_id=group.units["north"]["id"])
    assert {row["unit_name"] for row in north} == {"north", "sales"}
    card = await group.build.get(f"units/{group.units['north']['id']}/scorecard?cycle_id=2026")
    columns = await read(rest, "scorecards.parquet", cycle_id="2026")
    of_north = next(row for row in columns if row["unit_name"] == "north")
    assert of_north["progress"] == card["progress"]
    assert of_north["key_results_total"] == card["key_results"]["total"]


async def test_a_scope_is_a_unit_with_all_beneath_it_and_a_cycle(group: Group) -> None:
    rest, units = group.build.rest, group.units
    for table in ("objectives", "key-results", "actions", "check-ins"):
        whole = await read(rest, f"{table}.ndjson")
        north = await read(rest, f"{table}.ndjson", unit_id=units["north"]["id"])
        assert 0 < len(north) < len(whole)
        assert await read(rest, f"{table}.ndjson", unit_id=units["group"]["id"]) == whole
        assert await read(rest, f"{table}.ndjson", cycle_id="2026", state="draft,active") == whole
        assert await read(rest, f"{table}.csv", state="cancelled") == []


async def test_what_cannot_be_exported_is_said_before_anything_is_sent(build: Build) -> None:
    for path, status, code in (
        ("plan.csv?unit_id=external:NONE", 404, "unit-not-found"),
        ("check-ins.csv?cycle_id=2031", 404, "cycle-not-found"),
        ("scorecards.csv", 400, "invalid-query"),
        ("scorecards.csv?cycle_id=2031", 404, "cycle-not-found"),
        ("plan.parquet", 400, None),
        ("plan.csv?cycle=2026", 400, None),
        ("units.csv", 404, None),
    ):
        answer = await build.rest.get(f"/v1/exports/{path}")
        told = answer.json()
        assert (answer.status_code, code or told["code"]) == (status, told["code"]), (path, told)


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
async def test_an_empty_table_is_a_whole_file(build: Build, form: str) -> None:
    assert await read(build.rest, f"check-ins.{form}") == []

"""Exports over REST."""

import io
from collections.abc import AsyncIterator, Callable
from typing import IO, Annotated

import orjson
from fastapi import Path, Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.exports import cards, tables
from okr_service.exports.columnar import parquet, require_parquet
from okr_service.exports.plan import plan
from okr_service.exports.scope import within
from okr_service.exports.shapes import (
    CheckInsQuestion,
    EditedQuestion,
    PlanForm,
    PlanQuestion,
    Scope,
    ScorecardsQuestion,
    TableForm,
)
from okr_service.exports.tables import TABLES, Conditions
from okr_service.exports.text import BYTE_ORDER_MARK, delimited, lines, row_of
from okr_service.exports.workbook import workbook
from okr_service.kernel.copying import Copied, Form, parts
from okr_service.rest.answers import streamed
from okr_service.rest.endpoint import (
    PARQUET,
    WORKBOOK,
    FileEndpoint,
    Unconnected,
    UnconnectedCall,
    needs,
)
from okr_service.rest.routing import room

router = room("exports", FileEndpoint)

_CSV, _LINES = "text/csv; charset=utf-8", "application/x-ndjson"
_MEDIA_TYPES = {
    "csv": _CSV,
    "ndjson": _LINES,
    "xlsx": WORKBOOK,
    "parquet": PARQUET,
}


def _file(*forms: str) -> dict[int | str, dict[str, object]]:
    binary = {"type": "string", "format": "binary"}
    content = {
        _MEDIA_TYPES[form].partition(";")[0]: {
            "schema": {"type": "string"} if form in ("csv", "ndjson") else binary
        }
        for form in forms
    }
    return {200: {"description": "The file, as it is read.", "content": content}}


_PLAN, _TABLE = _file(*PlanForm), _file(*TableForm)
_AsPlan = Annotated[PlanForm, Path(description="How the file is written.")]
_AsTable = Annotated[TableForm, Path(description="How the file is written.")]


@router.get("/exports/plan.{form}", response_class=Response, responses=_PLAN)
@needs(Permission.READ)
async def export_plan(
    form: _AsPlan, asked: Annotated[PlanQuestion, Query()], call: Unconnected
) -> Response:
    """Export the plan as the flat file that an import reads back unchanged."""
    scope = await _scope(call, asked)
    written = Form.CSV if form is PlanForm.CSV else Form.LINES
    copied = plan(call.who, scope, written, asked.lang)
    file = {
        PlanForm.CSV: lambda: delimited(call.reads, copied, BYTE_ORDER_MARK),
        PlanForm.XLSX: lambda: workbook(call.reads, copied, asked.lang),
        PlanForm.NDJSON: lambda: lines(call.reads, copied),
    }[form]()
    return await streamed(file, f"okr-plan.{form}", _MEDIA_TYPES[form])


@router.get("/exports/objectives.{form}", response_class=Response, responses=_TABLE)
@needs(Permission.READ)
async def export_objectives(
    form: _AsTable, asked: Annotated[EditedQuestion, Query()], call: Unconnected
) -> Response:
    """Export objectives as a table to report from."""
    scope = await _scope(call, asked)
    return await _table(
        call, "objectives", form, lambda as_: tables.objectives(call.who, scope, asked, as_)
    )


@router.get("/exports/key-results.{form}", response_class=Response, responses=_TABLE)
@needs(Permission.READ)
async def export_key_results(
    form: _AsTable, asked: Annotated[EditedQuestion, Query()], call: Unconnected
) -> Response:
    """Export key results as a table to report from."""
    scope = await _scope(call, asked)
    return await _table(
        call, "key-results", form, lambda as_: tables.key_results(call.who, scope, asked, as_)
    )


@router.get("/exports/actions.{form}", response_class=Response, responses=_TABLE)
@needs(Permission.READ)
async def export_actions(
    form: _AsTable, asked: Annotated[EditedQuestion, Query()], call: Unconnected
) -> Response:
    """Export actions as a table to report from."""
    scope = await _scope(call, asked)
    return await _table(
        call, "actions", form, lambda as_: tables.actions(call.who, scope, asked, as_)
    )


@router.get("/exports/check-ins.{form}", response_class=Response, responses=_TABLE)
@needs(Permission.READ)
async def export_check_ins(
    form: _AsTable, asked: Annotated[CheckInsQuestion, Query()], call: Unconnected
) -> Response:
    """Export check-ins as a table to report from."""
    scope = await _scope(call, asked)
    return await _table(
        call, "check-ins", form, lambda as_: tables.check_ins(call.who, scope, asked, as_)
    )


@router.get("/exports/scorecards.{form}", response_class=Response, responses=_TABLE)
@needs(Permission.READ)
async def export_scorecards(
    form: _AsTable, asked: Annotated[ScorecardsQuestion, Query()], call: Unconnected
) -> Response:
    """Export how far each unit has come in a cycle, as a table to report from."""
    if form is TableForm.PARQUET:
        require_parquet()
    rows = await call.reads.read(
        call.who.tenant_id, lambda tx: cards.scorecards(tx, call.who, asked)
    )
    if form is TableForm.CSV:
        text = row_of(cards.COLUMNS) + "".join(row_of(cards.cells(row)) for row in rows)
        file = _once(text.encode())
    else:
        file = _once(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    if form is TableForm.PARQUET:
        file = parquet(_as_file(file), cards.COLUMNS)
    return await streamed(file, f"okr-scorecards.{form}", _MEDIA_TYPES[form])


async def _scope(call: UnconnectedCall, asked: Scope) -> Conditions:
    return await call.reads.read(call.who.tenant_id, lambda tx: within(tx, call.who, asked))


async def _table(
    call: UnconnectedCall, name: str, form: TableForm, copied: Callable[[Form], Copied]
) -> Response:
    if form is TableForm.CSV:
        file = delimited(call.reads, copied(Form.CSV))
    elif form is TableForm.NDJSON:
        file = lines(call.reads, copied(Form.LINES))
    else:
        require_parquet()
        rows = parts(call.reads, copied(Form.LINES), Form.LINES)
        file = parquet(rows, TABLES[name].columns)
    return await streamed(file, f"okr-{name}.{form}", _MEDIA_TYPES[form])


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _as_file(pieces: AsyncIterator[bytes]) -> AsyncIterator[IO[bytes]]:
    async for piece in pieces:
        yield io.BytesIO(piece)

"""Imports over REST."""

from asyncio import to_thread
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.imports import reads, service
from okr_service.imports.annotated import annotated
from okr_service.imports.formats import Format, read_table
from okr_service.imports.mending import failed_rows
from okr_service.imports.service import Report, Root
from okr_service.imports.shapes import Effect, ImportOptions, ImportView, Mode, TemplateQuestion
from okr_service.imports.sources import Limits
from okr_service.imports.table import Table
from okr_service.imports.template import template
from okr_service.imports.upload import uploaded
from okr_service.kernel.messages import Language, preferred_language
from okr_service.rest.answers import computed, workbook
from okr_service.rest.endpoint import (
    WORKBOOK,
    ImportEndpoint,
    Read,
    WorkbookEndpoint,
    Write,
    needs,
)
from okr_service.rest.problems import located_error
from okr_service.rest.routing import room
from okr_service.serving import Service

router = room("imports", ImportEndpoint)
templates = room("imports", WorkbookEndpoint)

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            Format.CSV.value: {"schema": {"type": "string"}},
            Format.XLSX.value: {"schema": _FILE},
            Format.NDJSON.value: {"schema": {"type": "string"}},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


_ANNOTATED: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The report; where a workbook is accepted, of a dry run the caller's own "
        "with the cells that do not fit marked and explained, of a commit the rows left out.",
        "content": {Format.XLSX.value: {"schema": _FILE}},
    }
}


@router.post("/imports", response_model=ImportView, responses=_ANNOTATED, openapi_extra=_BODY)
@needs(Permission.PLAN)
async def import_file(options: Annotated[ImportOptions, Query()], call: Write) -> Response:
    """Load a year's targets from a flat CSV, XLSX or NDJSON file: all or nothing, unless told."""
    body = await call.request.body()
    upload = await uploaded(call.request.headers, body)
    home: Service = call.request.app.state.service
    limits = Limits(
        home.settings.import_unpacked_limit_bytes, home.settings.import_sheet_cells_limit
    )
    table = await to_thread(read_table, upload.file, upload.form, limits)
    report = await service.import_table(call.tx, call.who, table, options)
    language = preferred_language(call.request.headers.get("accept-language", ""))
    if WORKBOOK in call.request.headers.get("accept", ""):
        failed = (report.plan, report.errors, language)
        if options.mode is Mode.DRY_RUN:
            copy = await to_thread(annotated, upload.file, upload.form, *failed)
            return workbook(copy, "okr-annotated.xlsx")
        return workbook(await to_thread(failed_rows, *failed), "okr-failed-rows.xlsx")
    return computed(_shown(report, table, language))


_TEMPLATE: dict[int | str, dict[str, object]] = {
    200: {"description": "The workbook.", "content": {Format.XLSX.value: {"schema": _FILE}}}
}


@templates.get("/imports/template.xlsx", response_class=Response, responses=_TEMPLATE)
@needs(Permission.READ_ORGANISATION)
async def get_import_template(wanted: Annotated[TemplateQuestion, Query()], call: Read) -> Response:
    """Get a workbook to fill in, with the tenant's own units, cycles and people to choose from."""
    lists = await reads.lists(call.tx, call.who.tenant_id)
    return workbook(await to_thread(template, lists, wanted.lang), f"okr-{wanted.lang}.xlsx")


def _shown(report: Report, table: Table, language: Language) -> dict[str, object]:
    return {
        "mode": report.mode,
        "counts": {effect.value: report.counts[effect] for effect in Effect},
        "rows": [_shown_row(report, table, *row) for row in report.effects.items()],
        "errors": [located_error(error, language) for error in report.errors],
        "pruned": [
            {"kind": one.kind, "id": one.id, "external_id": one.external_id, "title": one.title}
            for one in report.pruned
        ],
        "roots": [_shown_root(root) for root in report.roots],
        "skipped_sheets": [{"sheet": each.sheet, "reason": each.reason} for each in table.skipped],
    }


def _shown_row(report: Report, table: Table, number: int, effect: Effect) -> dict[str, object]:
    sheet, row = table.place(number)
    shown: dict[str, object] = {"sheet": sheet.name, "row": row, "effect": effect}
    if effect is Effect.UPDATED and number in report.changes:
        shown["changes"] = [
            {
                "column": sheet.headers.get(change.column, change.column),
                "was": change.was,
                "now_is": change.now_is,
            }
            for change in report.changes[number]
        ]
    return shown


def _shown_root(root: Root) -> dict[str, object]:
    return {
        "objective_id": root.objective_id,
        "external_id": root.external_id,
        "title": root.title,
        "before": None if root.before is None else float(root.before),
        "after": None if root.after is None else float(root.after),
    }

"""Imports over REST."""

import re
from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Header, Path, Query, Request
from sqlalchemy import and_
from starlette.responses import Response, StreamingResponse

from okr_service.access.policy import Permission
from okr_service.imports import jobs, reads, service
from okr_service.imports.errors import ImportNotFound, NoFailedRows
from okr_service.imports.formats import Format, Upload, limits_of, read_table
from okr_service.imports.jobs import IMPORTS, Part, imports_of, imports_wanted, kept_pieces
from okr_service.imports.model import ImportJob
from okr_service.imports.report import given_back, report_json
from okr_service.imports.shapes import (
    ImportJobView,
    ImportListing,
    ImportMode,
    ImportOptions,
    ImportOutcomeView,
    ImportView,
    TemplateQuestion,
)
from okr_service.imports.template import template
from okr_service.imports.upload import uploaded
from okr_service.kernel.database import Database
from okr_service.kernel.fields import Ref
from okr_service.kernel.messages import Language, preferred_language
from okr_service.kernel.queue import Task
from okr_service.rest.answers import page, workbook, written
from okr_service.rest.bodies import FileRequest
from okr_service.rest.conditional import etag, matches
from okr_service.rest.endpoint import (
    WORKBOOK,
    ImportEndpoint,
    ImportJobEndpoint,
    Read,
    ReadCall,
    Unconnected,
    WorkbookEndpoint,
    Write,
    WriteCall,
    needs,
)
from okr_service.rest.routing import PageOf, room
from okr_service.serving import Service
from okr_service.settings import Settings

_NO_WAIT = "respond-async"

router = room("imports", ImportEndpoint)
jobs_router = room("imports", ImportJobEndpoint)
cancelling = room("imports")
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


_BOOK = {Format.XLSX.value: {"schema": _FILE}}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The report; where a workbook is accepted, of a dry run the caller's own "
        "with the cells that do not fit marked and explained, of a commit the rows left out.",
        "content": _BOOK,
    },
    202: {
        "description": "The file is large, or `Prefer: respond-async` was asked for: it is "
        "imported by a job, which is at Location.",
        "model": ImportJobView,
    },
}
_OUTCOME: dict[int | str, dict[str, object]] = {
    200: {
        "description": "How far it has come, and its report once it is done; where a workbook is "
        "accepted, what an import answers with at once.",
        "content": _BOOK,
    }
}
Prefer = Annotated[
    str,
    Header(max_length=1000, description="`respond-async`: do not wait, answer 202 at once."),
]
JobId = Annotated[UUID, Path(description="The import's id.")]


@router.post("/imports", response_model=ImportView, responses=_ANSWERS, openapi_extra=_BODY)
@needs(Permission.PLAN)
async def import_file(
    options: Annotated[ImportOptions, Query()],
    call: Write,
    prefer: Prefer = "",
) -> Response:
    """Load a year's targets from a flat CSV, XLSX or NDJSON file: all or nothing, unless told."""
    assert isinstance(call.request, FileRequest), "an import's request has a file"
    language = preferred_language(call.request.headers.get("accept-language", ""))
    async with uploaded(call.request.headers, call.request.file) as upload:
        would_not_wait = _would_not_wait(prefer)
        if would_not_wait or upload.size > _settings(call).import_job_from_bytes:
            answer = await _taken_on(call, upload, options, language)
            if would_not_wait:
                answer.headers["Preference-Applied"] = _NO_WAIT
            return answer
        limits = limits_of(_settings(call))
        table = await to_thread(read_table, upload.file, upload.form, limits)
        report = await service.import_table(call.tx, call.who, table, options)
        if _accepts_workbook(call.request):
            book = await to_thread(given_back, upload, report, language)
            return workbook(book, _names(report.mode))
        shown = b"".join(report_json(report, table, language))
        return Response(shown, media_type="application/json")


async def _taken_on(
    call: WriteCall, upload: Upload, options: ImportOptions, language: Language
) -> Response:
    most = _settings(call).import_jobs_waiting_limit
    job_id = await jobs.take_on(call.tx, call.who, upload, options, language, most)
    who, named = call.who, ImportJob.id == job_id
    shown = await IMPORTS.one(call.tx, who.tenant_id, who.sight, named)
    assert shown is not None, "what was written can be read"
    return Response(shown.text, 202, {"Location": f"/v1/imports/{job_id}"}, "application/json")


@jobs_router.get("/imports", response_model=PageOf[ImportJobView])
@needs(Permission.PLAN)
async def list_imports(wanted: Annotated[ImportListing, Query()], call: Unconnected) -> Response:
    """List the imports that run as jobs, the latest first."""
    conditions = [*imports_of(call.who), *imports_wanted(wanted)]
    async with call.database.reading(call.who.tenant_id) as tx:
        reading = ReadCall(call.request, call.who, tx)
        return await page(reading, IMPORTS, conditions, wanted.page())


@jobs_router.get("/imports/{import_id}", response_model=ImportOutcomeView, responses=_OUTCOME)
@needs(Permission.PLAN)
async def get_import(import_id: JobId, call: Unconnected) -> Response:
    """Show how far an import has come, and what came of it."""
    who, task = call.who, Task(call.who.tenant_id, import_id)
    named = and_(ImportJob.id == import_id, *imports_of(who))
    async with call.database.reading(who.tenant_id) as tx:
        shown = await IMPORTS.one(tx, who.tenant_id, who.sight, named)
        parts = await jobs.parts_kept(tx, task)
    if shown is None:
        raise ImportNotFound(str(import_id))
    if _accepts_workbook(call.request):
        return await _book(call.database, task, orjson.loads(shown.text)["mode"])
    # What came of it goes as a whole, once it ends or a person whom it names is erased.
    tag = etag(replace(shown, text=shown.text + "".join(parts)))
    if matches(call.request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    whole = _outcome(call.database, task, shown.text)
    return StreamingResponse(whole, 200, {"ETag": tag}, "application/json")


async def _book(database: Database, task: Task, mode: ImportMode) -> Response:
    pieces = kept_pieces(database, task, Part.WORKBOOK)
    first = await anext(pieces, None)
    if first is None:
        raise NoFailedRows
    headers = {"Content-Disposition": f'attachment; filename="{_names(mode)}"'}
    return StreamingResponse(_continued(first, pieces), 200, headers, WORKBOOK)


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _outcome(database: Database, task: Task, shown: str) -> AsyncIterator[bytes]:
    yield shown.rstrip()[:-1].encode()
    for name, part in (("problem", Part.PROBLEM), ("result", Part.REPORT)):
        yield f',"{name}":'.encode()
        pieces = kept_pieces(database, task, part)
        yield await anext(pieces, b"null")
        async for piece in pieces:
            yield piece
    yield b"}"


@cancelling.post("/imports/{import_id}:cancel", response_model=ImportJobView)
@needs(Permission.PLAN)
async def cancel_import(import_id: JobId, call: Write) -> Response:
    """Have an import end with nothing of it done: at once, or in seconds where it runs already."""
    kept = timedelta(days=_settings(call).imports_kept_days)
    job_id = await jobs.cancel_import(call.tx, call.who, Ref(str(import_id)), kept)
    return await written(call, IMPORTS, job_id)


_TEMPLATE: dict[int | str, dict[str, object]] = {
    200: {"description": "The workbook.", "content": {Format.XLSX.value: {"schema": _FILE}}}
}


@templates.get("/imports/template.xlsx", response_class=Response, responses=_TEMPLATE)
@needs(Permission.READ_ORGANISATION)
async def get_import_template(wanted: Annotated[TemplateQuestion, Query()], call: Read) -> Response:
    """Get a workbook to fill in, with the tenant's own units, cycles and people to choose from."""
    lists = await reads.lists(call.tx, call.who.tenant_id)
    return workbook(await to_thread(template, lists, wanted.lang), f"okr-{wanted.lang}.xlsx")


def _would_not_wait(prefer: str) -> bool:
    """Say whether a Prefer header asks for an answer before the work is done (RFC 7240, 4.1)."""
    wishes = re.split("[,;]", prefer)
    return any(wish.strip().lower() == _NO_WAIT for wish in wishes)


def _accepts_workbook(request: Request) -> bool:
    return WORKBOOK in request.headers.get("accept", "")


def _names(mode: ImportMode) -> str:
    return "okr-annotated.xlsx" if mode == ImportMode.DRY_RUN else "okr-failed-rows.xlsx"


def _settings(call: WriteCall) -> Settings:
    home: Service = call.request.app.state.service
    return home.settings

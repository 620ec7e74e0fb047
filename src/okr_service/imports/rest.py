"""Imports over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.imports import service
from okr_service.imports.service import Report, Root
from okr_service.imports.shapes import Effect, ImportOptions, ImportView
from okr_service.kernel.messages import Language, preferred_language
from okr_service.rest.answers import computed
from okr_service.rest.endpoint import BulkEndpoint, Write, needs
from okr_service.rest.errors import UnsupportedMediaType
from okr_service.rest.problems import located_error
from okr_service.rest.routing import room

CSV = "text/csv"
router = room("imports", BulkEndpoint)

_BODY = {"requestBody": {"required": True, "content": {CSV: {"schema": {"type": "string"}}}}}


@router.post("/imports", response_model=ImportView, openapi_extra=_BODY)
@needs(Permission.PLAN)
async def import_csv(options: Annotated[ImportOptions, Query()], call: Write) -> Response:
    """Load a year's targets from a flat CSV file: all of it, or nothing, unless told to skip."""
    given = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != CSV:
        raise UnsupportedMediaType(CSV)
    data = await call.request.body()
    report = await service.import_csv(call.tx, call.who, data, options)
    language = preferred_language(call.request.headers.get("accept-language", ""))
    return computed(_shown(report, language))


def _shown(report: Report, language: Language) -> dict[str, object]:
    return {
        "mode": report.mode,
        "counts": {effect.value: report.counts[effect] for effect in Effect},
        "rows": [_shown_row(report, row, effect) for row, effect in report.effects.items()],
        "errors": [located_error(error, language) for error in report.errors],
        "pruned": [
            {"kind": one.kind, "id": one.id, "external_id": one.external_id, "title": one.title}
            for one in report.pruned
        ],
        "roots": [_shown_root(root) for root in report.roots],
    }


def _shown_row(report: Report, row: int, effect: Effect) -> dict[str, object]:
    shown: dict[str, object] = {"row": row, "effect": effect}
    if effect is Effect.UPDATED and row in report.changes:
        shown["changes"] = [
            {"column": report.header(change.column), "was": change.was, "now_is": change.now_is}
            for change in report.changes[row]
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

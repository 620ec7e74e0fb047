"""What came of an import, as JSON, piece by piece: it may have a million rows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import orjson

from okr_service.imports.annotated import annotated
from okr_service.imports.formats import Upload
from okr_service.imports.mending import failed_rows
from okr_service.imports.service import Report, Root
from okr_service.imports.shapes import Effect, ImportMode
from okr_service.imports.table import Table
from okr_service.kernel.errors import InvalidInput, OkrError
from okr_service.kernel.messages import Language, located_error, sentence

_AT_ONCE = 1_000
_T = TypeVar("_T")
_Json = dict[str, object]


def report_json(report: Report, table: Table, language: Language) -> Iterator[bytes]:
    """Yield an `ImportView`."""
    counts = _dumped(report.counts)
    yield b'{"mode":' + _dumped(report.mode) + b',"counts":' + counts
    yield from _listed(
        "rows", report.ledger.effects, lambda row: _shown_row(report, table, row[0], row[1])
    )
    yield from _listed("errors", report.errors, lambda error: located_error(error, language))
    yield from _listed(
        "pruned",
        report.pruned,
        lambda one: {
            "kind": one.kind,
            "id": one.id,
            "external_id": one.external_id,
            "title": one.title,
        },
    )
    yield from _listed("roots", report.roots, _shown_root)
    yield from _listed(
        "skipped_sheets",
        table.skipped,
        lambda each: {"sheet": each.sheet, "reason": each.reason},
    )
    yield b"}"


def given_back(upload: Upload, report: Report, language: Language) -> bytes:
    """Make the workbook that is given back: marked, of a dry run; else the rows left out."""
    failed = (report.plan, report.errors, language)
    if report.mode is ImportMode.DRY_RUN:
        return annotated(upload.file, upload.form, *failed)
    return failed_rows(*failed)


def problem_json(error: OkrError, language: Language) -> Iterator[bytes]:
    """Yield a `FailureView`: why an import was not done."""
    said = {"code": error.code, "detail": sentence(error, language)}
    yield _dumped(said)[:-1]
    listed = error.errors if isinstance(error, InvalidInput) else []
    yield from _listed("errors", listed, lambda one: located_error(one, language))
    yield b"}"


def _listed(name: str, items: Iterable[_T], shown: Callable[[_T], _Json]) -> Iterator[bytes]:
    yield f',"{name}":['.encode()
    left, between = iter(items), b""
    while some := [shown(item) for item in islice(left, _AT_ONCE)]:
        yield between + _dumped(some)[1:-1]
        between = b","
    yield b"]"


def _dumped(value: object) -> bytes:
    return orjson.dumps(value, default=str)


def _shown_row(report: Report, table: Table, number: int, effect: Effect) -> _Json:
    sheet, row = table.place(number)
    shown: _Json = {"sheet": sheet.name, "row": row, "effect": effect}
    if effect is Effect.UPDATED and report.mode is ImportMode.DRY_RUN:
        shown["changes"] = [
            {
                "column": sheet.headers.get(change.column, change.column),
                "was": change.was,
                "now_is": change.now_is,
            }
            for change in report.ledger.changes[number]
        ]
    return shown


def _shown_root(root: Root) -> _Json:
    return {
        "objective_id": root.objective_id,
        "external_id": root.external_id,
        "title": root.title,
        "before": None if root.before is None else float(root.before),
        "after": None if root.after is None else float(root.after),
    }

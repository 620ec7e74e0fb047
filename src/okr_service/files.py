"""Files to and from a running service, in the terminal: import, export, template.

What goes to standard output is the file or the report; the rest goes to standard error.
Exit status: 0 nothing failed, 1 rows failed, 2 it could not be done. Files go past the
generated functions, which hold a whole file in memory and send one only as a form.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from okr_client import AuthenticatedClient
from okr_client.models import FieldProblem, ImportJobView, ImportMode, ImportView, Problem, RootView
from okr_service.client import LOCAL, ApiKey, Url, as_json, calling, fail, refused
from okr_service.imports.formats import Format
from okr_service.jobs_awaited import REJECTED, Json, report_of_job

_STANDARD = "-"
_PIECE = 256 * 1024
_SHOWN_ERRORS = 50
_EFFECTS = {"created": "green", "updated": "yellow", "unchanged": "dim", "failed": "red"}
_notes = Console(stderr=True, highlight=False)


class OnError(StrEnum):
    """What becomes of an import in which some rows do not fit."""

    ABORT = "abort"
    SKIP = "skip"


class Language(StrEnum):
    """The language of headers."""

    VI = "vi"
    EN = "en"


class Exported(StrEnum):
    """What can be exported."""

    PLAN = "plan"
    OBJECTIVES = "objectives"
    KEY_RESULTS = "key-results"
    ACTIONS = "actions"
    CHECK_INS = "check-ins"
    SCORECARDS = "scorecards"


class FileForm(StrEnum):
    """How a file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"
    PARQUET = "parquet"


_FORMATS = {
    FileForm.CSV: Format.CSV,
    FileForm.XLSX: Format.XLSX,
    FileForm.NDJSON: Format.NDJSON,
}
To = Annotated[str, typer.Option("--to", "-o", help="The file to write; - is standard output.")]
AsJson = Annotated[bool, typer.Option("--json", help="The service's report, as JSON.")]


def import_file(
    file: Annotated[
        str | None, typer.Argument(help="A CSV, XLSX or NDJSON file; - is standard input.")
    ] = None,
    url: Url = LOCAL,
    api_key: ApiKey = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show only what it would do.")] = False,
    on_error: Annotated[
        OnError, typer.Option(help="Import nothing where a row does not fit, or skip such rows.")
    ] = OnError.ABORT,
    prune: Annotated[
        bool, typer.Option("--prune", help="Cancel what is in the scope and not in the file.")
    ] = False,
    scope: Annotated[str | None, typer.Option(help="What to prune: unit:GACH,cycle:2026.")] = None,
    form: Annotated[
        FileForm | None, typer.Option("--format", help="If the file's name does not say.")
    ] = None,
    job: Annotated[
        UUID | None, typer.Option(help="Send nothing: wait for this import, sent before.")
    ] = None,
    in_full: AsJson = False,
) -> None:
    """Load a file of targets into a running service; of a large one, wait for the job."""
    asked = {
        "mode": "dry_run" if dry_run else "commit",
        "on_error": on_error.value,
        "prune": str(prune).lower(),
        **({"scope": scope} if scope else {}),
    }
    with calling(url, api_key) as service:
        if file is not None and job is None:
            report = _sent(service, file, form, asked)
        elif job is not None and file is None:
            report = report_of_job(service, job, _notes)
        else:
            fail("name either a file or a --job")
    if in_full:
        print(as_json(report))
    else:
        _show(report)
    raise typer.Exit(1 if report.get("errors") else 0)


def _sent(
    service: AuthenticatedClient, file: str, form: FileForm | None, asked: Mapping[str, str]
) -> Json:
    """Send a file; returns the report, once the job has it where it is imported by one."""
    body, kind = _read(file), _kind_of(file, form)
    headers = {"Content-Type": kind.value, "Accept": "application/json"}
    headers["Content-Length"] = str(len(body))
    with _sending(body) as pieces:
        answer = service.get_httpx_client().post(
            "/v1/imports", params=asked, content=pieces, headers=headers
        )
    told: Json = answer.json()
    if answer.is_error and told["code"] not in REJECTED:
        refused(Problem.from_dict(told))
    if answer.status_code != httpx.codes.ACCEPTED:
        return told
    job = ImportJobView.from_dict(told)
    again = f"okr import --job {job.id}"
    _notes.print(f"It runs as a job; to wait for it again: {again}", soft_wrap=True)
    return report_of_job(service, job.id, _notes)


def export_file(
    what: Annotated[Exported, typer.Argument(help="The plan, or a table to report from.")] = (
        Exported.PLAN
    ),
    to: To = _STANDARD,
    form: Annotated[
        FileForm | None, typer.Option("--format", help="If the file's name does not say: csv.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the plan.")] = Language.VI,
    unit: Annotated[
        list[str] | None, typer.Option(help="Of this unit and all beneath it: external:GACH.")
    ] = None,
    cycle: Annotated[list[str] | None, typer.Option(help="In this cycle: 2026.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Of objectives in this state.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Edited, or recorded, at or after: 2026-09-01T00:00:00Z.")
    ] = None,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Write what is there to a file: as an import reads it, or to report from."""
    form = form or _form_named(to) or FileForm.CSV
    asked: dict[str, Any] = {"unit_id": unit or [], "cycle_id": cycle or [], "state": state or []}
    if what is Exported.PLAN:
        asked["lang"] = lang.value
    if since:
        asked["recorded_since" if what is Exported.CHECK_INS else "updated_since"] = since
    _fetch(url, api_key, f"/v1/exports/{what.value}.{form.value}", asked, to)


def template_file(
    to: To = _STANDARD,
    lang: Annotated[Language, typer.Option(help="The language of its headers.")] = Language.VI,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Write the workbook to fill in."""
    _fetch(url, api_key, "/v1/imports/template.xlsx", {"lang": lang.value}, to)


def _fetch(url: str, api_key: str | None, path: str, asked: Mapping[str, Any], to: str) -> None:
    if to == _STANDARD and sys.stdout.isatty() and not path.endswith((".csv", ".ndjson")):
        fail("this is no text for a terminal: name a file with --to")
    with (
        calling(url, api_key) as service,
        service.get_httpx_client().stream("GET", path, params=asked) as answer,
    ):
        if answer.is_error:
            refused(Problem.from_dict(json.loads(answer.read())))
        with _writing(to) as file, _progress() as bar:
            task = bar.add_task("Receiving", total=None)
            for piece in answer.iter_bytes(_PIECE):
                file.write(piece)
                bar.advance(task, len(piece))


@contextmanager
def _writing(to: str) -> Iterator[IO[bytes]]:
    """Give the file to write; under its name there is never a part of it."""
    if to == _STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{to}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(to)
    except OSError as error:
        fail(f"{to} cannot be written: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _sending(body: bytes) -> Iterator[Iterator[bytes]]:
    with _progress() as bar:
        task = bar.add_task("Sending", total=len(body))

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(body), _PIECE):
                yield body[start : start + _PIECE]
                bar.advance(task, _PIECE)
            bar.update(task, description="Importing", total=None)

        yield pieces()


def _progress() -> Progress:
    """Return a bar that is seen only in a terminal, and gone when it is done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Progress(*columns, console=_notes, transient=True, disable=not _notes.is_terminal)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == _STANDARD else Path(file).read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


def _form_named(name: str) -> FileForm | None:
    ending = name.lower().rpartition(".")[2]
    return FileForm(ending) if ending in set(FileForm) else None


def _kind_of(file: str, form: FileForm | None) -> Format:
    if form is FileForm.PARQUET:
        fail("Parquet is only written, not read")
    return _FORMATS[form] if form else Format.of_name(file) or Format.CSV


def _show(report: Json) -> None:
    console = Console(highlight=False)
    if "counts" in report:
        told = ImportView.from_dict(report)
        _show_counts(console, told)
        _show_roots(console, told.roots)
        for one in told.pruned:
            console.print(f"cancelled: {one.kind} {one.external_id}", markup=False)
    else:
        _notes.print(report["detail"], markup=False)
    _show_errors([FieldProblem.from_dict(error) for error in report["errors"]])


def _show_counts(console: Console, told: ImportView) -> None:
    table = Table("rows", *_EFFECTS)
    numbers = [getattr(told.counts, effect) for effect in _EFFECTS]
    for column, number, style in zip(table.columns[1:], numbers, _EFFECTS.values(), strict=True):
        column.style = style if number else "dim"
        column.justify = "right"
    is_dry = told.mode is ImportMode.DRY_RUN
    table.add_row("would be" if is_dry else "are", *(f"{number:,}" for number in numbers))
    console.print(table)


def _show_roots(console: Console, roots: list[RootView]) -> None:
    if not roots:
        return
    table = Table("objective", "before", "after")
    for root in roots:
        table.add_row(escape(_plain(root.title)), _percent(root.before), _percent(root.after))
    console.print(table)


def _show_errors(errors: list[FieldProblem]) -> None:
    for error in errors[:_SHOWN_ERRORS]:
        place = error.cell or f"row {error.row or '?'}"
        place = f"{error.sheet}!{place}" if error.sheet else place
        meant = f" ({error.suggestion}?)" if error.suggestion else ""
        line = f"{place} ({error.column or None}): {error.message}{meant}"
        _notes.print(_plain(line), markup=False, soft_wrap=True)
    if (more := len(errors) - _SHOWN_ERRORS) > 0:
        _notes.print(f"and {more:,} more: --json lists them all")


def _plain(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _percent(progress: float | None) -> str:
    return "not measured" if progress is None else f"{progress:.4%}"

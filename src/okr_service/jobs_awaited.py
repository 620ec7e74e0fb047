"""Waiting in the terminal for an import that runs as a job, whatever happens on the way."""

import json
import time
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from okr_client import AuthenticatedClient
from okr_client.api.imports import get_import
from okr_client.models import ImportOutcomeView, JobState, Problem
from okr_client.types import Response
from okr_service.client import answered, fail

Json = dict[str, Any]  # a report as the service tells it, which programs are given whole

_LOOKS_EVERY = 1.0  # seconds
_PATIENCE = 600.0  # seconds in which the service may be away
_AWAY = {502, 503, 504}
_RUNS = {JobState.QUEUED, JobState.RUNNING}
REJECTED = ("import-rejected", "too-many-cell-errors")  # for what is in the cells


def report_of_job(service: AuthenticatedClient, job_id: UUID, notes: Console) -> Json:
    """Return what came of an import once it has ended: its report, or why its cells do not fit.

    A service that is away for a while is waited for. Ends the program where the import ended
    without a report.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task("Waiting")
        while (job := answered(shown := _shown(service, job_id))).state in _RUNS:
            bar.update(task, description=_progress_of(job))
            time.sleep(_LOOKS_EVERY)
    if job.state is JobState.CANCELLED:
        fail("the import was cancelled, with nothing of it done")
    if job.result is None and job.problem is None:
        fail("what came of the import was erased, with a person whom it named")
    if job.problem is not None and job.problem.code not in REJECTED:
        fail(job.problem.detail)
    whole = json.loads(shown.content)
    report: Json = whole["result"] or whole["problem"]
    return report


def _shown(service: AuthenticatedClient, job_id: UUID) -> Response[ImportOutcomeView | Problem]:
    """Return how a job stands, from a service that may be away meanwhile."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            shown = get_import.sync_detailed(job_id, client=service)
            if shown.status_code not in _AWAY or time.monotonic() > ends:
                return shown
        except httpx.HTTPError as error:
            if not _may_pass(error) or time.monotonic() > ends:
                raise
        time.sleep(_LOOKS_EVERY)


def _may_pass(error: httpx.HTTPError) -> bool:
    """Say whether nobody answered, or somebody on the way who says that nobody is there."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _AWAY
    return isinstance(error, httpx.TransportError)


def _progress_of(job: ImportOutcomeView) -> str:
    if job.state is JobState.QUEUED:
        return "Waiting for a worker"
    return (
        f"{job.rows_read:,} rows read, {job.rows_checked:,} checked, {job.rows_written:,} written"
    )

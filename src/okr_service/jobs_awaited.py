"""Waiting in the terminal for an import that runs as a job, whatever happens on the way."""

import time
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from okr_service.client import answered, fail, refused

Json = dict[str, Any]  # what httpx gives

_LOOKS_EVERY = 1.0  # seconds
_PATIENCE = 600.0  # seconds in which the service may be away
_AWAY = {502, 503, 504}
_RUNS = {"queued", "running"}
REJECTED = ("import-rejected", "too-many-cell-errors")  # for what is in the cells


def report_of_job(service: httpx.Client, job_id: str, notes: Console) -> Json:
    """Return what came of an import once it has ended: its report, or why its cells do not fit.

    A service that is away for a while is waited for. Ends the program where the import ended
    without a report.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task("Waiting")
        while (job := _shown(service, job_id))["state"] in _RUNS:
            bar.update(task, description=_progress_of(job))
            time.sleep(_LOOKS_EVERY)
    if job["state"] == "cancelled":
        fail("the import was cancelled, with nothing of it done")
    report: Json | None = job["result"] or job["problem"]
    if report is None:
        fail("what came of the import was erased, with a person whom it named")
    if job["result"] is None and report["code"] not in REJECTED:
        fail(report["detail"])
    return report


def _shown(service: httpx.Client, job_id: str) -> Json:
    """Return how a job stands, from a service that may be away meanwhile."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            answer = service.get(f"imports/{job_id}")
        except httpx.TransportError:
            if time.monotonic() > ends:
                raise
        else:
            if answer.status_code not in _AWAY:
                job: Json = answered(answer)
                return job
            if time.monotonic() > ends:
                refused(answer)
        time.sleep(_LOOKS_EVERY)


def _progress_of(job: Json) -> str:
    if job["state"] == "queued":
        return "Waiting for a worker"
    read, checked, written = (job[f"rows_{done}"] for done in ("read", "checked", "written"))
    return f"{read:,} rows read, {checked:,} checked, {written:,} written"

"""Sending files to be imported by jobs, and doing these."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from okr_service.serving import Service
from okr_service.worker import Worker

Json = dict[str, Any]  # what httpx gives
CSV = {"Content-Type": "text/csv", "Prefer": "respond-async"}
ENDED = {"done", "failed", "cancelled"}
_PATIENCE = 20.0  # seconds


def rows(many: int, title: str = "Việc", first: int = 0) -> str:
    """Make up a file of as many rows, each a key result of an objective of its own."""
    head = "unit,cycle,objective,objective_title,key_result,key_result_title,start,target\n"
    return head + "".join(
        f"U1,2026,MT-{row},{title} {row},KR1,Sản lượng {row},0,100\n"
        for row in range(first, first + many)
    )


async def submitted(
    rest: httpx.AsyncClient, text: str | bytes, mode: str = "commit", **more: str
) -> Json:
    """Send a file that is not to be waited for; returns the job."""
    query = {"mode": mode, **more}
    answer = await rest.post("/v1/imports", params=query, content=text, headers=CSV)
    assert answer.status_code == 202, answer.text
    job: Json = answer.json()
    assert answer.headers["location"] == f"/v1/imports/{job['id']}"
    return job


async def shown(rest: httpx.AsyncClient, job: Json) -> Json:
    """Return how a job stands."""
    answer = await rest.get(f"/v1/imports/{job['id']}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def until(
    rest: httpx.AsyncClient, job: Json, fits: Callable[[Json], bool], patience: float = _PATIENCE
) -> Json:
    """Wait until a job is as it is wanted."""
    ends = time.monotonic() + patience
    while not fits(found := await shown(rest, job)):
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.05)
    return found


async def ended(rest: httpx.AsyncClient, job: Json) -> Json:
    """Wait until a job has ended."""
    return await until(rest, job, lambda found: found["state"] in ENDED)


def worker_of(app: FastAPI, patience: float = 30) -> Worker:
    """Make a worker as a process of its own would have one."""
    service: Service = app.state.service
    return Worker(service.settings, service.gatekeeper, service.feed, timedelta(seconds=patience))


@asynccontextmanager
async def working(app: FastAPI, patience: float = 30) -> AsyncIterator[Worker]:
    """Have jobs done meanwhile."""
    worker = worker_of(app, patience)
    worker.start()
    try:
        yield worker
    finally:
        await worker.close()

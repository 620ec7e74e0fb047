"""Imports that run as jobs: what is told of them, and that they come to what others do."""

import httpx
from fastapi import FastAPI
from tests.build import Build
from tests.imports.working import CSV, ended, rows, shown, submitted, working


async def test_a_job_comes_to_what_an_import_does_that_is_waited_for(
    app: FastAPI, build: Build, other_rest: httpx.AsyncClient
) -> None:
    text = rows(30)
    job = await submitted(build.rest, text)
    assert (job["state"], job["rows_read"], job["counts"]) == ("queued", 0, None)
    assert job["size_bytes"] == len(text.encode())
    waiting = await shown(build.rest, job)
    assert (waiting["state"], waiting["result"], waiting["problem"]) == ("queued", None, None)

    async with working(app):
        done = await ended(build.rest, job)

    assert done["state"] == "done", done
    progress = [done[name] for name in ("rows_read", "rows_checked", "rows_written")]
    assert progress == [30, 30, 30]
    assert done["counts"] == {"created": 30, "updated": 0, "unchanged": 0, "failed": 0}
    at_once = await other_rest.post(
        "/v1/imports?mode=commit", content=text, headers={"Content-Type": "text/csv"}
    )
    for name in ("mode", "counts", "rows", "errors", "pruned", "skipped_sheets"):
        assert done["result"][name] == at_once.json()[name], name
    assert (await build.get("objectives?count=exact"))["page"]["total"] == 30

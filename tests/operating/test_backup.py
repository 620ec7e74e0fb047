"""A restored backup is right and goes on: docs/backup.md, done as it is written there."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI
from tests.calling import client
from tests.imports.working import CSV, ENDED, until, working
from tests.site import pages
from tests.site.servers import bare, instead, owned, psql, url
from tests.site.test_pages import show
from tests.test_cli import okr

from okr_service.kernel.embedded import EmbeddedPostgres
from okr_service.main import create_app
from okr_service.settings import Settings

_KEY, _SECRET = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
_REPORTED = "/v1/key-results/external:MT-GACH-KD-01/KR1"
_WAITING = (
    "unit,cycle,objective,objective_title,key_result,key_result_title,start,target\n"
    "GACH,{year},SAU-01,Sau khi phục hồi,KR1,Sản lượng,0,100\n"
)


def _variables(server: EmbeddedPostgres) -> dict[str, str]:
    return {
        "OKR_DATABASE_URL": url(server, "okr"),
        "OKR_OWNER_DATABASE_URL": url(server, "owner"),
        "OKR_API_KEY_SECRET": _SECRET,
        "OKR_BOOTSTRAP_API_KEY": _KEY,
    }


def _planned(server: EmbeddedPostgres) -> None:
    """Set the database up as docs/operating.md does, and plan the demo."""
    psql(url(server, "owner"), "CREATE ROLE okr LOGIN")
    assert okr("migrate", **_variables(server)).returncode == 0
    done = okr("demo", **_variables(server))
    assert done.returncode == 0, done.stderr


@asynccontextmanager
async def _served(server: EmbeddedPostgres) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    given = {name.removeprefix("OKR_").lower(): it for name, it in _variables(server).items()}
    app = create_app(Settings.model_validate(given | {"serve_works": False}))
    async with app.router.lifespan_context(app), client(app, _KEY) as rest:
        yield app, rest


async def _reported(rest: httpx.AsyncClient, value: str) -> str:
    """Report a value; returns the cursor behind all that came of it."""
    new = {"key_result_id": "external:MT-GACH-KD-01/KR1", "value": value}
    assert (await rest.post("/v1/check-ins", json=new)).status_code == 201
    cursor: str = (await rest.get("/v1/events?after=latest")).json()["page"]["next_cursor"]
    return cursor


async def test_a_restored_backup_is_right_and_goes_on(tmp_path: Path) -> None:
    with owned(tmp_path / "old") as old, bare(tmp_path / "new") as new:
        await asyncio.to_thread(_planned, old)
        async with _served(old) as (_, rest):
            seen = await _reported(rest, "30")
            text = _WAITING.format(
                year=(await rest.get("/v1/cycles")).json()["data"][0]["code"][:4]
            )
            sent = await rest.post("/v1/imports?mode=commit", content=text, headers=CSV)
            await _reported(rest, "31")
            there = (await rest.get(f"/v1/events?after={seen}&limit=1000")).json()["data"]
            shown = (await rest.get(_REPORTED)).json()

            named = instead("db.example.com", old) | instead("new-db.example.com", new)
            folder = tmp_path / "page"
            folder.mkdir()
            show("backup.md", await asyncio.to_thread(pages.run, "backup.md", folder, named))
            late = await _reported(rest, "32")

        async with _served(new) as (app, rest):
            assert (await rest.get(_REPORTED)).json() == shown
            known = (await rest.get(f"/v1/events?after={seen}&limit=1000")).json()["data"]
            assert known[: len(there)] == there
            forgotten = await rest.get(f"/v1/events?after={late}")
            assert (forgotten.status_code, forgotten.json()["code"]) == (
                410,
                "cursor-of-another-feed",
            )
            async with working(app):
                job = await until(rest, sent.json(), lambda found: found["state"] in ENDED)
            assert (job["state"], job["counts"]["failed"]) == ("done", 0)
            assert (await rest.get("/v1/objectives/external:SAU-01")).status_code == 200
            assert okr("rollup", "verify", **_variables(new)).stdout == "0 wrong figures\n"

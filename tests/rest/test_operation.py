"""What operators ask: does it live, is it ready, what if the database is not there."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.calling import client
from tests.conftest import API_KEY_SECRET, BOOTSTRAP_KEY, Start, stop

from okr_service.kernel.database import Database
from okr_service.kernel.migrations import newest
from okr_service.main import create_app
from okr_service.settings import Settings


async def test_a_ready_service_says_so_to_anyone(app: FastAPI) -> None:
    async with client(app, "none") as calling:
        calling.headers.pop("Authorization")
        for path in ("/healthz", "/readyz"):
            answer = await calling.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_without_a_database_it_lives_and_says_to_come_again(language: str) -> None:
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        bootstrap_api_key=BOOTSTRAP_KEY,
        api_key_secret=API_KEY_SECRET,
    )
    async with client(create_app(settings), BOOTSTRAP_KEY) as calling:
        assert (await calling.get("/healthz")).status_code == 200
        assert (await calling.get("/readyz")).status_code == 503
        headers = {"Accept-Language": language}
        for answer in (
            await calling.get("/v1/objectives", headers=headers),
            await calling.post("/v1/units", json={"name": "A"}, headers=headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-language"] == language


async def test_before_migrations_it_is_not_ready(empty_database_url: str) -> None:
    settings = Settings(
        database_url=empty_database_url,
        bootstrap_api_key=BOOTSTRAP_KEY,
        api_key_secret=API_KEY_SECRET,
    )
    app = create_app(settings)
    async with client(app, BOOTSTRAP_KEY) as calling:
        assert (await calling.get("/readyz")).status_code == 503
        assert (await calling.get("/v1/objectives")).status_code == 503
    await stop(app)


async def test_tables_of_a_later_release_serve_this_one_until_it_is_replaced(
    own_database_url: str,
) -> None:
    settings = Settings(database_url=own_database_url, api_key_secret=API_KEY_SECRET)
    app, database = create_app(settings), Database.as_owner(settings)
    async with client(app, BOOTSTRAP_KEY) as calling:
        for revision, status in (("9999", 200), ("0001", 503), (newest(), 200)):
            async with database.transaction() as tx:
                of = {"revision": revision}
                await tx.execute(text("UPDATE alembic_version SET version_num = :revision"), of)
            assert (await calling.get("/readyz")).status_code == status, revision
    await database.close()
    await stop(app)


async def test_one_that_leaves_says_so_and_goes_on(start: Start) -> None:
    leaving = start()
    leaving.state.readiness.leave()
    async with client(leaving, BOOTSTRAP_KEY) as calling:
        answer = await calling.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "leaving"})
        assert (await calling.get("/healthz")).status_code == 200
        assert (await calling.get("/v1/objectives")).status_code == 200


async def test_every_answer_carries_its_request_id(rest: httpx.AsyncClient) -> None:
    for sent in ("req-1", None, "not valid!", "x" * 200):
        headers = {} if sent is None else {"X-Request-ID": sent}
        answered = (await rest.get("/v1/units", headers=headers)).headers["x-request-id"]
        assert (answered == sent) == (sent == "req-1")


async def test_documentation_is_served_without_the_internet(app: FastAPI) -> None:
    async with client(app, "none") as calling:
        page = (await calling.get("/docs")).text
        assert "//" not in page.replace("http://okr.test", "").split("<body>")[0]
        for path in ("/static-offline-docs/swagger-ui-bundle.js", "/openapi.json"):
            assert (await calling.get(path)).status_code == 200

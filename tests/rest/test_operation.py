"""What operators ask: does it live, is it ready, what if the database is not there."""

import httpx
import pytest
from fastapi import FastAPI
from tests.calling import client
from tests.conftest import API_KEY_SECRET, BOOTSTRAP_KEY, stop

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

"""However much is logged and whatever fails, logs hold nothing that is a customer's."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.conftest import API_KEY_SECRET, BOOTSTRAP_KEY
from tests.rest.listening import listening

from okr_service.kernel.migrations import migrate
from okr_service.kernel.servers import database_url
from okr_service.kernel.traces import traceback_of
from okr_service.main import create_app
from okr_service.settings import Settings

TITLE, NAME, EMAIL = "Bí mật doanh thu Sao Mai", "Nguyễn Thị Kín", "kin@saomai.example"
FIGURE, WORD, EXTERNAL_ID = "918273645.125", "timbimat", "MT-BIMAT-01"
PRIVATE = (TITLE, NAME, EMAIL, FIGURE, WORD, EXTERNAL_ID, BOOTSTRAP_KEY)
_LOGGERS = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "sqlalchemy.engine",
            "sqlalchemy.pool", "sqlalchemy.orm", "asyncpg", "asyncio", "okr_service")  # fmt: skip
_OF_THE_CLIENT = ("httpx", "httpcore")
_TELLTALE = re.compile(
    r"SELECT|INSERT|UPDATE |asyncpg|sqlalchemy|Traceback|\.py\b|constraint|relation|function"
)


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_OF_THE_CLIENT):
            self.lines.append(self.format(record))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Listen to every logger at its most talkative."""
    handler = _Heard()
    before = {name: logging.getLogger(name).level for name in _LOGGERS}
    logging.getLogger().addHandler(handler)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler.lines
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def scratch_url(empty_database_url: str) -> str:
    """Return the URL of a database that may be broken."""
    migrate(empty_database_url)
    return empty_database_url


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Serve over a real socket, with uvicorn's log of accesses."""
    settings = Settings(
        database_url=url,
        bootstrap_api_key=BOOTSTRAP_KEY,
        api_key_secret=API_KEY_SECRET,
        statement_timeout_ms=1500,
        request_timeout_seconds=3,
        login_failures_per_minute=0,
    )
    app = create_app(settings)
    headers = {"Authorization": f"Bearer {BOOTSTRAP_KEY}"}
    async with listening(app, lifespan=True) as port:
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=20) as calling:
            yield app, calling


async def _plan(calling: httpx.AsyncClient) -> dict[str, Any]:
    unit = {"name": NAME, "external_id": EXTERNAL_ID}
    unit_id = (await calling.post("/v1/units", json=unit)).json()["id"]
    person = {"name": NAME, "email": EMAIL, "external_id": EMAIL}
    await calling.post("/v1/people", json=person)
    year = {"code": "2026", "start_date": "2026-01-01", "end_date": "2026-12-31"}
    await calling.post("/v1/cycles", json=year)
    objective = {
        "title": TITLE,
        "description": TITLE,
        "external_id": EXTERNAL_ID,
        "unit_id": unit_id,
        "cycle_id": "2026",
    }
    await calling.post("/v1/objectives", json=objective)
    key_result = {
        "objective_id": f"external:{EXTERNAL_ID}",
        "title": TITLE,
        "target_value": FIGURE,
        "external_id": f"{EXTERNAL_ID}/KR1",
    }
    made = await calling.post("/v1/key-results", json=key_result)
    assert made.status_code == 201, made.text
    shown: dict[str, Any] = made.json()
    return shown


async def _ask_everything(
    calling: httpx.AsyncClient, key_result: dict[str, Any]
) -> list[httpx.Response]:
    report = {"key_result_id": key_result["id"], "value": FIGURE, "comment": TITLE}
    answers = [
        await calling.post("/v1/check-ins", json=report, headers={"Idempotency-Key": EXTERNAL_ID}),
        await calling.get(f"/v1/objectives?q={WORD}&include=key_results"),
        await calling.get(f"/v1/objectives?cursor={WORD}"),
        await calling.get(f"/v1/objectives/external:{EXTERNAL_ID}/tree"),
        await calling.get(f"/v1/people/external:{EMAIL}"),
        await calling.get(f"/v1/people/external:{WORD}"),
        await calling.post("/v1/units", json={"name": NAME, "external_id": EXTERNAL_ID}),
        await calling.post("/v1/units", json={"name": [TITLE], WORD: FIGURE}),
        await calling.post("/v1/units", content=f'{{"name": "{TITLE}'.encode()),
        await calling.post("/v1/check-ins", json=report | {"value": f"{FIGURE}x"}),
        await calling.patch(f"/v1/key-results/{key_result['id']}", json={"target_value": "0"}),
        await calling.delete(f"/v1/units/external:{EXTERNAL_ID}"),
        await calling.post("/v1/rollup:simulate", json={"changes": [{"check_in": report}]}),
        await calling.get("/v1/units", headers={"Authorization": f"Bearer okr_{WORD}"}),
        await calling.get("/v1/units", headers={"X-Request-ID": f"{EMAIL} {WORD}"}),
        await calling.get(f"/{EMAIL}/{NAME}?{WORD}={FIGURE}"),
    ]
    assert {200, 201, 400, 401, 404, 409, 422} <= {answer.status_code for answer in answers}
    return answers


# What breaks the database, each worse than the last.
_FAULTS = (
    # A row that is refused is quoted whole in what PostgreSQL says.
    "ALTER TABLE check_ins ADD CONSTRAINT odd CHECK (value IS NULL) NOT VALID",
    """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no %', NEW USING DETAIL = NEW::text, HINT = NEW::text; END $$;
    CREATE TRIGGER refusing BEFORE INSERT ON units FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER refusing BEFORE INSERT ON check_ins FOR EACH ROW EXECUTE FUNCTION refuse()
    """,
    "DROP FUNCTION okr_raw_progress CASCADE",
    "ALTER TABLE check_ins RENAME COLUMN value TO was_value",
    "DROP TABLE audit_events CASCADE",
    "DROP TABLE check_ins CASCADE",
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'okr-service' AND datname = current_database()
    """,
    "DROP SCHEMA public CASCADE",
)


async def test_no_log_holds_what_is_a_customers(scratch_url: str, heard: list[str]) -> None:
    keys: list[str] = []
    answers: list[httpx.Response] = []
    plain = database_url(scratch_url).set(drivername="postgresql")
    breaking = await asyncpg.connect(plain.render_as_string(hide_password=False))
    async with serving(scratch_url) as (app, calling):

        @app.get("/boom")
        async def boom() -> None:
            raise ValueError(TITLE, FIGURE) from KeyError(EMAIL)

        made = await calling.post("/v1/api-keys", json={"name": NAME, "scopes": ["read"]})
        keys.append(made.json()["key"])
        key_result = await _plan(calling)
        answers += await _ask_everything(calling, key_result)
        answers.append(await calling.get("/boom"))
        for fault in _FAULTS:
            await breaking.execute(fault)
            answers += await asyncio.gather(
                calling.post("/v1/units", json={"name": TITLE, "external_id": WORD}),
                calling.post(
                    "/v1/check-ins",
                    json={"key_result_id": key_result["id"], "value": FIGURE, "comment": TITLE},
                ),
                calling.get(f"/v1/objectives?q={WORD}&include=key_results"),
                calling.get("/v1/check-ins"),
            )
    await breaking.close()

    assert {500, 503} <= {answer.status_code for answer in answers}
    for answer in answers:
        if answer.is_error:
            assert answer.headers["content-type"] == "application/problem+json"
            assert not _TELLTALE.search(answer.text), answer.text
            assert answer.headers["x-request-id"] == answer.json()["request_id"]
    told = "\n".join(heard)
    assert "uvicorn.access" in told
    assert "sqlalchemy.engine" in told
    assert "sqlalchemy.pool" in told
    assert told.count("okr_service.rest.guard ERROR") >= 5
    assert "sqlstate=23514" in told
    for private in (*PRIVATE, *keys):
        found = [line for line in heard if private in line]
        assert not found, (private, found[0])


def _fail() -> None:
    try:
        dict[str, str]().pop(EMAIL)
    except KeyError as cause:
        raise ExceptionGroup(TITLE, [ValueError(FIGURE)]) from cause


def test_what_led_to_an_error_is_told_by_kind_and_place() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        _fail()
    told = traceback_of(caught.value)
    assert [line for line in told.splitlines() if line.startswith("builtins")] == [
        "builtins.KeyError",
        "builtins.ValueError",
        "builtins.ExceptionGroup",
    ]
    assert "in _fail" in told
    assert not any(private in told for private in PRIVATE)

"""What is shown once is kept nowhere: not for a repeated request either."""

import asyncio
from collections.abc import Iterable

import httpx
import pytest
from sqlalchemy import text
from tests.build import Build, Json
from tests.credentials.conftest import Make

from okr_service.kernel.database import Database
from okr_service.models import METADATA

_HEADERS = {"Idempotency-Key": "k1"}
_BODY = {"name": "Find me: a key", "scopes": ["read"]}


async def _holding(database: Database, secrets: Iterable[str]) -> list[str]:
    """Return the tables of which a row holds one of the secrets, as text or as bytes."""
    wanted = [form for secret in secrets for form in (secret, secret.encode().hex())]
    found = []
    async with database.reading() as connection:
        for table in METADATA.tables:
            rows = await connection.scalars(text(f"SELECT CAST(t AS text) FROM {table} AS t"))
            if any(form in row for row in rows for form in wanted):
                found.append(table)
    return found


async def test_the_whole_database_holds_no_secret(
    rest: httpx.AsyncClient, operator: httpx.AsyncClient, database: Database
) -> None:
    made = (await rest.post("/v1/api-keys", json=_BODY, headers=_HEADERS)).json()
    path = f"/v1/api-keys/{made['id']}:rotate"
    rotated = (await rest.post(path, headers=_HEADERS | {"Idempotency-Key": "k2"})).json()
    headers = {"Idempotency-Key": made["id"]}
    tenant = (await operator.post("/v1/tenants", json={"name": "A"}, headers=headers)).json()
    await rest.get("/v1/units")

    keys = [made["key"], rotated["key"], tenant["api_key"]]
    assert await _holding(database, keys) == []
    assert await _holding(database, [key[43:] for key in keys]) == []  # beyond what is shown
    # The search itself finds what is there, as text and as bytes.
    kept = ["api_keys", "audit_events", "idempotent_answers"]
    assert sorted(await _holding(database, [made["id"]])) == kept


async def test_a_repeated_request_is_told_what_was_made(
    rest: httpx.AsyncClient, operator: httpx.AsyncClient, make: Make
) -> None:
    old = await make("read")
    asked: list[tuple[httpx.AsyncClient, str, Json]] = [
        (rest, "/v1/api-keys", _BODY),
        (rest, f"/v1/api-keys/{old['id']}:rotate", {}),
        (operator, "/v1/tenants", {"name": "A"}),
    ]
    for place, (calling, path, body) in enumerate(asked):
        headers = {"Idempotency-Key": f"{old['id']}/{place}"}
        first = await calling.post(path, json=body, headers=headers)
        again = await calling.post(path, json=body, headers=headers)
        assert (first.status_code, again.status_code) == (201, 409)
        assert again.json()["code"] == "secret-shown-once"
        assert again.json()["made"] == first.json()["id"]
        other = await calling.post(path, json={**body, "name": "B"}, headers=headers)
        assert other.json()["code"] == "idempotency-key-reused"


async def test_of_many_at_once_one_gets_the_key(build: Build) -> None:
    calls = [build.rest.post("/v1/api-keys", json=_BODY, headers=_HEADERS) for _ in range(8)]
    answers = await asyncio.gather(*calls)
    assert sorted(a.status_code for a in answers) == [201, *[409] * 7]
    codes = {a.json()["code"] for a in answers if not a.is_success}
    assert codes <= {"secret-shown-once", "idempotency-key-in-flight"}
    named = [k for k in (await build.get("api-keys"))["data"] if k["name"] == _BODY["name"]]
    assert len(named) == 1


async def test_a_lost_secret_is_had_anew_by_rotating_what_was_made(build: Build) -> None:
    await build.rest.post("/v1/api-keys", json=_BODY, headers=_HEADERS)  # and the answer is lost
    again = await build.rest.post("/v1/api-keys", json=_BODY, headers=_HEADERS)
    made = again.json()["made"]
    rotated = await build.post(f"api-keys/{made}:rotate", overlap_seconds=0)
    assert rotated["name"] == _BODY["name"]


@pytest.mark.parametrize(("language", "word"), [("en", "shown once"), ("vi", "một lần")])
async def test_it_is_said_in_the_callers_language(build: Build, language: str, word: str) -> None:
    headers = _HEADERS | {"Accept-Language": language}
    await build.rest.post("/v1/api-keys", json=_BODY, headers=headers)
    again = await build.rest.post("/v1/api-keys", json=_BODY, headers=headers)
    assert word in again.json()["detail"]

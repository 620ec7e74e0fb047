"""Callers who ask too much are told so, with when to come back, by all replicas alike."""

import asyncio
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.calling import client
from tests.conftest import Start, Tenant

from okr_service.kernel.database import Database

Calling = Callable[..., httpx.AsyncClient]
# RFC 9651: a list of strings with integer parameters.
_ITEM = r'"[a-z]+";[a-z]+=\d+;[a-z]+=\d+'
_numbers = count(1)


def address() -> str:
    """Return an address that nothing else calls from."""
    return f"172.{uuid4().int % 16 + 16}.{uuid4().int % 250}.{next(_numbers)}"


@pytest.fixture
async def calling() -> AsyncIterator[Calling]:
    """Call an instance of the service with a key, from an address."""
    async with AsyncExitStack() as stack:

        def make(
            app: FastAPI, key: str, host: str = "127.0.0.1", **headers: str
        ) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 1))
            made = client(app, key)
            caller = httpx.AsyncClient(
                transport=transport, base_url="http://okr.test", headers={**made.headers, **headers}
            )
            stack.push_async_callback(caller.aclose)
            return caller

        yield make


async def key_of(start: Start, tenant: Tenant, calling: Calling) -> str:
    made = await calling(start(), tenant.key).post(
        "/v1/api-keys", json={"name": "Another", "scopes": ["read"]}
    )
    key: str = made.json()["key"]
    return key


def left(answer: httpx.Response, policy: str = "credential") -> tuple[int, int]:
    """Return what is left of a policy, and for how many seconds."""
    found = re.search(rf'"{policy}";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found, answer.headers
    return int(found[1]), int(found[2])


async def settled(caller: httpx.AsyncClient) -> None:
    """Wait for a window that goes on for long enough to test in."""
    _, seconds = left(await caller.get("/v1/units"))
    if seconds < 8:
        await asyncio.sleep(seconds)


async def steady(app: FastAPI, host: str) -> None:
    """Wait for a window of an address that goes on for long enough to test in."""
    subject = app.state.service.limits.failures._subject(host)
    seconds = 60 - (time.time() - zlib.crc32(subject.encode())) % 60
    if seconds < 5:
        await asyncio.sleep(seconds)


async def test_every_answer_tells_of_the_limits(rest: httpx.AsyncClient) -> None:
    for answer in (
        await rest.get("/v1/units"),
        await rest.get("/v1/units/none"),
        await rest.post("/v1/units", json={}),
        await rest.head("/v1/units"),
    ):
        policy = '"credential";q=6000;w=60, "tenant";q=60000;w=60'
        assert answer.headers["ratelimit-policy"] == policy
        assert re.fullmatch(f"{_ITEM}, {_ITEM}", answer.headers["ratelimit"])
    first, seconds = left(answer)
    assert 5900 < first < 6000
    assert 1 <= seconds <= 60
    assert "ratelimit" not in (await rest.get("/healthz")).headers


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_who_asks_too_much_is_told_when_to_come_back(
    start: Start, tenant: Tenant, calling: Calling, language: str
) -> None:
    app = start(rate_limit_per_credential=5)
    caller = calling(app, tenant.key, **{"Accept-Language": language})
    answers = [await caller.get("/v1/units") for _ in range(12)]
    assert {a.status_code for a in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["content-language"] == language
    document = refused.json()
    remaining, seconds = left(refused)
    assert remaining == 0
    assert refused.headers["retry-after"] == str(seconds) == str(document["retry_after"])
    assert (document["code"], document["status"]) == ("too-many-requests", 429)
    assert (document["policy"], document["limit"]) == ("credential", 5)
    assert ("requests" in document["detail"]) == (language == "en")
    assert "tenant" not in refused.headers["ratelimit"]


async def test_replicas_share_a_limit_whatever_the_interleaving(
    start: Start, tenant: Tenant, calling: Calling, database: Database
) -> None:
    replicas = [calling(start(rate_limit_per_credential=40), tenant.key) for _ in range(2)]
    answers = await asyncio.gather(
        *(replicas[number % 2].get("/v1/units?limit=1") for number in range(160))
    )
    counted = "SELECT count(*) FROM request_counts WHERE tenant_id = :id AND subject <> 'tenant'"
    async with database.reading() as connection:
        windows = await connection.scalar(text(counted), {"id": tenant.tenant_id})
    within = sum(answer.status_code == 200 for answer in answers)
    assert 30 <= within <= 40 * windows
    assert {answer.status_code for answer in answers} == {200, 429}


async def test_a_tenant_has_a_limit_of_its_own(
    start: Start, tenant: Tenant, other_tenant: Tenant, calling: Calling
) -> None:
    another_key = await key_of(start, tenant, calling)
    app = start(rate_limit_per_tenant=6)
    await settled(calling(app, other_tenant.key))
    mine = [calling(app, key) for key in (tenant.key, another_key)]
    answers = [await mine[n % 2].get("/v1/units") for n in range(20)]
    refused = answers[-1]
    assert (refused.status_code, refused.json()["policy"]) == (429, "tenant")
    assert left(refused, "tenant")[0] == 0
    assert left(refused)[0] > 0
    assert (await calling(app, other_tenant.key).get("/v1/units")).status_code == 200


async def test_a_limit_of_0_is_none(start: Start, tenant: Tenant, calling: Calling) -> None:
    app = start(rate_limit_per_credential=0, rate_limit_per_tenant=0)
    answer = await calling(app, tenant.key).get("/v1/units")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


async def test_a_refused_write_writes_nothing(
    start: Start, tenant: Tenant, calling: Calling
) -> None:
    caller = calling(start(rate_limit_per_credential=3), tenant.key)
    answers = [await caller.post("/v1/units", json={"name": "A"}) for _ in range(8)]
    made = sum(answer.status_code == 201 for answer in answers)
    assert made < 8
    total = (await calling(start(), tenant.key).get("/v1/units?count=exact")).json()["page"][
        "total"
    ]
    assert total == made


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_bad_credentials_slow_their_address(
    start: Start, tenant: Tenant, calling: Calling, language: str
) -> None:
    app, host = start(login_failures_per_minute=4), address()
    another_key = await key_of(start, tenant, calling)
    await steady(app, host)
    good = calling(app, tenant.key, host)
    assert (await good.get("/v1/units")).status_code == 200
    bad = [
        calling(app, f"okr_{tenant.tenant_id.hex}_{n}", host, **{"Accept-Language": language})
        for n in range(9)
    ]

    answers = [await caller.get("/v1/units") for caller in bad]

    assert [a.status_code for a in answers[:4]] == [401] * 4
    refused = answers[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-failures")
    assert refused.headers["content-language"] == language
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert host not in refused.text
    # What was found good before goes on; a newcomer waits, but only at this address.
    assert (await good.get("/v1/units")).status_code == 200
    assert (await calling(app, another_key, host).get("/v1/units")).status_code == 429
    assert (await calling(app, another_key, address()).get("/v1/units")).status_code == 200
    # Another replica learns of it by the first bad one that it sees itself.
    other = calling(start(login_failures_per_minute=4), "okr_bad", host)
    assert [(await other.get("/v1/units")).status_code for _ in range(2)] == [401, 429]


async def test_no_credential_at_all_is_no_failure(start: Start, calling: Calling) -> None:
    caller = calling(start(login_failures_per_minute=1), "none", address())
    caller.headers.pop("Authorization")
    assert {(await caller.get("/v1/units")).status_code for _ in range(6)} == {401}


async def test_who_forges_x_forwarded_for_is_known_all_the_same(
    start: Start, calling: Calling
) -> None:
    app, host = start(login_failures_per_minute=3), address()
    await steady(app, host)
    forged = [
        calling(app, f"okr_{n}", host, **{"X-Forwarded-For": address(), "X-Real-IP": address()})
        for n in range(8)
    ]
    assert (await forged[0].get("/v1/units")).status_code == 401
    assert [(await caller.get("/v1/units")).status_code for caller in forged][-1] == 429


async def test_behind_a_trusted_proxy_each_client_has_its_own_address(
    start: Start, calling: Calling
) -> None:
    app = start(login_failures_per_minute=3, trusted_proxies=("10.0.0.0/8",))
    mine, theirs = address(), address()

    await steady(app, mine)

    async def shown(forwarded: str, times: int, proxy: str = "10.9.8.7") -> list[int]:
        caller = calling(app, "okr_bad", proxy, **{"X-Forwarded-For": forwarded})
        return [(await caller.get("/v1/units")).status_code for _ in range(times)]

    assert (await shown(mine, 8))[-1] == 429
    assert await shown(theirs, 1) == [401]
    # What a client puts in front of what the proxy adds changes nothing.
    assert await shown(f"{theirs}, 10.1.1.1, {mine}", 1) == [429]
    # And from elsewhere the header means nothing.
    assert await shown(mine, 1, proxy=address()) == [401]

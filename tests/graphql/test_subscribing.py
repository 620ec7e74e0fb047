"""The two protocols to the letter, what they refuse, and how many there may be."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.conftest import Start, Tenant
from tests.graphql.following import CHECK_INS, Json, connected, listener, talking
from tests.rest.listening import listening

_LIMITED = {
    "subscriptions_per_connection": 2,
    "subscription_connections_per_caller": 3,
    "subscription_connections": 5,
    "subscription_init_seconds": 0.5,
    "body_limit_bytes": 20_000,
}


@pytest.fixture
async def app(start: Start) -> AsyncIterator[FastAPI]:
    app = start(**_LIMITED)
    yield app
    await app.state.service.feed.close()


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with listening(app) as port:
        yield port


@pytest.fixture
async def key_result(build: Build) -> Json:
    objective = await build.objective()
    return await build.key_result(objective)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 4400),
        (b"bytes", 4400),
        ("[]", 4400),
        ("1", 4400),
        ("{}", 4400),
        ('{"type": 1}', 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "connection_init"}', 4429),
        ('{"type": "subscribe"}', 4400),
        ('{"type": "subscribe", "id": ""}', 4400),
        ('{"type": "subscribe", "id": ["1"], "payload": {"query": "{ __typename }"}}', 4400),
        ('{"type": "subscribe", "id": "1"}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{x}", "variables": []}}', 4400),
        ('{"type": "complete"}', 4400),
        ("[" * 5_000, 4400),
        (json.dumps({"type": "ping", "payload": {"x": "x" * 20_000}}), 1009),
    ],
)
async def test_a_bad_message_closes(
    port: int, tenant: Tenant, sent: str | bytes, code: int
) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.socket.send(sent)
        assert (await talk.closed())[0] == code


async def test_an_id_in_use_closes(port: int, tenant: Tenant) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(CHECK_INS)
        await talk.subscribe(CHECK_INS)
        assert await talk.closed() == (4409, "Subscriber for 1 already exists")


@pytest.mark.parametrize(
    "payload", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": 1}]
)
async def test_without_a_good_key_nobody_is_let_in(port: int, payload: Json) -> None:
    async with connected(port) as talk:
        await talk.send(type="connection_init", payload=payload)
        assert (await talk.closed())[0] == 4401


async def test_who_says_nothing_is_let_go(port: int) -> None:
    async with connected(port) as talk:
        assert await talk.closed(3) == (4408, "Connection initialisation timeout")
    async with connected(port) as talk:
        await talk.subscribe(CHECK_INS)
        assert (await talk.closed())[0] == 4401
    async with connected(port) as talk:
        await talk.send(type="connection_init", payload=[1])
        assert (await talk.closed())[0] == 4400


@pytest.mark.parametrize("subprotocols", [None, ["graphql-ws"]])
async def test_another_protocol_is_not_spoken(port: int, subprotocols: list[str] | None) -> None:
    async with connected(port, subprotocols=subprotocols) as talk:
        assert (await talk.closed())[0] == 4406


async def test_the_key_may_come_in_the_header(port: int, tenant: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tenant.key}"}
    async with connected(port, additional_headers=headers) as talk:
        await talk.send(type="connection_init")
        assert (await talk.receive())["type"] == "connection_ack"


async def test_queries_and_writes_are_answered_too(
    port: int, tenant: Tenant, key_result: Json
) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.send(type="ping")
        assert await talk.receive() == {"type": "pong"}
        write = """mutation($v: Decimal!, $k: Ref!) {
          recordCheckIn(input: {keyResultId: $k, value: $v}) { checkIn { value } } }"""
        await talk.socket.send(
            '{"type": "subscribe", "id": "w", "payload": {"query": '
            + json.dumps(write)
            + f', "variables": {{"v": 12345678901234567.15, "k": "{key_result["id"]}"}}}}}}'
        )
        told = await talk.receive()
        assert told["payload"]["data"]["recordCheckIn"]["checkIn"] == {
            "value": "12345678901234567.15"
        }
        assert await talk.receive() == {"id": "w", "type": "complete"}
        await talk.subscribe("{ keyResults { totalCount } }", "w")
        assert (await talk.receive())["payload"] == {"data": {"keyResults": {"totalCount": 1}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "invalid-document"),
        ("subscription { nothing }", "invalid-document"),
        ("subscription { checkInAdded { cursor } a: checkInAdded { cursor } }", "invalid-document"),
        ("subscription { checkInAdded @skip(if: true) { cursor } }", "invalid-document"),
        ('subscription { checkInAdded(after: "x") { cursor } }', "invalid-cursor"),
        ('subscription { checkInAdded(after: "999-000000000000") { cursor } }',
         "cursor-of-another-feed"),
        ('subscription { progressChanged(under: "external:x") { cursor } }', "objective-not-found"),
        ('subscription { checkInAdded(filter: {authorId: ["external:x"]}) { cursor } }',
         "person-not-found"),
        ("subscription { checkInAdded { checkIn { author { checkIns(first: 201) { totalCount }}}}}",
         "first-out-of-range"),
        ("subscription { checkInAdded { checkIn " + "{ keyResult { latestCheckIn " * 12
         + "{ id }" + "} }" * 12 + " } }", "too-deep"),
    ],
)  # fmt: skip
async def test_what_cannot_be_followed_is_refused(
    port: int, tenant: Tenant, query: str, code: str
) -> None:
    async with talking(port, tenant.key) as talk:
        await talk.subscribe(query)
        told = await talk.receive()
        assert (told["type"], told["id"]) == ("error", "1"), told
        assert told["payload"][0]["extensions"]["code"] == code
        await talk.subscribe("{ __typename }")  # the id is free again
        assert (await talk.receive())["type"] == "next"


async def test_too_many_subscriptions_on_a_connection(port: int, tenant: Tenant) -> None:
    async with talking(port, tenant.key) as talk:
        for id_ in "abc":
            await talk.subscribe(CHECK_INS, id_)
        told = await talk.receive()
        assert (told["type"], told["id"]) == ("error", "c")
        assert told["payload"][0]["extensions"]["code"] == "too-many-subscriptions"
        await talk.send(type="complete", id="a")
        await talk.subscribe(CHECK_INS, "c")
        await talk.hears_nothing(0.3)


async def test_too_many_connections_of_a_caller(
    port: int, tenant: Tenant, other_tenant: Tenant
) -> None:
    key = tenant.key
    async with talking(port, key), talking(port, key), listener(port, key, CHECK_INS):
        async with connected(port) as talk:
            given = {"Authorization": f"Bearer {key}"}
            await talk.send(type="connection_init", payload=given)
            assert await talk.closed() == (1013, "too-many-connections")
        async with listener(port, key, CHECK_INS) as refused:
            assert refused.response.status_code == 429
            assert refused.response.headers["retry-after"] == "30"
        async with talking(port, other_tenant.key):
            pass
    async with talking(port, key):
        pass


async def test_too_many_connections_in_the_process(port: int) -> None:
    async with (
        connected(port), connected(port), connected(port), connected(port), connected(port),
        connected(port) as talk,
    ):  # fmt: skip
        assert await talk.closed() == (1013, "too-many-connections")


async def test_each_subscription_counts_as_a_request(start: Start, tenant: Tenant) -> None:
    app = start(rate_limit_per_credential=8)
    async with listening(app) as port, talking(port, tenant.key) as talk:
        told = []
        for _ in range(9):
            await talk.subscribe("{ __typename }")
            told.append(await talk.receive())
            if told[-1]["type"] == "next":
                await talk.receive()
    assert told[-1]["payload"][0]["extensions"]["code"] == "too-many-requests"
    await app.state.service.feed.close()


async def test_only_trusted_documents_are_followed(start: Start, tenant: Tenant) -> None:
    app = start(graphql_only_persisted=True)
    async with listening(app) as port, talking(port, tenant.key) as talk:
        await talk.subscribe(CHECK_INS)
        told = await talk.receive()
        assert told["payload"][0]["extensions"]["code"] == "document-not-trusted"
    await app.state.service.feed.close()


async def test_a_stream_tells_and_goes_on(
    port: int, tenant: Tenant, build: Build, key_result: Json
) -> None:
    async with listener(port, tenant.key, CHECK_INS) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        await build.check_in(key_result, 1)
        first = await stream.told("checkInAdded")
    await build.check_in(key_result, 2)
    again = {"Last-Event-ID": first["cursor"]}
    async with listener(port, tenant.key, CHECK_INS, again, after="0-000000000000") as stream:
        assert (await stream.told("checkInAdded"))["checkIn"]["value"] == "2"


async def test_a_stream_answers_queries_too(port: int, tenant: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tenant.key}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
        answer = await http.post("/graphql", json={"query": "{ __typename }"})
        bad = await http.post("/graphql", json={"query": "{"})
        cursor = await http.post(
            "/graphql", json={"query": 'subscription { checkInAdded(after: "x") { cursor } }'}
        )
        query = "subscription { checkInAdded { cursor } }"
        plain = await http.post(
            "/graphql", json={"query": query}, headers={"Accept": "application/json"}
        )
        async with http.stream("GET", "/graphql", params={"query": query}) as got:
            assert got.status_code == 200
        write = await http.get("/graphql", params={"query": "mutation { x }"})
    assert answer.text == (
        'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
    )
    assert (bad.status_code, bad.headers["content-type"]) == (
        400, "application/graphql-response+json; charset=utf-8",
    )  # fmt: skip
    assert cursor.status_code == 400
    assert cursor.json()["errors"][0]["extensions"]["code"] == "invalid-cursor"
    assert plain.status_code == 406
    assert plain.json()["errors"][0]["extensions"]["code"] == "followed-by-streams"
    assert write.status_code in (400, 405)


async def test_seats_are_free_again(port: int, tenant: Tenant) -> None:
    for _ in range(4):
        async with listener(port, tenant.key, CHECK_INS), talking(port, tenant.key) as talk:
            await talk.subscribe(CHECK_INS)
    await asyncio.sleep(0.3)
    async with talking(port, tenant.key), talking(port, tenant.key), talking(port, tenant.key):
        pass

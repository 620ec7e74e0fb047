"""GraphQL over HTTP: methods, media types, statuses, documents known by an id, limits."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import httpx
import pytest
from tests.calling import client
from tests.conftest import Tenant, stop
from tests.graphql.asking import SCHEMA, Json, answered

from graphql import parse, validate
from okr_service.demo.service import plan_demo
from okr_service.kernel.database import Database
from okr_service.main import create_app
from okr_service.settings import Settings

_QUERY = "{ tenant { name } }"
_RESPONSE = "application/graphql-response+json"


@asynccontextmanager
async def _set_up(
    settings: Settings, tenant: Tenant, **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings.model_copy(update=changes))
    async with client(app, tenant.key) as calling:
        yield calling
    await stop(app)


def _code(response: httpx.Response) -> str:
    told: Json = response.json()
    assert "data" not in told or told["data"] is None
    code: str = told["errors"][0]["extensions"]["code"]
    return code


async def test_post_and_get_answer_the_same(rest: httpx.AsyncClient) -> None:
    variables = json.dumps({"n": 1})
    query = "query A { tenant { name } } query B($n: Int!) { units(first: $n) { totalCount } }"
    asked = {"query": query, "operationName": "B"}
    posted = await rest.post("/graphql", json={**asked, "variables": {"n": 1}})
    got = await rest.get("/graphql", params={**asked, "variables": variables})
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json() == {"data": {"units": {"totalCount": 0}}}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, _RESPONSE),
        ("*/*", _RESPONSE),
        (_RESPONSE, _RESPONSE),
        (f"{_RESPONSE}, application/json;q=0.9", _RESPONSE),
        ("application/json", "application/json"),
    ],
)
async def test_the_media_type_is_the_one_accepted(
    rest: httpx.AsyncClient, accept: str | None, expected: str
) -> None:
    headers = {"Accept": accept} if accept else {}
    response = await rest.post("/graphql", json={"query": _QUERY}, headers=headers)
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    refused = await rest.post("/graphql", json={"query": _QUERY}, headers={"Accept": "text/csv"})
    assert (refused.status_code, _code(refused)) == (406, "not-acceptable-here")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nope }", "invalid-document"),
        ("{ tenant {", "invalid-document"),
        ("query A { tenant { name } } query B { tenant { name } }", "invalid-document"),
        ("query($n: Int!) { units(first: $n) { totalCount } }", "invalid-document"),
    ],
)
async def test_what_cannot_be_read_has_no_data(
    rest: httpx.AsyncClient, query: str, code: str
) -> None:
    response = await rest.post("/graphql", json={"query": query})
    assert (response.status_code, _code(response)) == (400, code)
    assert "data" not in response.json()
    legacy = await rest.post(
        "/graphql", json={"query": query}, headers={"Accept": "application/json"}
    )
    assert (legacy.status_code, _code(legacy)) == (200, code)


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed-json"),
        (b'{"query": "{ tenant { name } }", "query": ""}', "application/json", 400,
         "malformed-json"),
        (b"\xff", "application/json", 400, "not-utf8"),
        (b"[]", "application/json", 400, "batch-not-accepted"),
        (b'[{"query": "{ tenant { name } }"}]', "application/json", 400, "batch-not-accepted"),
        (b'"x"', "application/json", 400, "invalid-parameters"),
        (b'{"query": 1}', "application/json", 400, "invalid-parameters"),
        (b'{"query": "{ a }", "variables": []}', "application/json", 400, "invalid-parameters"),
        (b'{"query": "{ a }", "more": 1}', "application/json", 400, "invalid-parameters"),
        (b"{}", "application/json", 400, "missing-document"),
        (b"{ tenant { name } }", "application/graphql", 415, "expects-json"),
        (b"query=%7Ba%7D", "application/x-www-form-urlencoded", 415, "expects-json"),
        (b"{}", "application/json; charset=latin1", 415, "expects-json"),
    ],
)  # fmt: skip
async def test_bad_requests_are_told_why(
    rest: httpx.AsyncClient, body: bytes, media_type: str, status: int, code: str
) -> None:
    headers = {"Content-Type": media_type}
    response = await rest.post("/graphql", content=body, headers=headers)
    assert (response.status_code, _code(response)) == (status, code)


async def test_get_does_not_write(rest: httpx.AsyncClient) -> None:
    query = 'mutation { createUnit(input: {name: "x"}) { errors { code } } }'
    response = await rest.get("/graphql", params={"query": query})
    assert (response.status_code, _code(response)) == (405, "queries-only")
    assert response.headers["allow"] == "GET, POST"
    assert (await answered(rest, "{ units { totalCount } }"))["units"]["totalCount"] == 0
    assert (await rest.put("/graphql", json={})).status_code == 405


async def test_nobody_is_answered_without_a_credential(rest: httpx.AsyncClient) -> None:
    for header in ("", "Bearer nonsense"):
        rest.headers["Authorization"] = header
        response = await rest.post("/graphql", json={"query": "{ __typename }"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert _code(response) in ("missing-credential", "invalid-credential")


async def test_a_body_has_a_limit(settings: Settings, tenant: Tenant) -> None:
    async with _set_up(settings, tenant, bulk_body_limit_bytes=2000) as calling:
        response = await calling.post("/graphql", json={"query": " " * 3000})
    assert (response.status_code, _code(response)) == (413, "body-too-large")


async def test_limits_are_told(settings: Settings, tenant: Tenant) -> None:
    nested = "units { nodes { parent { parent { parent { name } } } } }"
    aliased = " ".join(f"a{n}: __typename" for n in range(9))
    costly = "units(first: 200) { nodes { children(first: 200) { nodes { name } } } }"
    limits = {"graphql_depth_limit": 5, "graphql_alias_limit": 8, "graphql_cost_limit": 1000}
    async with _set_up(settings, tenant, graphql_token_limit=100, **limits) as calling:
        for query, code in (
            (nested, "too-deep"),
            (aliased, "too-many-aliases"),
            ("__typename " * 10, "too-many-aliases"),
            (costly, "too-costly"),
            ("__typename " * 200, "too-many-tokens"),
        ):
            response = await calling.post("/graphql", json={"query": f"{{ {query} }}"})
            told = response.json()["errors"][0]["extensions"]
            assert told["code"] == code
            assert told["limit"] in (5, 8, 100, 1000)


async def test_fragments_multiply_nothing_unseen(rest: httpx.AsyncClient) -> None:
    """A few short fragments that spread each other would be millions of fields."""
    both = "{{ a{0}: parent {{ ...F{1} }} b{0}: parent {{ ...F{1} }} }}"
    parts = [f"fragment F{n} on Unit {both.format(n, n + 1)}" for n in range(15)]
    query = " ".join(["{ units { nodes { ...F0 } } }", *parts, "fragment F15 on Unit { name }"])
    response = await rest.post("/graphql", json={"query": query})
    assert _code(response) == "too-many-aliases"
    loop = "{ units { nodes { ...A } } } fragment A on Unit { parent { ...A } }"
    assert _code(await rest.post("/graphql", json={"query": loop})) == "invalid-document"


async def test_numbers_are_bounded(rest: httpx.AsyncClient) -> None:
    for first in (0, -1, 201, 2**31 - 1):
        query = f"{{ units(first: {first}) {{ totalCount }} }}"
        told = (await rest.post("/graphql", json={"query": query})).json()
        assert told["errors"][0]["extensions"]["code"] == "first-out-of-range", told
    ids = json.dumps(["x"] * 101)
    told = (await rest.post("/graphql", json={"query": f"{{ nodes(ids: {ids}) {{ id }} }}"})).json()
    assert told["errors"][0]["extensions"]["code"] == "too-many-ids"


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "WyJuYW1lIiwgIngiLCAieCJd", "\u0000"])
async def test_a_cursor_that_is_none_is_refused(rest: httpx.AsyncClient, cursor: str) -> None:
    query = "query($c: String) { units(after: $c) { nodes { name } } }"
    response = await rest.post("/graphql", json={"query": query, "variables": {"c": cursor}})
    code = response.json()["errors"][0]["extensions"]["code"]
    assert code in ("invalid-cursor", "invalid-input"), response.text


@pytest.mark.parametrize(
    "ref", ["", "x", "external:", "external:%00", "'; drop table units; --", "$1", ":reach_units",
            "T2JqZWN0aXZlOng=", "a" * 5000],
)  # fmt: skip
async def test_a_strange_reference_names_nothing(rest: httpx.AsyncClient, ref: str) -> None:
    query = "query($r: Ref!, $i: ID!) { unit(ref: $r) { name } node(id: $i) { id } }"
    response = await rest.post("/graphql", json={"query": query, "variables": {"r": ref, "i": ref}})
    told = response.json()
    assert told["data"] == {"unit": None, "node": None}
    assert [error["extensions"]["code"] for error in told["errors"]] == ["unit-not-found"]


async def test_introspection_can_be_switched_off(settings: Settings, tenant: Tenant) -> None:
    query = {"query": "{ __schema { queryType { name } } }"}
    async with _set_up(settings, tenant) as calling:
        assert (await calling.post("/graphql", json=query)).json()["data"]
    async with _set_up(settings, tenant, graphql_introspection=False) as calling:
        response = await calling.post("/graphql", json=query)
        named = await calling.post("/graphql", json={"query": "{ __typename }"})
    assert (response.status_code, _code(response)) == (400, "introspection-off")
    assert named.json() == {"data": {"__typename": "Query"}}


async def test_trusted_documents_go_by_name_and_hash(
    settings: Settings, tenant: Tenant, tmp_path: Path
) -> None:
    (tmp_path / "tenant.graphql").write_text(_QUERY)
    digest = hashlib.sha256(_QUERY.encode()).hexdigest()
    given = {"graphql_documents": tmp_path, "graphql_only_persisted": True}
    async with _set_up(settings, tenant, **given) as calling:
        for named in (
            {"documentId": "tenant"},
            {"documentId": f"sha256:{digest}"},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}},
        ):
            told = (await calling.post("/graphql", json=named)).json()
            assert told == {"data": {"tenant": {"name": "Test"}}}
        got = await calling.get("/graphql", params={"documentId": "tenant"})
        assert got.json() == {"data": {"tenant": {"name": "Test"}}}
        for body in ({"query": "{ __typename }"}, {"documentId": "other"}):
            assert _code(await calling.post("/graphql", json=body)) == "document-not-trusted"
    listed = tmp_path / "documents.json"
    listed.write_text(json.dumps({"t": _QUERY}))
    async with _set_up(settings, tenant, graphql_documents=listed) as calling:
        assert (await calling.post("/graphql", json={"documentId": "t"})).is_success
        assert (await calling.post("/graphql", json={"query": "{ __typename }"})).is_success


async def test_documents_are_registered_only_where_that_is_let(
    settings: Settings, tenant: Tenant
) -> None:
    digest = hashlib.sha256(_QUERY.encode()).hexdigest()
    by_hash = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    for lets in (True, False):
        async with _set_up(settings, tenant, graphql_register=lets) as calling:
            first = await calling.post("/graphql", json=by_hash)
            assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
            assert (await calling.post("/graphql", json={**by_hash, "query": _QUERY})).is_success
            again = await calling.post("/graphql", json=by_hash)
            assert again.is_success == lets
            if lets:
                other = await calling.post("/graphql", json={**by_hash, "query": "{ __typename }"})
                assert _code(other) == "invalid-parameters"


async def test_graphiql_comes_from_the_service_alone(rest: httpx.AsyncClient) -> None:
    rest.headers.pop("Authorization")
    page = await rest.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("graphiql.js", "graphiql.css", "react.js", "react-dom.js", "page.js"):
        assert f"graphql/{name}" in page.text
        file = await rest.get(f"/graphql/{name}")
        assert file.status_code == 200
        assert len(file.content) > 1000
    assert (await rest.get("/graphql/../settings.py")).status_code == 404
    assert (await rest.get("/graphql/README.md")).status_code == 404


async def test_graphiql_can_be_switched_off(settings: Settings, tenant: Tenant) -> None:
    async with _set_up(settings, tenant, graphiql=False) as calling:
        page = await calling.get("/graphql", headers={"Accept": "text/html,*/*"})
        assert (page.status_code, _code(page)) == (400, "missing-document")
        assert (await calling.get("/graphql/page.js")).status_code == 404


async def test_the_examples_of_graphiql_work_on_the_demo(
    rest: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    await plan_demo(database, tenant.tenant_id, date(2025, 9, 17))
    text = (await rest.get("/graphql/page.js")).text
    examples = text.split("const examples = [")[1].split("];")[0].split("`")[1::2]
    assert len(examples) == 6
    streamed = [example for example in examples if "\nsubscription " in example]
    for example in streamed:
        assert not validate(SCHEMA, parse(example))
        named = example.split('under: "')[1].split('"')[0]
        assert (await rest.get(f"/v1/objectives/{named}")).status_code == 200
    for example in [one for one in examples if one not in streamed]:
        (found,) = (await answered(rest, example)).values()
        assert found
        assert not found.get("errors")


async def test_failures_tell_nothing_of_the_insides(settings: Settings, tenant: Tenant) -> None:
    async with _set_up(settings, tenant, statement_timeout_ms=1) as calling:
        query = "{ units { nodes { name people { nodes { name objectives { totalCount } } } } } }"
        response = await calling.post("/graphql", json={"query": query})
    assert response.status_code in (200, 503)
    if response.status_code == 503:
        assert _code(response) in {"statement-too-long", "database-unavailable"}
    for word in ("asyncpg", "SELECT", "Traceback"):
        assert word not in response.text

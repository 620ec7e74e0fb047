"""Identity providers over REST: agreeing, checking, and who may."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant, stop
from tests.identity.issuer import DISCOVERY, KEYS, Issuer, agree
from tests.identity.registering import NEW, PATH, made

from okr_service.main import create_app
from okr_service.settings import Settings


async def test_a_provider_has_sensible_defaults(rest: httpx.AsyncClient) -> None:
    response = await rest.post(PATH, json=NEW)
    provider = response.json()
    assert response.headers["location"] == f"{PATH}/{provider['id']}"
    assert response.headers["etag"].startswith('"1-')
    assert {k: v for k, v in provider.items() if k not in ("id", "created_at", "updated_at")} == {
        **NEW,
        "external_id": None,
        "version": 1,
        "jwks_url": None,
        "algorithms": ["RS256", "ES256", "PS256", "EdDSA"],
        "clock_skew_seconds": 60,
        "person_claim": "sub",
        "person_key": "external_id",
        "role_claim": None,
        "roles": {},
        "scope_prefix": "okr:",
        "enabled": True,
        "proven_at": None,
    }


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({"issuer": "http://id.example"}, "/issuer", "not-a-web-address"),
        ({"issuer": "ftp://id.example"}, "/issuer", "wrong-pattern"),
        ({"issuer": "https://id.example/?a=b"}, "/issuer", "not-a-web-address"),
        ({"issuer": "https://a:b@id.example"}, "/issuer", "not-a-web-address"),
        ({"issuer": None}, "/issuer", "not-text"),
        ({"issuer": "https://id.example/" + "a" * 500}, "/issuer", "too-long"),
        ({"audience": ""}, "/audience", "too-short"),
        ({"audience": "a b"}, "/audience", "wrong-pattern"),
        ({"audience": "a\u0000"}, "/audience", "invalid-character"),
        ({"jwks_url": "https://evil.example/keys"}, "/jwks_url", "keys-not-of-issuer"),
        ({"jwks_url": "https://id.example/realms/b/keys"}, "/jwks_url", "keys-not-of-issuer"),
        ({"jwks_url": "https://id.example/realms/a/../b"}, "/jwks_url", "not-a-web-address"),
        ({"algorithms": []}, "/algorithms", "too-few-items"),
        ({"algorithms": ["HS256"]}, "/algorithms/0", "not-allowed"),
        ({"algorithms": ["none"]}, "/algorithms/0", "not-allowed"),
        ({"algorithms": ["ES256K"]}, "/algorithms/0", "not-allowed"),
        ({"clock_skew_seconds": 301}, "/clock_skew_seconds", "above-maximum"),
        ({"clock_skew_seconds": -1}, "/clock_skew_seconds", "below-minimum"),
        ({"clock_skew_seconds": "60"}, "/clock_skew_seconds", "not-an-integer"),
        ({"person_key": "name"}, "/person_key", "not-allowed"),
        ({"person_claim": ""}, "/person_claim", "too-short"),
        ({"roles": {"a": "operator"}}, "/roles/a", "not-allowed"),
        ({"roles": {"": "admin"}}, "/roles//[key]", "too-short"),
        ({"roles": {str(n): "admin" for n in range(101)}}, "/roles", "too-many-items"),
        ({"roles": []}, "/roles", "not-an-object"),
        ({"scope_prefix": ""}, "/scope_prefix", "too-short"),
        ({"scope_prefix": "okr "}, "/scope_prefix", "wrong-pattern"),
        ({"proven_at": "2026-01-01T00:00:00Z"}, "/proven_at", "unknown-field"),
        ({"tenant_id": "x"}, "/tenant_id", "unknown-field"),
    ],
)
async def test_what_does_not_fit_is_named(
    rest: httpx.AsyncClient, given: Json, pointer: str, code: str
) -> None:
    response = await rest.post(PATH, json={**NEW, **given})
    assert response.status_code == 422
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]


async def test_providers_are_read_edited_and_deleted_like_everything_else(
    rest: httpx.AsyncClient,
) -> None:
    put = await rest.put(f"{PATH}/external:kc", json={**NEW, "roles": {"a": "admin"}})
    assert put.status_code == 201
    tag = put.headers["etag"]
    patch = {"roles": {"b": "viewer", "a": None}, "algorithms": ["RS256", "RS256"]}
    first = await rest.patch(f"{PATH}/external:kc", json=patch, headers={"If-Match": tag})
    assert (first.status_code, first.json()["roles"]) == (200, {"b": "viewer"})
    assert first.json()["algorithms"] == ["RS256"]
    stale = await rest.patch(f"{PATH}/external:kc", json=patch, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "version-mismatch")
    again = await rest.get(f"{PATH}/external:kc")
    assert again.json() == first.json()
    known = {"If-None-Match": again.headers["etag"]}
    assert (await rest.get(f"{PATH}/{put.json()['id']}", headers=known)).status_code == 304
    taken = await rest.post(PATH, json={**NEW, "external_id": "kc"})
    assert taken.json()["code"] == "external-id-taken"
    listed = (await rest.get(f"{PATH}?sort=-name&count=exact")).json()
    assert ([p["id"] for p in listed["data"]], listed["page"]["total"]) == ([put.json()["id"]], 1)
    assert (await rest.delete(f"{PATH}/external:kc", headers={"If-Match": tag})).status_code == 412
    assert (await rest.delete(f"{PATH}/external:kc")).status_code == 204
    gone = await rest.get(f"{PATH}/external:kc")
    assert (gone.status_code, gone.json()["code"]) == (404, "identity-provider-not-found")


async def test_only_an_admin_has_to_do_with_them(
    app: FastAPI, rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    provider = await made(rest, issuer=issuer.url)
    path = f"{PATH}/{provider['id']}"
    scopes = ["read", "plan", "check_in", "organisation"]
    key = (await rest.post("/v1/api-keys", json={"name": "A", "scopes": scopes})).json()["key"]
    async with client(app, key) as calling:
        answers = [
            await calling.get(PATH),
            await calling.get(path),
            await calling.post(PATH, json=NEW),
            await calling.put(path, json=NEW),
            await calling.patch(path, json={"name": "B"}),
            await calling.delete(path),
            await calling.post(f"{path}:check"),
            await calling.post(f"{path}:prove", json={"token": issuer.token()}),
        ]
    assert [a.status_code for a in answers] == [403] * len(answers)
    assert issuer.asked == []
    async with client(app, "okr_nobody") as calling:
        assert (await calling.post(f"{path}:check")).status_code == 401
        assert (await calling.post(f"{path}:prove", json={})).status_code == 401


async def test_another_tenants_provider_does_not_exist(
    rest: httpx.AsyncClient, other_rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    provider = await made(rest, issuer=issuer.url, external_id="kc")
    for ref in (provider["id"], "external:kc"):
        path = f"{PATH}/{ref}"
        token = {"token": issuer.token()}
        for answer in (
            await other_rest.get(path),
            await other_rest.patch(path, json={"name": "B"}),
            await other_rest.delete(path),
            await other_rest.post(f"{path}:check"),
            await other_rest.post(f"{path}:prove", json=token),
        ):
            assert (answer.status_code, answer.json()["code"]) == (
                404,
                "identity-provider-not-found",
            )
    assert (await other_rest.get(PATH)).json()["data"] == []
    assert issuer.asked == []


async def test_every_write_is_recorded_and_no_token_is(build: Build, issuer: Issuer) -> None:
    rest = build.rest
    provider = await agree(rest, issuer)
    path = f"{PATH}/{provider['id']}"
    await rest.patch(path, json={"audience": "okr2"})
    await rest.patch(path, json={"audience": "okr2"})
    await rest.delete(path)
    events = (await build.get("audit-events?subject=identity_provider&sort=id"))["data"]
    assert [e["action"] for e in events] == ["created", "proven", "updated", "deleted"]
    assert {e["subject_id"] for e in events} == {provider["id"]}
    assert events[2]["after"] == {"audience": "okr2", "proven_at": None}
    assert issuer.token()[:30] not in str(events)


async def test_a_check_says_what_is_there(rest: httpx.AsyncClient, issuer: Issuer) -> None:
    issuer.add("ES256", "ES384", "EdDSA")
    provider = await made(rest, issuer=issuer.url)
    report = await rest.post(f"{PATH}/{provider['id']}:check")
    assert report.json() == {
        "usable": True,
        "issuer": issuer.url,
        "jwks_url": f"{issuer.url}{KEYS}",
        "keys": [
            {"key_id": "key-0", "algorithms": ["RS256"]},
            {"key_id": "for-ES256", "algorithms": ["ES256"]},
            {"key_id": "for-ES384", "algorithms": ["ES384"]},
            {"key_id": "for-EdDSA", "algorithms": ["EdDSA"]},
        ],
        "algorithms": ["ES256", "EdDSA", "RS256"],
        "reason": None,
        "url": None,
        "found": None,
    }


async def test_a_check_says_what_is_in_the_way(rest: httpx.AsyncClient, issuer: Issuer) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url))['id']}:check"
    discovery = f"{issuer.url}{DISCOVERY}"
    elsewhere = {"issuer": "https://elsewhere.example", "jwks_uri": f"{issuer.url}{KEYS}"}
    for document, expected in (
        (({}, 404), ("status", discovery, "404")),
        ((b"<html>", 200), ("not-json", discovery, None)),
        ((elsewhere, 200), ("issuer-differs", discovery, "https://elsewhere.example")),
    ):
        issuer.publish(DISCOVERY, *document)
        report = (await rest.post(path)).json()
        assert report["usable"] is False
        assert (report["reason"], report["url"], report["found"]) == expected
    issuer.documents.clear()
    issuer.publish(KEYS, {"keys": []})
    report = (await rest.post(path)).json()
    assert (report["reason"], report["url"]) == ("no-keys", f"{issuer.url}{KEYS}")
    issuer.down()
    report = (await rest.post(path)).json()
    assert (report["reason"], report["url"]) == ("connection", discovery)
    issuer.up()


async def test_keys_for_none_of_the_algorithms_agreed_on_are_of_no_use(
    rest: httpx.AsyncClient, issuer: Issuer
) -> None:
    path = f"{PATH}/{(await made(rest, issuer=issuer.url, algorithms=['ES256']))['id']}"
    report = (await rest.post(f"{path}:check")).json()
    assert (report["usable"], report["reason"], len(report["keys"])) == (False, "no-keys", 1)


async def test_private_addresses_are_asked_only_where_the_operator_allows(
    settings: Settings, tenant: Tenant, issuer: Issuer
) -> None:
    strict = create_app(settings.model_copy(update={"allow_private_issuers": False}))
    async with client(strict, tenant.key) as calling:
        for url in (issuer.url, issuer.url.replace("127.0.0.1", "localhost")):
            path = f"{PATH}/{(await made(calling, issuer=url))['id']}"
            report = (await calling.post(f"{path}:check")).json()
            assert (report["usable"], report["reason"]) == (False, "private-address")
            proof = await calling.post(f"{path}:prove", json={"token": issuer.token()})
            assert proof.json()["code"] == "issuer-unavailable"
    assert issuer.asked == []
    await stop(strict)


async def test_issuers_that_take_their_time_keep_nobody_from_the_database(
    settings: Settings, tenant: Tenant, issuer: Issuer
) -> None:
    small = create_app(settings.model_copy(update={"pool_size": 1, "pool_timeout_seconds": 1}))
    async with client(small, tenant.key) as calling:
        path = f"{PATH}/{(await made(calling, issuer=issuer.url))['id']}"
        with issuer.hesitating():
            proof = {"token": issuer.token()}
            asking = [asyncio.create_task(calling.post(f"{path}:check")) for _ in range(5)]
            asking += [asyncio.create_task(calling.post(f"{path}:prove", json=proof))]
            await issuer.being_asked()
            assert (await calling.get(path)).status_code == 200
            assert (await calling.patch(path, json={"name": "B"})).status_code == 200
        answers = await asyncio.gather(*asking)
    assert {a.status_code for a in answers} <= {200, 412}
    await stop(small)

"""What browsers and caches are told with every answer."""

import base64
import hashlib
import re

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.calling import client
from tests.conftest import Start, Tenant

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def expect_protected(answer: httpx.Response) -> None:
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["x-request-id"]
    names = [name for name, _ in answer.headers.multi_items()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/units", 200),
        ("HEAD", "/v1/units", 200),
        ("POST", "/v1/units", 422),
        ("PUT", "/v1/units", 405),
        ("GET", "/v1/units/none", 404),
        ("GET", "/nothing/here", 404),
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/static-offline-docs/swagger-ui.css", 200),
    ],
)
async def test_every_answer_is_protected(
    rest: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await rest.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    expect_protected(answer)


async def test_so_is_what_failed_unforeseen(start: Start, tenant: Tenant) -> None:
    app = start(cors_origins=("https://okr.example.com",))

    @app.get("/boom")
    async def boom() -> None:
        raise ZeroDivisionError

    async with client(app, tenant.key) as calling:
        headers = {"Origin": "https://okr.example.com", "Accept-Language": "vi"}
        answer = await calling.get("/boom", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == "https://okr.example.com"
    assert answer.headers["content-language"] == "vi"
    expect_protected(answer)


async def test_nobody_keeps_a_tenants_data_unasked(build: Build) -> None:
    unit = await build.unit()
    one = await build.rest.get(f"/v1/units/{unit['id']}")
    assert one.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": one.headers["etag"]}
    again = await build.rest.get(f"/v1/units/{unit['id']}", headers=known)
    assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")
    made = await build.rest.post("/v1/api-keys", json={"name": "A", "scopes": ["read"]})
    for answer in (made, await build.rest.get("/v1/units"), await build.rest.get("/v1/units/x")):
        assert answer.headers["cache-control"] == "no-store"


async def test_https_is_asked_for_only_over_https(app: FastAPI, start: Start) -> None:
    async with client(app, "none") as calling:
        for address, expected in (("http", None), ("https", "max-age=31536000")):
            answer = await calling.get(f"{address}://okr.test/healthz")
            assert answer.headers.get("strict-transport-security") == expected
    behind = {"X-Forwarded-Proto": "https"}
    for proxies, told in (((), False), (("127.0.0.1",), True)):
        async with client(start(trusted_proxies=proxies), "none") as calling:
            answer = await calling.get("/healthz", headers=behind)
            assert ("strict-transport-security" in answer.headers) == told


async def test_the_documentation_may_run_what_it_brings_and_nothing_else(app: FastAPI) -> None:
    async with client(app, "none") as calling:
        page = await calling.get("/docs")
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in inline}
    assert policy["script-src"].split() == ["'self'", *(f"'sha256-{d}'" for d in digests)]
    assert inline
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert all(address.startswith("/static-offline-docs/") for address in loaded)
    assert not re.findall(r"\son\w+=", page.text)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "PUT"])
async def test_pages_of_listed_origins_may_call(start: Start, tenant: Tenant, method: str) -> None:
    app = start(cors_origins=("https://okr.example.com", "http://localhost:3000"))
    asked = {
        "Origin": "https://okr.example.com",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,if-match,idempotency-key",
    }
    async with client(app, tenant.key) as calling:
        calling.headers.pop("Authorization")  # a preflight never carries it
        preflight = await calling.options("/v1/units", headers=asked)
        other = await calling.options(
            "/v1/units", headers=asked | {"Origin": "https://evil.example"}
        )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://okr.example.com"
    assert method in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


async def test_pages_read_the_headers_they_need(start: Start, tenant: Tenant) -> None:
    app = start(cors_origins=("https://okr.example.com",), rate_limit_per_credential=1)
    async with client(app, tenant.key) as calling:
        headers = {"Origin": "https://okr.example.com"}
        answers = [await calling.get("/v1/units", headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://okr.example.com"
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert {"ETag", "Link", "Location", "RateLimit", "RateLimit-Policy"} <= exposed
        assert {"Retry-After", "X-Request-ID", "Idempotency-Replayed"} <= exposed
        assert {"Age", "Okr-Written-At"} <= exposed
        assert "Origin" in answer.headers["vary"]


async def test_without_origins_no_page_may_call(rest: httpx.AsyncClient) -> None:
    answer = await rest.get("/v1/units", headers={"Origin": "https://okr.example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control")]

"""Between tenants: what SCIM is asked of another's, and the statements that it asks itself.

The attack matrix goes by the OpenAPI document, in which SCIM is not; this is its equal. Each
request of SCIM's is sent once about what is another tenant's, and once with the tenant taken
out of every statement.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from scim2_server.routing import ROUTES
from sqlalchemy import event
from tests.build import Build
from tests.conftest import Start
from tests.kernel.sql import tables_without_tenant, without_tenant
from tests.scim.calling import (
    BULK,
    CORE_GROUP,
    CORE_USER,
    ENTERPRISE,
    OKR,
    Json,
    Scim,
    calling,
    patching,
)

from okr_service.serving import Service


@dataclass(frozen=True)
class Ask:
    """A request of SCIM's, by the route that it takes."""

    route: str
    method: str
    path: str
    body: Json | None = None


async def _organisation(scim: Scim, name: str) -> dict[str, str]:
    """Set up two people and a unit; returns their ids."""
    number: Json = {ENTERPRISE: {"employeeNumber": "NV-1"}}
    mail = [{"value": f"{name}@sao.vn", "type": "work"}]
    user = await scim.user("mai", displayName=f"Mai {name}", emails=mail, externalId="x", **number)
    other = await scim.user("an", displayName=f"An {name}")
    unit = await scim.group(f"Sales {name}", externalId="S", members=[{"value": user["id"]}])
    return {"user": user["id"], "other": other["id"], "unit": unit["id"]}


def _asked(of: dict[str, str], mine: dict[str, str]) -> list[Ask]:
    """Return a request of every route, about the rows `of` a tenant."""
    user, unit = f"/Users/{of['user']}", f"/Groups/{of['unit']}"
    renamed = patching({"op": "replace", "path": "displayName", "value": "Taken"})
    said: Json = {"schemas": [CORE_USER], "userName": "taken", "displayName": "Taken"}
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 10}
    move = {"op": "add", "path": "members", "value": [{"value": of["user"]}]}
    hang = {"op": "add", "path": f"{OKR}:parent", "value": {"value": of["unit"]}}
    lead = {"op": "add", "path": f"{OKR}:manager", "value": {"value": of["user"]}}
    bulk = [{"method": "PATCH", "path": user, "data": renamed}, {"method": "DELETE", "path": unit}]
    found = (
        f'id eq "{of["user"]}"',
        *('userName eq "mai"', 'externalId eq "x"', 'emails eq "of@sao.vn"', "displayName pr"),
        *(f'groups.value eq "{of["unit"]}"', f'{ENTERPRISE}:manager.value eq "{of["user"]}"'),
    )
    return [
        *(Ask("search", "GET", f"/Users?filter={wanted}&sortBy=userName") for wanted in found),
        Ask("search", "GET", "/Users?cursor=&sortBy=meta.created&count=1"),
        Ask("search", "GET", f'/Groups?filter=members eq "{of["user"]}" or displayName pr'),
        Ask("search_with_body", "POST", "/Users/.search", search),
        Ask("query", "GET", user),
        Ask("query", "GET", unit),
        Ask("replace", "PUT", user, said),
        Ask("replace", "PUT", unit, {"schemas": [CORE_GROUP], "displayName": "Taken"}),
        Ask("patch", "PATCH", user, renamed),
        Ask("patch", "PATCH", unit, renamed),
        *(
            Ask("patch", "PATCH", f"/Groups/{mine['unit']}", patching(change))
            for change in (move, hang, lead)
        ),
        Ask("create", "POST", "/Users", {**said, "userName": "new"}),
        Ask(
            "create",
            "POST",
            "/Groups",
            {"schemas": [CORE_GROUP], "displayName": "Taken", "members": [{"value": of["user"]}]},
        ),
        Ask("bulk", "POST", "/Bulk", {"schemas": [BULK], "Operations": bulk}),
        Ask("delete", "DELETE", user),
        Ask("delete", "DELETE", unit),
    ]


async def _whole(build: Build) -> list[Json]:
    """Return all that a tenant has of people, units and events."""
    return [
        (await build.get(f"{kind}?limit=200"))["data"]
        for kind in ("people", "units", "audit-events", "events")
    ]


def test_every_route_is_asked() -> None:
    """But those about nobody's rows, and those that are not there."""
    ids = {"user": "", "other": "", "unit": ""}
    asked = {ask.route for ask in _asked(ids, ids)}
    of_itself = {"service_provider_config", "resource_types", "resource_type", "schemas", "schema"}
    assert asked | of_itself == {route.operation.value for route in ROUTES}


async def test_what_is_another_tenant_s_is_not_there(
    scim: Scim, other_scim: Scim, other_rest: httpx.AsyncClient
) -> None:
    theirs = await _organisation(other_scim, "of")
    mine = await _organisation(scim, "mine")
    before = await _whole(Build(other_rest))
    for ask in _asked(theirs, mine):
        answer = await scim.client.request(ask.method, ask.path, json=ask.body)
        told = f"{answer.text} {answer.headers}"
        assert " of" not in answer.text.replace("type of", ""), ask
        if any(row in ask.path for row in theirs.values()) and "?" not in ask.path:
            assert answer.status_code == 404, (ask, answer.text)
        elif ask.body is not None and theirs["user"] in str(ask.body) and ask.route != "bulk":
            assert answer.status_code == 400, (ask, answer.text)
        if ask.route == "bulk":
            statuses = [each["status"] for each in answer.json()["Operations"]]
            assert statuses == ["404", "404"]
        named = f"{ask.path} {ask.body}"
        assert not [row for row in theirs.values() if row in told and row not in named], ask
    assert await _whole(Build(other_rest)) == before


@pytest.fixture
async def listened(start: Start, scim: Scim) -> AsyncIterator[tuple[FastAPI, Scim]]:
    """Provision through a service whose statements can be listened to."""
    app = start()
    key = scim.client.headers["authorization"].removeprefix("Bearer ")
    async with calling(app, key) as client:
        yield app, Scim(client)


@contextmanager
def _listening(app: FastAPI, hear: Callable[..., Any], **how: bool) -> Iterator[None]:
    service: Service = app.state.service
    engines = (service.database._writer.sync_engine, service.database._reader.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear, **how)
    yield
    for engine in engines:
        event.remove(engine, "before_cursor_execute", hear)


async def _tour(scim: Scim) -> list[int]:
    """Send every request about the tenant's own; returns the statuses."""
    of = await _organisation(scim, "of")
    asked = _asked(of, {**of, "unit": (await scim.group("Other"))["id"]})
    return [
        (await scim.client.request(ask.method, ask.path, json=ask.body)).status_code
        for ask in asked
    ]


async def test_every_statement_names_the_tenant_of_each_table(
    listened: tuple[FastAPI, Scim],
) -> None:
    app, scim = listened
    heard: set[str] = set()

    def hear(_: object, __: object, statement: str, *___: object) -> None:
        heard.add(statement)

    with _listening(app, hear):
        statuses = await _tour(scim)
    assert sum(status < 300 for status in statuses) >= 18
    assert len(heard) > 40
    assert {sql: found for sql in heard if (found := tables_without_tenant(sql))} == {}


async def test_without_it_nothing_else_is_told_or_written(
    listened: tuple[FastAPI, Scim], other_scim: Scim, other_rest: httpx.AsyncClient
) -> None:
    app, scim = listened
    theirs = await _organisation(other_scim, "secret")
    before = await _whole(Build(other_rest))
    forgotten = 0

    def forget(_: object, __: object, statement: str, given: object, *___: object) -> Any:
        nonlocal forgotten
        try:
            changed = without_tenant(statement)
        except ValueError:
            return statement, given
        forgotten += 1
        return changed, given

    with _listening(app, forget, retval=True):
        await _tour(scim)
        shown = [await scim.get(path, count=200) for path in ("/Users", "/Groups")]
    assert forgotten > 40
    assert not [row for row in theirs.values() if row in str(shown)]
    assert await _whole(Build(other_rest)) == before

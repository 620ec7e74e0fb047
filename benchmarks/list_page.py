"""Measure how much of the limit the list endpoint reaches.

50 objectives with their key results, over HTTP, against a bare ASGI function that
sends the same bytes got by the same SQL through asyncpg. One process each, turn
about, on one database of 100,000 objectives.

    .venv/bin/python -m benchmarks.list_page
"""

import os
import statistics
import urllib.request
from collections.abc import Awaitable, Callable, MutableMapping
from uuid import UUID

import asyncpg
from fastapi import FastAPI

from benchmarks.ground import API_KEY_SECRET, ground, plant_one, serving, spread
from benchmarks.load import requests_per_second
from okr_service.kernel.documents import PageRequest
from okr_service.kernel.garbage import settle
from okr_service.kernel.reach import EVERYTHING
from okr_service.kernel.servers import database_url
from okr_service.kernel.sql import DIALECT
from okr_service.main import create_app
from okr_service.objectives.reads import OBJECTIVES
from okr_service.settings import Settings

_ROUNDS = 5
_PATH = "/v1/objectives?limit=50&include=key_results"

Message = MutableMapping[str, object]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


def service() -> FastAPI:
    """Make the service, as `okr serve` does."""
    url = os.environ["DATABASE"]
    app = create_app(Settings(database_url=url, api_key_secret=API_KEY_SECRET))
    settle()
    return app


def bare() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Make the function that does nothing but ask and answer."""
    request = PageRequest(limit=50, include=("key_results",))
    tenant_id = UUID(os.environ["TENANT"])
    statement = OBJECTIVES.page_statement(tenant_id, EVERYTHING, [], request)
    compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    sql = str(compiled)
    values = [compiled.params[name] for name in compiled.positiontup or []]
    dsn = database_url(os.environ["DATABASE"]).set(drivername="postgresql")
    pools: list[asyncpg.Pool] = []

    async def no_reset(_: object) -> None:
        pass

    async def app(scope: Message, _: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        if not pools:
            url = dsn.render_as_string(hide_password=False)
            settings = {"jit": "off", "timezone": "UTC"}
            pools.append(
                await asyncpg.create_pool(
                    url, min_size=5, max_size=5, reset=no_reset, server_settings=settings
                )
            )
        body = b""
        if scope["path"] != "/healthz":
            body, _, _, _ = await pools[0].fetchrow(sql, *values)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    """Measure both and print the ratio."""
    with ground() as url:
        tree = plant_one(url, 100_000)
        environment = {"DATABASE": url, "TENANT": str(tree.tenant_id)}
        with (
            serving("benchmarks.list_page:service", **environment) as ours,
            serving("benchmarks.list_page:bare", **environment) as limit,
        ):
            _require_same(f"{ours}{_PATH}", f"{limit}/", tree.key)
            figures: dict[str, list[float]] = {ours: [], limit: []}
            for address in (ours, limit):
                requests_per_second(address + _PATH, tree.key, seconds=3)
            for turn in range(_ROUNDS):
                for address in (ours, limit) if turn % 2 else (limit, ours):
                    figures[address].append(requests_per_second(address + _PATH, tree.key))
    print(f"service  {spread(figures[ours])} requests/s")
    print(f"limit    {spread(figures[limit])} requests/s")
    ratio = statistics.median(figures[ours]) / statistics.median(figures[limit])
    print(f"ratio    {ratio:.3f}  (goal 0.6)")


def _require_same(ours: str, limit: str, key: str) -> None:
    request = urllib.request.Request(ours, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as page, urllib.request.urlopen(limit) as data:
        whole, inner = page.read(), data.read()
    if not whole.startswith(b'{"data":' + inner):
        raise RuntimeError("the two do not answer the same")
    print(f"{len(whole):,} bytes a page")


if __name__ == "__main__":
    main()

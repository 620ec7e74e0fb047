"""A port of its own, at which a process tells how it is: `/metrics`, `/healthz`, `/readyz`."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from okr_service.observability.queue import QueueWatch

Ready = Callable[[], Awaitable[str]]
_GIVEN_UP_AFTER = 1  # second, for who still reads


def app_of(registry: CollectorRegistry, queue: QueueWatch, ready: Ready) -> Starlette:
    """Return what answers at the port."""

    async def figures(request: Request) -> Response:
        await queue.look()
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encode, registry)  # which takes a while
        return Response(body, media_type=media_type)

    async def is_alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def is_ready(_: Request) -> Response:
        state = await ready()
        return JSONResponse({"status": state}, 200 if state == "ok" else 503)

    return Starlette(
        routes=[
            Route("/metrics", figures),
            Route("/healthz", is_alive),
            Route("/readyz", is_ready),
        ]
    )


class _Beside(uvicorn.Server):
    """Serves beside another server, which alone hears signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Port:
    """Answers from `open` until `close`."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server = _Beside(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=_GIVEN_UP_AFTER,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to answer; raises OSError where the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        opened = socket.create_server((self._host, self._port), family=family)
        self._serving = asyncio.create_task(self._server.serve([opened]))

    async def close(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait({self._serving})

"""The service behind a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def listening(app: FastAPI, *, lifespan: bool = False, port: int = 0) -> AsyncIterator[int]:
    """Serve an instance, logging whatever loggers let through; gives its port."""
    config = uvicorn.Config(
        app, log_config=None, lifespan="on" if lifespan else "off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", port))
        opened.listen()  # whoever comes before the server does waits
        serving = asyncio.create_task(server.serve([opened]))
        try:
            yield opened.getsockname()[1]
        finally:
            server.should_exit = True
            await serving

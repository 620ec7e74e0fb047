"""What a request passes on its way in, and its answer on its way out."""

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from okr_service.rest import cors, logs
from okr_service.rest.context import RequestContext
from okr_service.rest.guard import Guard
from okr_service.rest.protection import AnswerHeaders
from okr_service.rest.watch import Watch
from okr_service.settings import Settings


def install(app: FastAPI, settings: Settings) -> None:
    """Put the edge around an application, from the inside out."""
    logs.keep_quiet()
    app.add_middleware(Guard, seconds=settings.request_timeout_seconds)
    cors.allow(app, settings.cors_origins)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(Watch)
    app.add_middleware(RequestContext)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))

"""Which web pages of other origins may call the service."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_SENT = [
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Okr-Read-After",
    "X-Request-ID",
]
_READ = [
    "Age",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Okr-Written-At",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]


def allow(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these origins call, with the keys they have; none if there are none."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
        )

"""Calling the service in the process of the test."""

import httpx
from fastapi import FastAPI


def client(app: FastAPI, key: str) -> httpx.AsyncClient:
    """Return a client that calls the service with a key."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://okr.test",
        headers={"Authorization": f"Bearer {key}"},
    )

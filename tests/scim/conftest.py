"""Calling SCIM as an HR system would: by an integration's key of the scope organisation."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build
from tests.scim.calling import Scim, calling


@pytest.fixture
async def scim(app: FastAPI, build: Build) -> AsyncIterator[Scim]:
    """Provision the tenant."""
    made = await build.post("api-keys", name="HR", scopes=["organisation"])
    async with calling(app, made["key"]) as client:
        yield Scim(client)


@pytest.fixture
async def other_scim(app: FastAPI, other_rest: httpx.AsyncClient) -> AsyncIterator[Scim]:
    """Provision another tenant."""
    made = await Build(other_rest).post("api-keys", name="HR", scopes=["organisation"])
    async with calling(app, made["key"]) as client:
        yield Scim(client)

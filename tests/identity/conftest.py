"""An issuer of one test's own, a clock that is set by hand, and what recognises its tokens."""

import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from tests.build import Build, Json
from tests.identity.issuer import Issuer, agree

from okr_service.access.serving import Service
from okr_service.identity.keys import Keys
from okr_service.identity.provider import Algorithm
from okr_service.identity.tokens import Tokens
from okr_service.kernel.database import Database
from okr_service.kernel.outgoing import Outgoing


class Clock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self.time = time.time()

    def __call__(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def walled(app: FastAPI) -> Database:
    """Return the service's database as the service sees it: one tenant at a time."""
    service: Service = app.state.service
    return service.database


@pytest.fixture
def clock() -> Clock:
    """Return a clock that shows the present time, and stands still."""
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Iterator[Issuer]:
    """Run an issuer."""
    running = Issuer(now=clock)
    yield running
    running.down()


@pytest.fixture
def keys(clock: Clock) -> Keys:
    """Keep the keys of issuers, by the test's clock."""
    return Keys(Outgoing(allow_private=True), clock, jitter=lambda: 0.0)


@pytest.fixture
def tokens(walled: Database, keys: Keys, clock: Clock) -> Tokens:
    """Recognise tokens, by the test's clock."""
    return Tokens(walled, keys, clock)


@pytest.fixture
async def provider(rest: httpx.AsyncClient, issuer: Issuer) -> Json:
    """Agree with the issuer, who names people by their external ids and gives them roles."""
    roles = {"okr-admins": "admin", "okr-planners": "planner", "staff": "member"}
    return await agree(
        rest, issuer, role_claim="realm_access.roles", roles=roles, algorithms=list(Algorithm)
    )


@pytest.fixture
async def person(build: Build) -> Json:
    """Register the person whom tokens name."""
    return await build.person(external_id="E-1", email="Mai@SaoMai.example")


@pytest.fixture
def agreed(tokens: Tokens, provider: Json, person: Json) -> Tokens:
    """Recognise tokens of an issuer that is agreed with, and of a person who is here."""
    assert provider["proven_at"]
    assert person["active"]
    return tokens

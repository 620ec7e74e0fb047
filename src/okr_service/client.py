"""Calling a running service from the terminal."""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import httpx
import typer

from okr_client import AuthenticatedClient
from okr_client.errors import UnexpectedStatus
from okr_client.models import Problem
from okr_client.types import Response
from okr_service.credentials.keys import new_key
from okr_service.credentials.tenants import BOOTSTRAP_TENANT_ID

DATA = Path(".data")
_KEY_FILE = "admin-api-key"
_HASHING_FILE = "api-key-secret"
_PROBLEM = "application/problem+json"
_T = TypeVar("_T")

Url = Annotated[str, typer.Option(envvar="OKR_URL", help="Where the service is.")]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key", envvar="OKR_API_KEY", help="An API key; that of `make serve` if absent."
    ),
]
LOCAL = "http://127.0.0.1:8000"


def fail(message: str) -> NoReturn:
    """End the program, saying why."""
    print(message, file=sys.stderr)
    raise typer.Exit(2)


def admin_key_of(folder: Path) -> str:
    """Return the admin key of an embedded database, making it where need be."""
    return _kept(folder / _KEY_FILE, partial(new_key, BOOTSTRAP_TENANT_ID))


def secret_of(folder: Path) -> str:
    """Return what an embedded database's API keys are hashed with, making it where need be."""
    return _kept(folder / _HASHING_FILE, partial(secrets.token_urlsafe, 48))


def _kept(file: Path, make: Callable[[], str]) -> str:
    """Return what a file holds that only its owner may read; it is made where it is missing."""
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{make()}\n")
    return file.read_text().strip()


@contextmanager
def calling(url: str, api_key: str | None) -> Iterator[AuthenticatedClient]:
    """Lend a client of the service; where that does not answer, end the program saying so.

    What is neither success nor a problem document comes from somebody on the way, and is raised
    as httpx.HTTPStatusError.
    """
    kept = DATA / "serve"
    key = api_key or (admin_key_of(kept) if (kept / _KEY_FILE).exists() else None)
    if key is None:
        fail("give --api-key or OKR_API_KEY")
    service = AuthenticatedClient(
        url,
        token=key,
        timeout=httpx.Timeout(600),
        raise_on_unexpected_status=True,
        httpx_args={"event_hooks": {"response": [_require_ours]}},
    )
    try:
        with service:
            yield service
    except httpx.HTTPStatusError as error:
        fail(f"{error.response.status_code} {error.response.reason_phrase}")
    except UnexpectedStatus as error:
        refused(Problem.from_dict(json.loads(error.content)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no answer from {url}, or not a whole one: {error}")


def _require_ours(response: httpx.Response) -> None:
    if response.headers.get("content-type") != _PROBLEM:
        response.raise_for_status()


def answered(response: Response[Problem | _T]) -> _T:
    """Return what the service answered; where it refused, end the program saying why."""
    if response.parsed is None or isinstance(response.parsed, Problem):
        refused(response.parsed)
    return response.parsed


def refused(problem: Problem | None) -> NoReturn:
    """End the program, saying why the service refused."""
    if problem is None:
        fail("the service answered nothing")
    fail("; ".join(f"{e.pointer[1:]}: {e.message}" for e in problem.errors) or problem.detail)


def moment(text: str) -> datetime:
    """Read a day or a moment; where it does not say its offset, it is UTC."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def as_json(told: object) -> str:
    """Write what the service told for people, and for programs."""
    return json.dumps(told, ensure_ascii=False, indent=1)

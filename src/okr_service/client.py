"""Calling a running service from the terminal."""

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer

from okr_service.credentials.keys import new_key
from okr_service.credentials.tenants import BOOTSTRAP_TENANT_ID

DATA = Path(".data")
_KEY_FILE = "admin-api-key"
_HASHING_FILE = "api-key-secret"

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


def call(url: str, api_key: str | None, method: str, path: str, **more: Any) -> httpx.Response:
    """Send a request to the service and return its answer."""
    with calling(url, api_key) as service:
        return service.request(method, path, **more)


@contextmanager
def calling(url: str, api_key: str | None) -> Iterator[httpx.Client]:
    """Lend a client of the service; where that does not answer, end the program saying so."""
    kept = DATA / "serve"
    key = api_key or (admin_key_of(kept) if (kept / _KEY_FILE).exists() else None)
    if key is None:
        fail("give --api-key or OKR_API_KEY")
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=f"{url}/v1/", headers=headers, timeout=600) as client:
            yield client
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no answer from {url}, or not a whole one: {error}")


def answered(response: httpx.Response) -> Any:
    """Return what the service answered; where it refused, end the program saying why."""
    if not response.is_success:
        refused(response)
    return response.json()


def refused(response: httpx.Response) -> NoReturn:
    """End the program, saying why the service refused."""
    try:
        answer = response.json()
        fields = "; ".join(f"{e['pointer'][1:]}: {e['message']}" for e in answer["errors"])
        told = fields or answer["detail"]
    except (ValueError, KeyError, TypeError):
        told = (
            f"{response.status_code} {response.reason_phrase}"  # somebody else's answer, on the way
        )
    fail(told)

"""Calling a running service from the terminal."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer

DATA = Path(".data")
_KEY_FILE = "admin-api-key"

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


def key_of(folder: Path, *, make: bool = False) -> str | None:
    """Return the admin key of an embedded database, making one where there is none."""
    file = folder / _KEY_FILE
    if not file.exists():
        if not make:
            return None
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"okr_admin_{secrets.token_urlsafe(32)}\n")
    return file.read_text().strip()


def call(url: str, api_key: str | None, method: str, path: str, **more: Any) -> httpx.Response:
    """Send a request to the service and return its answer."""
    key = api_key or key_of(DATA / "serve")
    if key is None:
        fail("give --api-key or OKR_API_KEY")
    headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
    try:
        return httpx.request(method, f"{url}/v1/{path}", headers=headers, timeout=600, **more)
    except httpx.HTTPError as error:
        fail(f"no answer from {url}: {error}")

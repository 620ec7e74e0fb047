"""Servers of PostgreSQL as the pages name them: db.example.com, with its owner and a login."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from okr_service.kernel.embedded import EmbeddedPostgres, _binaries

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_OWNER = ("CREATE ROLE owner LOGIN CREATEROLE", "CREATE DATABASE okr OWNER owner")


def url(server: EmbeddedPostgres, role: str, database: str = "okr") -> str:
    """Return how a role comes to a database."""
    # The port is the usual one, and a shell would read its & as something else.
    given = server.url(database).removesuffix("&port=5432")
    return given.replace("postgresql+asyncpg://postgres@", f"postgresql://{role}@")


def psql(where: str, *statements: str) -> str:
    """Run statements; returns what they print."""
    words = [word for statement in statements for word in ("-c", statement)]
    command = [str(_binaries() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", where, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def bare(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Start a server on which nothing was set up."""
    with EmbeddedPostgres.run(folder, options=_QUICK) as server:
        yield server


@contextmanager
def owned(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Start a server with an empty database of an owner who is no superuser."""
    with bare(folder) as server:
        psql(url(server, "postgres", "postgres"), *_OWNER)
        yield server


def instead(host: str, server: EmbeddedPostgres) -> dict[str, str]:
    """Return what a page says of a host, and what it is here."""
    pairs = (("okr", "okr"), ("owner", "okr"), ("postgres", "postgres"))
    return {f"postgresql://{role}@{host}/{db}": url(server, role, db) for role, db in pairs}

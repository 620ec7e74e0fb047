"""PgBouncer in front of a PostgreSQL: transactions take turns on two server connections."""

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL
from tests import processes

SERVERS = 2
_PORT = 6432
_CONFIGURATION = """
[databases]
* = {server}

[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 500
"""


def program() -> str | None:
    """Return where PgBouncer is, or None where there is none."""
    return processes.found("pgbouncer")


def is_required() -> bool:
    """Say whether its absence is a failure."""
    return os.environ.get("CI") == "true" or "OKR_TEST_REQUIRE_PGBOUNCER" in os.environ


@contextmanager
def pooling(server: URL, servers: int = SERVERS) -> Iterator[URL]:
    """Run PgBouncer in front of a server; gives the URL that leads through it."""
    found = program()
    assert found is not None, "apt-get install pgbouncer"
    with tempfile.TemporaryDirectory(prefix="okr-pooler-") as name:
        folder = Path(name)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                server=_keywords(server), port=_PORT, folder=folder, servers=servers
            )
        )
        account = _account()
        for path in (folder, configuration):
            if account is not None:
                os.chown(path, account.pw_uid, account.pw_gid)
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [found, "-q", str(configuration)],
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                stderr=said,
            )
        try:
            _wait(process, folder)
            yield server.set(host=None, port=None, query={"host": name, "port": str(_PORT)})
        finally:
            process.terminate()
            process.wait()


def _account() -> pwd.struct_passwd | None:
    """Whose process it is to be, for it refuses to be root's: whose an embedded server is."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def _keywords(server: URL) -> str:
    """Return how PgBouncer reaches a server; it logs everyone in as the same."""
    given = {
        "host": server.host or server.query.get("host"),
        "port": server.port or server.query.get("port"),
        "user": server.username,
        "password": server.password,
    }
    return " ".join(f"{name}='{value}'" for name, value in given.items() if value)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as trying:
            if trying.connect_ex(str(folder / f".s.PGSQL.{_PORT}")) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError((folder / "said").read_text())

"""The servers that a database's URL names: which of them is meant, and whether it is still there.

The driver knows several hosts too, but gives all of them one timeout together: the first that
is silent, as a machine without power is, would keep it from ever asking the second.
"""

import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.engine import URL

PRIMARY, ANY = "primary", "any"
_PORT = "5432"
_WANTED = "target_session_attrs"
# postgresql://user:password@a:5432,b:5432/database?…, as libpq has it
_SEVERAL = re.compile(
    r"(?P<before>[^:]+://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>(?:[/?#].*)?)"
)
_SILENT_FOR = 15  # seconds after which a server that does not even acknowledge is given up
# In seconds but for the last two; not every system has them.
_OPTIONS = {
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 2,
    "TCP_USER_TIMEOUT": _SILENT_FOR * 1_000,
}

Connect = Callable[..., Awaitable[asyncpg.Connection]]


def database_url(given: str, wanted: str = PRIMARY) -> URL:
    """Return the URL with the asyncpg driver, whichever way `postgresql://` was spelt.

    Of several hosts it is `wanted` of them, unless the URL itself says `target_session_attrs`.
    """
    found = _SEVERAL.fullmatch(given)
    plain = given if found is None else found["before"] + found["after"]
    url: URL = make_url(plain).set(drivername="postgresql+asyncpg")
    if found is not None:
        hosts = [host if ":" in host else f"{host}:{_PORT}" for host in found["hosts"].split(",")]
        url = url.update_query_dict({"host": hosts})
    if isinstance(url.query.get("host"), tuple) and _WANTED not in url.query:
        url = url.update_query_dict({_WANTED: wanted})
    return url


def connecting(timeout: float, wanted: str) -> Connect:
    """Return what connects to a wanted server, first to the one that was it the last time."""
    last: list[object] = []

    async def connect(*, host: Any = None, port: Any = None, **given: Any) -> asyncpg.Connection:
        several = isinstance(host, list)
        servers = list(zip(host, port, strict=True)) if several else [(host, port)]
        servers.sort(key=lambda server: server not in last)
        why: Exception | None = None
        for server in servers:
            try:
                made = await asyncpg.connect(
                    host=server[0],
                    port=server[1],
                    timeout=timeout / len(servers),
                    **{_WANTED: wanted, **given},
                )
            # A standby may break off even what asks whether it is one, for what it must replay.
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.SerializationError) as error:
                why = why or error
            except asyncpg.TargetServerAttributeNotMatched as error:
                why = ConnectionError(f"no server is {given.get(_WANTED, wanted)}")
                why.__cause__ = error
            else:
                last[:] = [server]
                _notice_silence(made)
                return made
        assert why is not None, "there is at least one server"
        raise why

    return connect


def _notice_silence(made: asyncpg.Connection) -> None:
    """Let a connection end where its server has gone without a word."""
    transport = made._transport  # noqa: SLF001 - there is no other way to it
    found: socket.socket = transport.get_extra_info("socket")
    if found.family == socket.AF_UNIX:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

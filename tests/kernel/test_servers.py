"""Which of several servers is connected to, and how one that has gone is noticed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from sqlalchemy import text

from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable
from okr_service.kernel.servers import ANY, database_url
from okr_service.settings import Settings

_OWN = pytest.mark.skipif(
    "OKR_TEST_DATABASE_URL" in os.environ, reason="leads to the socket of a server of our own"
)


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("postgres://u:p%40w@a:5433,b/okr", ("a:5433", "b:5432")),
        ("postgresql://a,b,c:1/okr?ssl=require", ("a:5432", "b:5432", "c:1")),
        ("postgresql+asyncpg://u@/okr?host=/x:5432&host=/y:5432", ("/x:5432", "/y:5432")),
    ],
)
def test_of_several_hosts_it_is_the_primary(given: str, hosts: tuple[str, ...]) -> None:
    url = database_url(given)
    assert url.drivername == "postgresql+asyncpg"
    assert (url.query["host"], url.database) == (hosts, "okr")
    assert url.query["target_session_attrs"] == "primary"
    assert database_url(given, ANY).query["target_session_attrs"] == "any"


def test_what_a_url_says_itself_is_left_as_it_is() -> None:
    several = database_url("postgresql://u:p%2Cw@a,b/okr?target_session_attrs=standby&ssl=require")
    assert several.password == "p,w"
    assert several.query["target_session_attrs"] == "standby"
    assert several.query["ssl"] == "require"
    alone = database_url("postgresql://u:a,b@host/okr")
    assert (alone.host, alone.password, dict(alone.query)) == ("host", "a,b", {})


@_OWN
async def test_a_server_that_is_silent_does_not_keep_the_next_from_being_asked(
    settings: Settings,
) -> None:
    with closing(socket.socket()) as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = _beside(settings, silent.getsockname()[1])
        database = Database(Settings(database_url=url, pool_timeout_seconds=1, pool_size=2))
        async with database.reading() as first, database.reading() as second:
            assert await first.scalar(text("SELECT 1")) == await second.scalar(text("SELECT 1"))
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # the second began with the one that answered
            silent.accept()
        await database.close()


def _beside(settings: Settings, port: int) -> str:
    url = database_url(settings.database_url.get_secret_value())
    of_socket = f"{url.query['host']}:{url.query['port']}"
    return f"postgresql://{url.username}@/{url.database}?host=127.0.0.1:{port}&host={of_socket}"


async def test_where_none_answers_that_is_said() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database = Database(
        Settings(database_url=f"postgresql://u@127.0.0.1:{port},127.0.0.1:{port}/d")
    )
    with pytest.raises(DatabaseUnavailable):
        await database.reading().__aenter__()
    await database.close()


@_OWN
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
async def test_a_connection_over_the_network_notices_a_server_that_has_gone(
    settings: Settings,
) -> None:
    url = database_url(settings.database_url.get_secret_value())
    path = f"{url.query['host']}/.s.PGSQL.{url.query['port']}"
    async with _forwarding(path) as port:
        database = Database(
            Settings(database_url=f"postgresql://{url.username}@127.0.0.1:{port}/{url.database}")
        )
        async with database.reading() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            made = driver._transport.get_extra_info("socket")
            assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
        await database.close()


@asynccontextmanager
async def _forwarding(path: str) -> AsyncIterator[int]:
    """Lead from a port to a socket of this machine's."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pass(reader, to_writer), _pass(to_reader, writer))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()

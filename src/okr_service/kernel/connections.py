"""Connections to PostgreSQL: how they are made, begun on, told a tenant, and ended.

SQLAlchemy begins and ends nothing on them: transactions are begun and ended by messages of
our own, sent past it. What was begun or told and did not come back well is not believed:
its connection ends, so that nobody goes on in another's transaction or tenant.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from okr_service.kernel import pools, statements
from okr_service.kernel.servers import PRIMARY, connecting

_TENANT = "okr.tenant_id"
_TOLD = "okr_tenant_told"  # where a pooled connection keeps whom it was told last
_TAKEN_BACK_WITHIN = 5.0  # seconds
_REFUSING = "default_transaction_read_only"  # where it is set, a write is a mistake of ours
_READ_ONLY = "25006"  # said of a write: the server follows another one now
_DRIVERS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class NotReached(ConnectionError):
    """PostgreSQL cannot be connected to, or would not begin."""


class NothingStored(RuntimeError):
    """PostgreSQL took back what was to be committed, for a statement in it had failed."""


@dataclass(frozen=True)
class Pool:
    """How many connections are kept, how long one is waited for, and what each begins with."""

    size: int
    timeout: float
    server_settings: Mapping[str, str]
    shared: bool  # behind a transaction pooler, where another server may answer the next time
    wanted: str = PRIMARY  # of the servers that there are
    name: str = "other"  # by which it is told of


def engine_of(url: URL, pool: Pool) -> AsyncEngine:
    """Make a pool of connections."""
    connect_args: dict[str, object] = {
        "server_settings": dict(pool.server_settings),
        "async_creator_fn": connecting(pool.timeout, pool.wanted),
        "prepared_statement_cache_size": 500,
        "max_cacheable_statement_size": 0,  # however long a statement is
    }
    if pool.shared:
        # The driver parses and runs a statement without a Sync between, so that the same
        # server does both, even outside a transaction.
        connect_args |= {
            "prepared_statement_cache_size": 0,
            "statement_cache_size": 0,
            "prepared_statement_name_func": str,  # nameless
        }
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool.size,
        max_overflow=0,
        pool_timeout=pool.timeout,
        pool_use_lifo=True,
        hide_parameters=True,  # figures and keys stay out of logs
        json_serializer=_json,
        connect_args=connect_args,
    )
    if pool.wanted == PRIMARY and _REFUSING not in pool.server_settings:
        event.listen(engine.sync_engine, "handle_error", _leave_former_primary)
    statements.watch(engine)
    pools.watch(engine, pool.name)
    return engine


def _leave_former_primary(context: ExceptionContext) -> None:
    """Let go of all connections where one leads to a server that takes no writes any more."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection.

    Raises:
        NotReached: there is none to be had.
    """
    with _reaching(), pools.waiting(engine):
        connection = await engine.connect().start()
    try:
        with _reaching():
            while (await _driver(connection)).is_closed():  # since it was used last
                await connection.invalidate()
        yield connection
    finally:
        await connection.close()  # waits for nothing


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise NotReached(str(error.orig)) from error
    except (PoolTimeout, OSError) as error:
        raise NotReached(str(error) or type(error).__name__) from error


@dataclass
class Ending:
    """What ends a transaction whose block ends well."""

    statement: str = "COMMIT"


@asynccontextmanager
async def begun(connection: AsyncConnection, begin: str) -> AsyncIterator[Ending]:
    """Begin a transaction by a message of our own, and end it as the block ends.

    Raises:
        NotReached: it could not begin.
        NothingStored: a statement in it failed, and the block went on.
    """
    driver, ending = await _driver(connection), Ending()
    with _reaching():
        await say_or_end(driver, begin)
    try:
        yield ending
        await _end(driver, ending.statement)
    except BaseException:
        with suppress(DBAPIError):
            await say_or_end(driver, "ROLLBACK", _TAKEN_BACK_WITHIN)
        raise


async def tell(connection: AsyncConnection, tenant_id: UUID | None) -> None:
    """See to it that a connection shows the rows of a tenant.

    Raises:
        NotReached: it could not be told.
    """
    told = connection.sync_connection.info if connection.sync_connection else {}
    if _TOLD not in told or told[_TOLD] != tenant_id:
        with _reaching():
            await say_or_end(await _driver(connection), telling(tenant_id, local=False))
        told[_TOLD] = tenant_id


def telling(tenant_id: UUID | None, *, local: bool) -> str:
    """Return the statement that shows the rows of a tenant, or of none."""
    # A UUID or nothing: no text of a caller's gets into the statement.
    return f"SET {'LOCAL' if local else 'SESSION'} {_TENANT} = '{tenant_id or ''}'"


async def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    return (await connection.get_raw_connection()).driver_connection


async def row_of_bytes(
    connection: AsyncConnection, statement: str, values: Sequence[object]
) -> list[bytes | None]:
    """Return the only row of a statement whose columns are bytes, past all that SQLAlchemy does."""
    driver = await _driver(connection)
    with _told_as_sqlalchemy_would(driver, statement), statements.timed(statement):
        return list(await driver.fetchrow(statement, *values))


async def copy_out(
    connection: AsyncConnection,
    statement: str,
    write: Callable[[bytes], object],
    options: Mapping[str, str],
) -> None:
    """Pass on what COPY makes of a statement, as it comes; PostgreSQL waits for the writing.

    Where it is broken off, its connection ends: nobody is to get the rest of it.
    """
    driver = await _driver(connection)

    async def take(data: bytes) -> None:
        write(data)

    with _told_as_sqlalchemy_would(driver, statement):
        try:
            await driver.copy_from_query(statement, output=take, **options)
        except asyncpg.PostgresError:
            raise
        except BaseException:
            driver.terminate()
            raise


async def rows_of(
    connection: AsyncConnection, statement: str, values: Sequence[object]
) -> list[dict[str, object]]:
    """Return the rows of a statement that is not SQLAlchemy's, with the driver's own types."""
    driver = await _driver(connection)
    with _told_as_sqlalchemy_would(driver, statement), statements.timed(statement):
        return [dict(row) for row in await driver.fetch(statement, *values)]


async def _end(driver: asyncpg.Connection, statement: str) -> None:
    if await say(driver, statement) != statement:  # it answers a COMMIT with ROLLBACK
        raise NothingStored


async def say_or_end(
    driver: asyncpg.Connection, statement: str, within: float | None = None
) -> None:
    """Send a statement, and end the connection if it does not come back well.

    Ending it waits for nothing, so that no cancellation can come in between.
    """
    try:
        await say(driver, statement, within)
    except BaseException:
        driver.terminate()
        raise


async def say(driver: asyncpg.Connection, statement: str, within: float | None = None) -> str:
    """Send a statement that SQLAlchemy is not to know of; returns what PostgreSQL did."""
    with _told_as_sqlalchemy_would(driver, statement), statements.timed(statement):
        done: str = await driver.execute(statement, timeout=within)
    return done


@contextmanager
def _told_as_sqlalchemy_would(driver: asyncpg.Connection, statement: str) -> Iterator[None]:
    try:
        yield
    except _DRIVERS as error:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            driver.terminate()
        lost = driver.is_closed()
        raise DBAPIError(statement, None, error, connection_invalidated=lost) from error

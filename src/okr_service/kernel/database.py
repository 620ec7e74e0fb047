"""The database: one engine for reading, one for writing.

A reading connection runs each statement by itself (no BEGIN, no ROLLBACK, one
round trip) and PostgreSQL refuses to write on it. A transaction is opened once
per write, by the door, and committed once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from okr_service.kernel.errors import DatabaseUnavailable, ReferenceGone, StatementTooLong
from okr_service.settings import Settings

Transaction = AsyncSession
Reading = AsyncSession | AsyncConnection


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()


# Deadlock, serialization failure, and a key that another transaction took meanwhile: run
# again, the write finds what the other one recorded and can say so.
_WORTH_ANOTHER_TRY = {"40P01", "40001", "23505"}
_FOREIGN_KEY_VIOLATION = "23503"  # looked up before, so deleted since
_QUERY_CANCELED = "57014"
# Shutting down, starting, too many connections, lost ones; and tables not migrated yet.
_UNREACHABLE = {"57P01", "57P02", "57P03", "53300", "08000", "08001", "08003", "08006", "42P01"}


def database_url(given: str) -> URL:
    """Return the URL with the asyncpg driver, whichever way `postgresql://` was spelt."""
    return make_url(given).set(drivername="postgresql+asyncpg")


def sqlstate(error: DBAPIError) -> str:
    """Return PostgreSQL's five-character code of a failed statement, or an empty string."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def constraint_name(error: DBAPIError) -> str:
    """Return the name of the constraint that a statement broke, or an empty string."""
    cause = error.orig.__cause__ if error.orig else None
    return str(getattr(cause, "constraint_name", None) or "")


def is_retryable(error: DBAPIError) -> bool:
    """Say whether the same transaction may succeed if run again."""
    return sqlstate(error) in _WORTH_ANOTHER_TRY


class Database:
    """Connections to one PostgreSQL; made when first needed."""

    def __init__(self, settings: Settings) -> None:
        common = {
            "timezone": "UTC",
            "jit": "off",
            "work_mem": "32MB",  # questions about large trees carry whole levels in arrays
            "application_name": "okr-service",
            "statement_timeout": str(settings.statement_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
        }
        self._writer = self._engine(settings, common)
        self._reader = self._engine(
            settings, common | {"default_transaction_read_only": "on"}, isolation="AUTOCOMMIT"
        )
        self._session = async_sessionmaker(self._writer, expire_on_commit=False, autoflush=False)

    @staticmethod
    def _engine(
        settings: Settings, server_settings: dict[str, str], isolation: str = "READ COMMITTED"
    ) -> AsyncEngine:
        return create_async_engine(
            database_url(settings.database_url.get_secret_value()),
            isolation_level=isolation,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_seconds,
            pool_use_lifo=True,
            json_serializer=_json,
            connect_args={
                "server_settings": server_settings,
                "prepared_statement_cache_size": 500,
                "timeout": settings.pool_timeout_seconds,
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits when the block ends well."""
        with _Translated():
            async with self._session.begin() as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which PostgreSQL refuses to write."""
        with _Translated():
            async with self._reader.connect() as connection:
                yield connection

    async def is_ready(self) -> bool:
        """Say whether the database answers."""
        try:
            async with self.reading() as connection:
                return bool(await connection.scalar(text("SELECT true")))
        except (DatabaseUnavailable, StatementTooLong):
            return False

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


class _Translated:
    """Turn what the driver says about an absent or slow database into our errors."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, PoolTimeout | OSError):
            raise DatabaseUnavailable from error
        if isinstance(error, DBAPIError):
            if sqlstate(error) == _QUERY_CANCELED:
                raise StatementTooLong from error
            if sqlstate(error) == _FOREIGN_KEY_VIOLATION:
                raise ReferenceGone from error
            if error.connection_invalidated or sqlstate(error) in _UNREACHABLE:
                raise DatabaseUnavailable from error

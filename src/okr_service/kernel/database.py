"""The database: one pool for reading, one for writing, and whose rows each use may touch.

A reading connection runs each statement by itself (no BEGIN, no ROLLBACK, one round
trip) and PostgreSQL refuses to write on it. A transaction is opened once per write, by
the door, and committed once.

Every use names the tenant it is for, and PostgreSQL hides the rows of all others from it
(row-level security; `okr_tenant()` reads the setting made here). Who names none sees no
row. It costs no round trip: a transaction is told in the message that begins it, and a
reading connection remembers whom it was told last. Behind a transaction pooler (setting
`pooled`), where nothing outlasts a transaction, reads are transactions too.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from okr_service.kernel.connections import (
    NothingStored,
    NotReached,
    Pool,
    begun,
    connected,
    engine_of,
    row_of_bytes,
    rows_of,
    tell,
    telling,
)
from okr_service.kernel.errors import DatabaseUnavailable, OkrError, ReferenceGone, StatementTooLong
from okr_service.settings import Settings

Transaction = AsyncSession
Reading = AsyncSession | AsyncConnection

SERVICE_ROLE = "okr_service"  # made by the migrations; bound by row-level security
_READ_ONLY = {"default_transaction_read_only": "on"}
# PostgreSQL would plan each statement with an array of ids anew, which takes longer than to run
# it. `hold_structure`, which all do that look at many rows, gives it back its choice.
_ONE_PLAN = "SET LOCAL plan_cache_mode = force_generic_plan"
_ONE_STATE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

# Deadlock, serialization failure, and a key that another transaction took meanwhile: run
# again, the write finds what the other one recorded and can say so.
_WORTH_ANOTHER_TRY = {"40P01", "40001", "23505"}
_FOREIGN_KEY_VIOLATION = "23503"  # looked up before, so deleted since
_QUERY_CANCELED = "57014"
_UNREACHABLE = {
    *("57P01", "57P02", "57P03"),  # shutting down, starting
    *("08000", "08001", "08003", "08006"),  # lost connections
    *("53100", "53200", "53300"),  # no room on its disk, in its memory, for a connection
    "42P01",  # tables not migrated yet
}

# What a piece of work in the background may meet, and try again later.
FAILURES = (OkrError, DBAPIError, NothingStored)

_log = logging.getLogger(__name__)


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
    """Connections to one PostgreSQL; made when first needed.

    The service's own act as `SERVICE_ROLE`, from which PostgreSQL hides the rows of all
    tenants but one. Those of `as_owner` see every row: for migrations, and for commands
    that look after all tenants.
    """

    def __init__(
        self, settings: Settings, role: str | None = SERVICE_ROLE, *, name: str = "requests"
    ) -> None:
        self._pooled = settings.pooled
        self._closed = False
        common = {
            "timezone": "UTC",
            "jit": "off",
            "work_mem": "32MB",  # questions about large trees carry whole levels in arrays
            "statement_timeout": str(settings.statement_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
        } | ({} if role is None else {"role": role})
        self._begin = "BEGIN"
        if self._pooled:
            self._begin += "".join(f"; SET LOCAL {n} = '{value}'" for n, value in common.items())
            common = {}
        common |= {"application_name": "okr-service"}
        self._writer = _engine(settings, common, f"{name}-writing")
        self._reader = self._writer
        if not self._pooled:
            self._reader = _engine(settings, common | _READ_ONLY, f"{name}-reading")

    @classmethod
    def as_owner(cls, settings: Settings) -> "Database":
        """Return a database in which every tenant's rows are seen."""
        url = settings.owner_database_url or settings.database_url
        return cls(settings.model_copy(update={"database_url": url}), role=None, name="owner")

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID | None = None) -> AsyncIterator[Transaction]:
        """Open a transaction in a tenant that commits when the block ends well."""
        begin = f"{self._begin}; {_ONE_PLAN}; {telling(tenant_id, local=True)}"
        async with (
            self._connected(self._writer) as connection,
            begun(connection, begin) as ending,
            AsyncSession(connection, expire_on_commit=False, autoflush=False) as session,
            session.begin(),
        ):
            yield session
            if not session.in_transaction():  # taken back by who did the work
                ending.statement = "ROLLBACK"

    @asynccontextmanager
    async def reading(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a tenant on which PostgreSQL refuses to write."""
        async with self._connected(self._reader) as connection:
            if self._pooled:
                begin = f"{self._begin}; SET TRANSACTION READ ONLY"
                async with begun(connection, f"{begin}; {telling(tenant_id, local=True)}"):
                    yield connection
            else:
                await tell(connection, tenant_id)
                yield connection

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with _Translated():
            if self._closed:
                raise NotReached("it is closed")
            async with connected(engine) as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection that goes on seeing one state of the database, and cannot write."""
        begin = f"{self._begin}; {_ONE_STATE}; {telling(tenant_id, local=True)}"
        async with self._connected(self._reader) as connection, begun(connection, begin):
            yield connection

    async def is_ready(self) -> bool:
        """Say whether the database answers."""
        try:
            async with self.reading() as connection:
                return bool(await connection.scalar(text("SELECT true")))
        except (DatabaseUnavailable, StatementTooLong):
            return False

    async def close(self) -> None:
        """Close every connection, and make none any more, whoever is still at it."""
        self._closed = True
        await self._writer.dispose()
        await self._reader.dispose()


async def fetch_bytes(tx: Reading, statement: str, values: Sequence[object]) -> list[bytes | None]:
    """Return the only row of a statement whose columns are bytes."""
    connection = await tx.connection() if isinstance(tx, AsyncSession) else tx
    return await row_of_bytes(connection, statement, values)


async def fetch_rows(
    tx: Transaction, statement: str, values: Sequence[object]
) -> list[dict[str, object]]:
    """Return the rows of a statement that a library brings."""
    return await rows_of(await tx.connection(), statement, values)


async def enter_tenant(tx: Transaction, tenant_id: UUID) -> None:
    """Go on with a transaction in another tenant: one that it has just founded."""
    await tx.execute(text(telling(tenant_id, local=True)))


def _engine(settings: Settings, server_settings: dict[str, str], name: str) -> AsyncEngine:
    pool = Pool(
        settings.pool_size, settings.pool_timeout_seconds, server_settings, settings.pooled, name
    )
    return engine_of(database_url(settings.database_url.get_secret_value()), pool)


class _Translated:
    """Turn what the driver says about an absent or slow database into our errors."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, NotReached):
            raise _unavailable(error) from error
        if isinstance(error, DBAPIError):
            if sqlstate(error) == _QUERY_CANCELED:
                raise StatementTooLong from error
            if sqlstate(error) == _FOREIGN_KEY_VIOLATION:
                raise ReferenceGone from error
            if error.connection_invalidated or sqlstate(error) in _UNREACHABLE:
                raise _unavailable(error.orig) from error


def _unavailable(cause: object) -> DatabaseUnavailable:
    _log.warning("the database is unavailable: %s", cause)
    return DatabaseUnavailable()

"""The database: one pool for reading, one for writing, and whose rows each use may touch.

A reading connection runs each statement by itself (no BEGIN, no ROLLBACK, one round
trip) and PostgreSQL refuses to write on it. A transaction is opened once per write, by
the door, and committed once.

Every use names the tenant it is for, and PostgreSQL hides the rows of all others from it
(row-level security; `okr_tenant()` reads the setting made here). Who names none sees no
row. It costs no round trip: a transaction is told in the message that begins it, and a
reading connection remembers whom it was told last. Behind a transaction pooler (setting
`pooled`), where nothing outlasts a transaction, reads are transactions too.

Where there is a replica, `reads` gives those who allow it what reads there.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text
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
from okr_service.kernel.errors import DatabaseUnavailable, OkrError, StatementTooLong
from okr_service.kernel.positions import PRIMARY_POSITION, Position
from okr_service.kernel.replica import Reads, Replica, Staleness, Work
from okr_service.kernel.servers import ANY, PRIMARY, database_url
from okr_service.kernel.translating import Translated, sqlstate
from okr_service.settings import Settings

_T = TypeVar("_T")
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
_REPLICA_WITHIN = 3.0  # seconds: who waits longer for a connection is better off on the primary

# What a piece of work in the background may meet, and try again later.
FAILURES = (OkrError, DBAPIError, NothingStored)

_log = logging.getLogger(__name__)


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
        common = _session_settings(settings, role)
        self._begin = "BEGIN"
        if self._pooled:
            self._begin += "".join(f"; SET LOCAL {n} = '{value}'" for n, value in common.items())
            common = {}
        common |= {"application_name": "okr-service"}
        for_reading = common if self._pooled else common | _READ_ONLY
        url = settings.database_url
        self._writer = _engine(settings, url, common, f"{name}-writing")
        self._reader = self._writer
        if not self._pooled:
            self._reader = _engine(settings, url, for_reading, f"{name}-reading")
        self._engines = [self._writer, self._reader]
        self._replica: Replica | None = None
        if settings.replica_database_url is not None:
            self._follow(settings, settings.replica_database_url, for_reading, name)

    def _follow(
        self, settings: Settings, url: SecretStr, for_reading: dict[str, str], name: str
    ) -> None:
        patience = min(settings.pool_timeout_seconds, _REPLICA_WITHIN)
        hasty = settings.model_copy(update={"pool_timeout_seconds": patience})
        replica = _engine(hasty, url, for_reading, f"{name}-replica", ANY)
        # Apart, so that a primary whose connections are all taken does not make replicas look old.
        one = hasty.model_copy(update={"pool_size": 1})
        looking = _engine(one, settings.database_url, for_reading, f"{name}-position")
        self._engines += [replica, looking]

        async def look() -> Position:
            async with self._lent(looking, None, quietly=True) as connection:
                return Position(*(await connection.execute(PRIMARY_POSITION)).one())

        self._replica = Replica(
            lambda tenant_id: self._lent(replica, tenant_id, quietly=True),
            look,
            settings.replica_lag_limit_seconds,
        )

    @classmethod
    def as_owner(cls, settings: Settings) -> "Database":
        """Return a database in which every tenant's rows are seen."""
        url = settings.owner_database_url or settings.database_url
        return cls(settings.model_copy(update={"database_url": url}), role=None, name="owner")

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID | None = None, committed: Callable[[Position], None] | None = None
    ) -> AsyncIterator[Transaction]:
        """Open a transaction in a tenant that commits when the block ends well.

        Where there is a replica, `committed` is told from where on it has what was written.
        """
        begin = f"{self._begin}; {_ONE_PLAN}; {telling(tenant_id, local=True)}"
        async with self._connected(self._writer) as connection:
            async with (
                begun(connection, begin) as ending,
                AsyncSession(connection, expire_on_commit=False, autoflush=False) as session,
                session.begin(),
            ):
                yield session
                if not session.in_transaction():  # taken back by who did the work
                    ending.statement = "ROLLBACK"
            stored = ending.statement == "COMMIT"
            if stored and committed is not None and self._replica is not None:
                await _tell_position(connection, committed)

    @asynccontextmanager
    async def reading(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a tenant on which PostgreSQL refuses to write."""
        async with self._lent(self._reader, tenant_id) as connection:
            yield connection

    async def read(self, tenant_id: UUID | None, work: Work[_T]) -> _T:
        """Return what work with such a connection comes to."""
        async with self.reading(tenant_id) as connection:
            return await work(connection)

    def reads(self, allowed: Staleness, told: Callable[[float], None]) -> Reads:
        """Return what reads for somebody who allows staleness, and is told of it in seconds."""
        if self._replica is None or allowed.seconds <= 0:
            return self
        return self._replica.of(self, allowed, told)

    @asynccontextmanager
    async def _lent(
        self, engine: AsyncEngine, tenant_id: UUID | None, *, quietly: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        async with self._connected(engine, quietly=quietly) as connection:
            if self._pooled:
                begin = f"{self._begin}; SET TRANSACTION READ ONLY"
                async with begun(connection, f"{begin}; {telling(tenant_id, local=True)}"):
                    yield connection
            else:
                await tell(connection, tenant_id)
                yield connection

    @asynccontextmanager
    async def _connected(
        self, engine: AsyncEngine, *, quietly: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        with Translated(quietly=quietly):
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
        if self._replica is not None:
            await self._replica.close()
        for engine in self._engines:
            await engine.dispose()


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


async def _tell_position(
    connection: AsyncConnection, committed: Callable[[Position], None]
) -> None:
    try:
        committed(Position(*(await connection.execute(PRIMARY_POSITION)).one()))
    except DBAPIError as error:  # what was written is stored all the same
        _log.warning("not told where a write stands: %s", type(error.orig).__name__)


def _session_settings(settings: Settings, role: str | None) -> dict[str, str]:
    return {
        "timezone": "UTC",
        "jit": "off",
        "work_mem": "32MB",  # questions about large trees carry whole levels in arrays
        "statement_timeout": str(settings.statement_timeout_ms),
        "lock_timeout": str(settings.lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(settings.idle_transaction_timeout_ms),
    } | ({} if role is None else {"role": role})


def _engine(
    settings: Settings,
    url: SecretStr,
    server_settings: dict[str, str],
    name: str,
    wanted: str = PRIMARY,
) -> AsyncEngine:
    pool = Pool(
        settings.pool_size,
        settings.pool_timeout_seconds,
        server_settings,
        settings.pooled,
        wanted,
        name,
    )
    return engine_of(database_url(url.get_secret_value(), wanted), pool)

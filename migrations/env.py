"""How Alembic reaches the database and knows the models."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from okr_service import models
from okr_service.kernel.servers import database_url

# One run at a time: replicas that start together must not migrate together.
_LOCK = text("SELECT pg_advisory_lock(7235082114027)")
# A migration that cannot get its lock gives up and is tried again (`kernel.migrations`), for
# all who write queue behind it meanwhile.
_LIMITS = ("SET lock_timeout = '800ms'", "SET statement_timeout = '15min'")
# What is left of an index whose making was broken off: it is not used, but has its name.
_UNFINISHED = text(
    "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index AS i"
    " JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND n.nspname = current_schema()"
)


def _run(connection: Connection) -> None:
    connection.execute(_LOCK)
    for limit in _LIMITS:
        connection.execute(text(limit))
    for name in connection.scalars(_UNFINISHED).all():
        connection.execute(text(f"DROP INDEX {name}"))
    connection.commit()
    context.configure(
        connection=connection, target_metadata=models.METADATA, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_online(url: str) -> None:
    engine = create_async_engine(database_url(url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        target_metadata=models.METADATA,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        for limit in _LIMITS:
            context.execute(limit)
        context.run_migrations()
else:
    asyncio.run(_run_online(context.config.attributes["url"]))

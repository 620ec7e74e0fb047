"""How Alembic reaches the database and knows the models."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from okr_service import models
from okr_service.kernel.servers import database_url

# One run at a time: replicas that start together must not migrate together.
_LOCK = text("SELECT pg_advisory_lock(7235082114027)")
# A migration that cannot get its lock gives up, rather than have everyone queue behind it.
_LIMITS = ("SET lock_timeout = '5s'", "SET statement_timeout = '15min'")


def _run(connection: Connection) -> None:
    connection.execute(_LOCK)
    for limit in _LIMITS:
        connection.execute(text(limit))
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

"""Faults at chosen places: a cancellation at any await, a server process that ends."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

from sqlalchemy import text

from okr_service.kernel.database import Database, Reading

# Ends every process of the database but those of whoever asks.
_END_ALL = text(
    """
    SELECT pg_terminate_backend(pid, 5000)
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid = ANY (:pids)
    """
)
_OTHERS = text(
    """
    SELECT array_agg(pid)
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend'
       AND usename = current_user AND pid <> pg_backend_pid()
    """
)


class Cancelled:
    """Work that is cancelled where it waits for the nth time; or, `ever`, from then on."""

    def __init__(self, work: Awaitable[None], at: int, *, ever: bool = False) -> None:
        self._work = work
        self._at = at
        self._ever = ever

    def __await__(self) -> Generator[Any, None, None]:
        work, waits = self._work.__await__(), 0
        thrown: BaseException | None = None
        while True:
            try:
                waited_for = work.send(None) if thrown is None else work.throw(thrown)
            except StopIteration:
                return
            waits += 1
            thrown = None
            if waits == self._at or (self._ever and waits > self._at):
                if waited_for is None:  # only lets others go first
                    thrown = asyncio.CancelledError()
                    continue
                waited_for.cancel()  # as Task.cancel does
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001 - passed on to the work
                thrown = error


async def was_cancelled(work: Awaitable[None], at: int, *, ever: bool = False) -> bool:
    """Say whether work waited often enough to be cancelled."""
    try:
        await Cancelled(work, at, ever=ever)
    except asyncio.CancelledError:
        return True
    return False


async def end_process_of(tx: Reading, owner: Database) -> None:
    """End the server process that a connection talks to."""
    pid = await tx.scalar(text("SELECT pg_backend_pid()"))
    async with owner.reading() as connection:
        await connection.execute(_END_ALL, {"pids": [pid]})


async def end_other_processes(owner: Database) -> None:
    """End the server processes of all who use the database but the owner."""
    async with owner.reading() as connection:
        pids = await connection.scalar(_OTHERS)
        await connection.execute(_END_ALL, {"pids": pids or []})

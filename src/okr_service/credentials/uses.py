"""Recording when API keys were last used, without a write per request.

A look-up leaves a note in memory; a minute after the first one, all notes of a tenant are
written by one statement, in a transaction of their own. So a key is written at most once
a minute by each process. No request waits for it, or fails by it, and a crash loses a
minute's worth. Keys that an earlier secret hashed are hashed anew on the same occasion.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, LargeBinary, Uuid, bindparam

from okr_service.kernel.database import FAILURES, Database
from okr_service.kernel.errors import Unavailable
from okr_service.kernel.sql import load_sql
from okr_service.kernel.traces import traceback_of

_EVERY = 60  # seconds
_PATIENCE = 5  # seconds that the end of a process waits for
_KEYS = (bindparam("tenant_id", type_=Uuid), bindparam("key_ids", type_=ARRAY(Uuid)))
_RECORD = load_sql(__package__, "record_uses").bindparams(
    *_KEYS, bindparam("times", type_=ARRAY(DateTime(timezone=True)))
)
_REHASH = load_sql(__package__, "rehash").bindparams(
    *_KEYS, bindparam("hashes", type_=ARRAY(LargeBinary))
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Use:
    at: datetime
    new_hash: bytes | None


_Noted = dict[UUID, _Use]  # by key


class Uses:
    """Notes of keys that were used, to be written `every` so many seconds."""

    def __init__(self, database: Database, every: float = _EVERY) -> None:
        self._database = database
        self._every = every
        self._noted: dict[UUID, _Noted] = {}  # by tenant
        self._writing: asyncio.Task[None] | None = None

    def note(self, tenant_id: UUID, key_id: UUID, new_hash: bytes | None = None) -> None:
        """Note that a key was used now; `new_hash` where it is to be hashed anew."""
        of_tenant = self._noted.setdefault(tenant_id, {})
        of_tenant[key_id] = _Use(datetime.now(UTC), new_hash)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_from_now_on())

    async def write(self) -> None:
        """Write what is noted; raises Unavailable, and keeps the notes, where nobody answers."""
        for tenant_id in list(self._noted):
            uses = self._noted.pop(tenant_id, {})
            try:
                await self._write(tenant_id, uses)
            except (Unavailable, asyncio.CancelledError):
                self._noted[tenant_id] = uses | self._noted.get(tenant_id, {})
                raise
            except FAILURES as error:
                _log.warning(
                    "it is not known when some API keys were used: %s", traceback_of(error)
                )

    async def close(self) -> None:
        """Write what is left, if that can be done at once, and stop."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.write()
        except (Unavailable, TimeoutError):
            _log.warning("it is not known when some API keys were last used")

    async def _write_from_now_on(self) -> None:
        while self._noted:
            await asyncio.sleep(self._every)
            try:
                await self.write()
            except Unavailable:
                _log.warning("the database is away; when API keys were used is noted still")

    async def _write(self, tenant_id: UUID, uses: _Noted) -> None:
        anew = {key_id: use.new_hash for key_id, use in uses.items() if use.new_hash is not None}
        if anew:  # first: a recorded use says that its key is hashed as it should be
            given = {"tenant_id": tenant_id, "key_ids": list(anew), "hashes": list(anew.values())}
            async with self._database.transaction(tenant_id) as tx:
                await tx.execute(_REHASH, given)
        times = [use.at for use in uses.values()]
        given = {"tenant_id": tenant_id, "key_ids": list(uses), "times": times}
        async with self._database.transaction(tenant_id) as tx:
            await tx.execute(_RECORD, given)

"""Having the turns of tenants begin as soon as something was committed.

Only the turns that a tenant has (`turns`), which is looked up now and then, and once for all
that is committed within a moment: writers wait for nothing of it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from okr_service.kernel.database import FAILURES, Database, Reading
from okr_service.kernel.queue import Task, hasten

TurnsOf = Callable[[Reading, UUID], Awaitable[Sequence[Task]]]

_AFTER = 0.2  # seconds
_KNOWN_FOR = 30.0  # seconds
_MOST_KNOWN = 10_000  # tenants
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    turns: Mapping[str, Sequence[Task]]
    until: float


class Waking:
    """Hastens the turns of tenants, told by their kinds of job which a tenant has."""

    def __init__(self, database: Database, turns_of: Mapping[str, TurnsOf]) -> None:
        self._database = database
        self._turns_of = turns_of
        self._written: set[UUID] = set()
        self._known: dict[UUID, _Known] = {}
        self._hastening: asyncio.Task[None] | None = None

    def wrote(self, tenant_id: UUID) -> None:
        """Take note that this process committed something."""
        known = self._known.get(tenant_id)
        if known is not None and not known.turns and known.until > time.monotonic():
            return
        self._written.add(tenant_id)
        if self._hastening is None or self._hastening.done():
            self._hastening = asyncio.create_task(self._hasten())

    async def close(self) -> None:
        """Stop what goes on in the background; the turns look by themselves."""
        if self._hastening is not None:
            self._hastening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._hastening

    async def _hasten(self) -> None:
        while self._written:
            await asyncio.sleep(_AFTER)
            tenants, self._written = self._written, set()
            for tenant_id in tenants:
                try:
                    await self._hasten_of(tenant_id)
                except FAILURES as error:
                    _log.warning("the turns of %s wait: %s", tenant_id, type(error).__name__)

    async def _hasten_of(self, tenant_id: UUID) -> None:
        turns = await self._turns(tenant_id)
        if turns:
            async with self._database.transaction(tenant_id) as tx:
                for kind, tasks in turns.items():
                    await hasten(tx, kind, tasks)

    async def _turns(self, tenant_id: UUID) -> Mapping[str, Sequence[Task]]:
        now = time.monotonic()
        known = self._known.get(tenant_id)
        if known is None or known.until <= now:
            async with self._database.reading(tenant_id) as tx:
                found = {kind: await ask(tx, tenant_id) for kind, ask in self._turns_of.items()}
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = _Known({k: tasks for k, tasks in found.items() if tasks}, now + _KNOWN_FOR)
            self._known[tenant_id] = known
        return known.turns

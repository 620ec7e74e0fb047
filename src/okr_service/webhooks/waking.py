"""Having the turns of webhooks begin as soon as something was committed.

Only for tenants that have webhooks, which is looked up now and then, and once for all that
is committed within a moment: writers wait for nothing of it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from okr_service.kernel.database import Database
from okr_service.kernel.errors import OkrError
from okr_service.kernel.queue import Task, hasten
from okr_service.webhooks.model import Webhook
from okr_service.webhooks.service import TURN

_AFTER = 0.2  # seconds
_KNOWN_FOR = 30.0  # seconds
_MOST_KNOWN = 10_000  # tenants
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    turns: Sequence[Task]
    until: float


class Waking:
    """Hastens the turns of tenants' webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database
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
                except (OkrError, DBAPIError) as error:
                    _log.warning("webhooks of %s wait: %s", tenant_id, type(error).__name__)

    async def _hasten_of(self, tenant_id: UUID) -> None:
        turns = await self._turns(tenant_id)
        if turns:
            async with self._database.transaction(tenant_id) as tx:
                await hasten(tx, TURN, turns)

    async def _turns(self, tenant_id: UUID) -> Sequence[Task]:
        now = time.monotonic()
        known = self._known.get(tenant_id)
        if known is None or known.until <= now:
            of = (Webhook.tenant_id == tenant_id, Webhook.enabled)
            async with self._database.reading(tenant_id) as tx:
                found = await tx.scalars(select(Webhook.turn_id).where(*of))
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = _Known([Task(tenant_id, one) for one in found], now + _KNOWN_FOR)
            self._known[tenant_id] = known
        return known.turns

"""The job of each tenant: telling what is due, each hour."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from okr_service.kernel.database import Database
from okr_service.kernel.queue import NotYet, Task, Work
from okr_service.organisation.model import Tenant
from okr_service.organisation.tenant import REMINDERS
from okr_service.reminders.due import ACTIONS, CHECK_INS, Day, Place, Reminded
from okr_service.reminders.service import forget, seem_due, tell

_WALKED_AT_ONCE = 2_000  # places
_TOLD_AT_ONCE = 500
_FORGOTTEN_AT_ONCE = 5_000
_EVERY = timedelta(hours=1)
_LOOKS_EVERY = 600.0  # seconds
_AGAIN_AFTER = 10.0  # seconds, where that could not be done
_PUT = select(func.okr_put_reminders())
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reminders:
    """Tells tenants what is due, each by a job."""

    database: Database
    told: Callable[[UUID], None]  # of each tenant in which something was

    @property
    def works(self) -> Mapping[str, Work]:
        """Return what is done about each kind of job."""
        return {REMINDERS: self.do}

    async def do(self, task: Task) -> None:
        """Tell what is due.

        Raises:
            NotYet: that is done, and is to be done again in the next hour.
        """
        if await self.remind(task.tenant_id, datetime.now(UTC)):
            raise NotYet(_until_next(datetime.now(UTC)))

    async def remind(self, tenant_id: UUID, now: datetime) -> bool:
        """Tell what is due at some moment; False where there is no such tenant."""
        settings = select(Tenant.reminder_hour, Tenant.reminder_days_ahead)
        async with self.database.reading(tenant_id) as tx:
            found = await tx.execute(settings.where(Tenant.tenant_id == tenant_id))
            row = found.one_or_none()
        if row is None:
            return False
        day = Day.of(now, row.reminder_hour, row.reminder_days_ahead)
        for kind in (CHECK_INS, ACTIONS):
            async for ids in self._seem_due(tenant_id, kind, day):
                await self._tell(tenant_id, kind, day, ids)
        await self._forget(tenant_id, day)
        return True

    async def keep(self) -> None:
        """See to it, from time to time, that each tenant has its job."""
        while True:
            try:
                async with self.database.transaction() as tx:
                    put = await tx.scalar(_PUT)
                if put:
                    _log.warning("%d tenants had no job that reminds, and have one again", put)
                await asyncio.sleep(_LOOKS_EVERY)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                _log.warning("it is not known who has no reminders: %s", type(error).__name__)
                await asyncio.sleep(_AGAIN_AFTER)

    async def _seem_due(
        self, tenant_id: UUID, kind: Reminded, day: Day
    ) -> AsyncIterator[Sequence[UUID]]:
        after: Place | None = kind.first(day)
        while after is not None:
            async with self.database.reading(tenant_id) as tx:
                ids, after = await seem_due(tx, tenant_id, kind, day, after, _WALKED_AT_ONCE)
            for start in range(0, len(ids), _TOLD_AT_ONCE):
                yield ids[start : start + _TOLD_AT_ONCE]

    async def _tell(self, tenant_id: UUID, kind: Reminded, day: Day, ids: Sequence[UUID]) -> None:
        async with self.database.transaction(tenant_id) as tx:
            told = await tell(tx, tenant_id, kind, day, ids)
        if told:
            self.told(tenant_id)

    async def _forget(self, tenant_id: UUID, day: Day) -> None:
        gone = _FORGOTTEN_AT_ONCE
        while gone == _FORGOTTEN_AT_ONCE:
            async with self.database.transaction(tenant_id) as tx:
                gone = await forget(tx, tenant_id, day, _FORGOTTEN_AT_ONCE)


def _until_next(now: datetime) -> timedelta:
    """Return how long it is until the next full hour."""
    return _EVERY - timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)

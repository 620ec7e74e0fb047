"""The job of each tenant: telling what is due, each hour."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from okr_service.kernel.database import Database
from okr_service.kernel.queue import NotYet, Task, to_its_end
from okr_service.organisation.model import Tenant
from okr_service.reminders.due import ACTIONS, CHECK_INS, Day, Place, Reminded
from okr_service.reminders.service import forget, seem_due, tell

_WALKED_AT_ONCE = 2_000  # places
_TOLD_AT_ONCE = 500
_FORGOTTEN_AT_ONCE = 5_000
_EVERY = timedelta(hours=1)
_LOOKS_EVERY = 600.0  # seconds
_AGAIN_AFTER = 10.0  # seconds, where that could not be done
_PUT = select(func.okr_put_hourly())
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reminders:
    """Tells tenants what is due, each by a job."""

    database: Database
    told: Callable[[UUID], None]  # of each tenant in which something was

    async def do(self, task: Task) -> None:
        """Tell what is due.

        Raises:
            NotYet: that is done, and is to be done again in the next hour.
        """
        if await self.remind(task.tenant_id, datetime.now(UTC)):
            raise NotYet(_until_next(datetime.now(UTC)))

    async def remind(self, tenant_id: UUID, now: datetime) -> bool:
        """Tell what is due at some moment; False where there is no such tenant."""
        day = await to_its_end(self._day(tenant_id, now))
        if day is None:
            return False
        for kind in (CHECK_INS, ACTIONS):
            after: Place | None = kind.first(day)
            while after is not None:
                ids, after = await to_its_end(self._seem_due(tenant_id, kind, day, after))
                for start in range(0, len(ids), _TOLD_AT_ONCE):
                    some = ids[start : start + _TOLD_AT_ONCE]
                    await to_its_end(self._tell(tenant_id, kind, day, some))
        while await to_its_end(self._forget(tenant_id, day)) == _FORGOTTEN_AT_ONCE:
            pass
        return True

    async def keep(self) -> None:
        """See to it, from time to time, that each tenant has its job."""
        while True:
            try:
                if put := await to_its_end(self._put()):
                    _log.warning("%d tenants had no job of each hour, and have one again", put)
                await asyncio.sleep(_LOOKS_EVERY)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                _log.warning("it is not known who has no reminders: %s", type(error).__name__)
                await asyncio.sleep(_AGAIN_AFTER)

    async def _day(self, tenant_id: UUID, now: datetime) -> Day | None:
        settings = select(Tenant.reminder_hour, Tenant.reminder_days_ahead)
        async with self.database.reading(tenant_id) as tx:
            found = await tx.execute(settings.where(Tenant.tenant_id == tenant_id))
            row = found.one_or_none()
        return None if row is None else Day.of(now, row.reminder_hour, row.reminder_days_ahead)

    async def _seem_due(
        self, tenant_id: UUID, kind: Reminded, day: Day, after: Place
    ) -> tuple[Sequence[UUID], Place | None]:
        async with self.database.reading(tenant_id) as tx:
            return await seem_due(tx, tenant_id, kind, day, after, _WALKED_AT_ONCE)

    async def _tell(self, tenant_id: UUID, kind: Reminded, day: Day, ids: Sequence[UUID]) -> None:
        async with self.database.transaction(tenant_id) as tx:
            told = await tell(tx, tenant_id, kind, day, ids)
        if told:
            self.told(tenant_id)

    async def _forget(self, tenant_id: UUID, day: Day) -> int:
        async with self.database.transaction(tenant_id) as tx:
            return await forget(tx, tenant_id, day, _FORGOTTEN_AT_ONCE)

    async def _put(self) -> int:
        async with self.database.transaction() as tx:
            return await tx.scalar(_PUT) or 0


def _until_next(now: datetime) -> timedelta:
    """Return how long it is until the next full hour."""
    return _EVERY - timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)

"""Spending allowances that replicas share, mostly without asking the database."""

import asyncio
import logging
import math
import zlib
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Row, Text, TextClause, Uuid, bindparam

from okr_service.kernel.database import Database
from okr_service.kernel.sql import load_sql

WINDOW = 60
_LEASE = load_sql(__package__, "lease").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("subject", type_=Text),
    bindparam("slice", type_=BigInteger),
    bindparam("shift", type_=Integer),
    bindparam("lasts", type_=Integer),
    bindparam("kept", type_=Integer),
)
_EXHAUSTED = load_sql(__package__, "exhausted").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("subject", type_=Text),
    bindparam("allowed", type_=BigInteger),
    bindparam("kept", type_=Integer),
)
# Long enough for a busy database, too short for a caller to mind.
_PATIENCE = 3.0
_UNCOUNTED = 3.0  # seconds for which nobody asks again where the count could not be had
_MOST_SUBJECTS = 20_000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Standing:
    """How a subject stands after a request: whether that was within its allowance."""

    within: bool
    limit: int
    left: int  # as far as this process knows
    seconds: int  # until there is more


class _Holding:
    """What this process holds of one subject's allowance in the present window."""

    __slots__ = ("beyond", "ends", "left", "lock", "taken")

    def __init__(self) -> None:
        self.left = 0
        self.taken = 0  # by this process in this window
        self.beyond = 0  # what was left to take, when last asked
        self.ends = 0.0  # by this process's clock
        self.lock = asyncio.Lock()

    def wants_more(self, now: float) -> bool:
        return now >= self.ends or (self.left == 0 and self.beyond > 0)

    def spend(self, limit: int, now: float) -> Standing:
        within = self.left > 0
        if within:
            self.left -= 1
        left = min(limit, self.left + self.beyond)
        return Standing(within, limit, left, max(1, math.ceil(self.ends - now)))


class Allowances:
    """Allowances of subjects in windows; see the room's first lines."""

    def __init__(
        self,
        database: Database,
        *,
        window: int = WINDOW,
        kept: int | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self._database = database
        self._patience = patience
        self._window = window
        self._kept = kept or 2 * window
        self._holdings: dict[tuple[UUID, str], _Holding] = {}
        self._counts = True
        self._asks_from = 0.0

    async def spend(self, tenant_id: UUID, subject: str, limit: int) -> Standing:
        """Spend one of what a subject may do in a window."""
        holding = self._holding(tenant_id, subject)
        if holding.wants_more(monotonic()):
            async with holding.lock:
                while holding.wants_more(monotonic()):
                    await self._lease(holding, tenant_id, subject, limit)
        return holding.spend(limit, monotonic())

    async def exhausted(self, tenant_id: UUID, subject: str, limit: int) -> int:
        """Return in how many of the windows kept a subject took all there was."""
        answer = await self._ask(
            _EXHAUSTED, tenant_id=tenant_id, subject=subject, allowed=limit, kept=self._kept
        )
        return answer.windows if answer else 0

    def _holding(self, tenant_id: UUID, subject: str) -> _Holding:
        holding = self._holdings.get((tenant_id, subject))
        if holding is None:
            if len(self._holdings) >= _MOST_SUBJECTS:
                self._let_go()
            holding = self._holdings[tenant_id, subject] = _Holding()
        return holding

    def _let_go(self) -> None:
        """Forget holdings whose windows ended, or all: what was held of them counts as spent."""
        now = monotonic()
        going_on = {key: held for key, held in self._holdings.items() if held.ends > now}
        self._holdings = going_on if len(going_on) < _MOST_SUBJECTS else {}

    async def _lease(self, holding: _Holding, tenant_id: UUID, subject: str, limit: int) -> None:
        asked_at = monotonic()
        if asked_at >= holding.ends:
            holding.taken = 0
        size = _slice(limit, holding.taken)
        answer = await self._ask(
            _LEASE,
            tenant_id,
            subject=subject,
            slice=size,
            shift=zlib.crc32(subject.encode()) % self._window,
            lasts=self._window,
            kept=self._kept,
        )
        if answer is None:
            holding.left, holding.beyond, holding.ends = size, limit, self._asks_from
            return
        holding.left = max(0, min(size, limit - (answer.used - size)))
        holding.taken += holding.left
        holding.beyond = max(0, limit - answer.used)
        # From before it was asked: never later than the database's own end.
        holding.ends = asked_at + answer.goes_on

    async def _ask(
        self, statement: TextClause, tenant_id: UUID, **values: object
    ) -> Row[Any] | None:
        """Return the row that a statement about a tenant's counts gives, or None if it cannot."""
        if monotonic() < self._asks_from:
            return None
        try:
            async with asyncio.timeout(self._patience), self._database.transaction(tenant_id) as tx:
                of = {"tenant_id": tenant_id, **values}
                answer = (await tx.execute(statement, of)).one()
        except Exception as error:  # noqa: BLE001 - whatever it is, counting alone fails no request
            self._tell(counts=False, why=type(error).__name__)
            self._asks_from = monotonic() + _UNCOUNTED
            return None
        self._tell(counts=True)
        return answer

    def _tell(self, *, counts: bool, why: str = "") -> None:
        if counts != self._counts:
            self._counts = counts
            _log.warning("requests are counted again" if counts else f"not counted: {why}")


def _slice(limit: int, taken: int) -> int:
    """Return how much to take next, by what was taken in this window already."""
    return max(1, min(max(limit // 64, taken), limit // 8))

"""A replica of the database, for those who do not mind that what they read is some seconds old.

A read goes there where its caller allows it (`Staleness`) and the replica is fit for it; else,
and whatever becomes of it there, it is done on the primary. A replica that cannot be reached,
or lags more than the service ever allows, is left alone for a while.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.kernel.errors import DatabaseUnavailable, OkrError, StatementTooLong
from okr_service.kernel.positions import REPLAYED_POSITION, History, Position
from okr_service.kernel.translating import sqlstate

_T = TypeVar("_T")
Work = Callable[[AsyncConnection], Awaitable[_T]]
Lend = Callable[[UUID | None], AbstractAsyncContextManager[AsyncConnection]]

_LOOKS_EVERY = 0.5  # seconds, at where the primary is
_LOOK_LASTS = 2.0  # seconds at most
_WAITS = 0.5  # seconds at most until the replica has what it must have
_PAUSE = 0.02  # seconds before it is asked again
_LEFT_ALONE = 1.0, 30.0  # seconds at first, and at most
_CONFLICT = "40001"  # a statement that saw rows which the primary has cleared away since

_log = logging.getLogger(__name__)


class Reads(Protocol):
    """What gives those who read a connection on which PostgreSQL refuses to write."""

    async def read(self, tenant_id: UUID | None, work: Work[_T]) -> _T:
        """Return what work comes to; it may be begun again, on another server."""


@dataclass(frozen=True)
class Staleness:
    """How old a state may be to be read, in seconds, and what must be in it all the same."""

    seconds: float
    after: Position | None = None


class _NotServed(Exception):
    """The replica cannot answer this."""


class Replica:
    """Reads on a replica that is fit for them."""

    def __init__(self, lend: Lend, look: Callable[[], Awaitable[Position]], longest: float) -> None:
        self._lend = lend
        self._look = look
        self._longest = longest  # seconds that it may lag, whatever a caller allows
        self._history = History(longest + 2 * _LOOKS_EVERY)
        self._looking: asyncio.Task[None] | None = None
        self._avoided = _Avoided()
        self._told_until = 0.0
        self._closed = False

    def of(self, primary: Reads, allowed: Staleness, told: Callable[[float], None]) -> "StaleReads":
        """Return the reads of a request; `told` hears how old what it read may be, in seconds."""
        return StaleReads(self, primary, allowed, told)

    async def close(self) -> None:
        """Look no more at where the primary is, and read nothing."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def read(
        self, tenant_id: UUID | None, allowed: Staleness, work: Work[_T],
        told: Callable[[float, Position], None],
    ) -> _T:  # fmt: skip
        """Return what work comes to; tells how old what it read may be, and where that stands.

        Raises:
            _NotServed: it is to be done elsewhere.
        """
        if self._closed or self._avoided.now():
            raise _NotServed
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on())
        state: tuple[float, Position] | None = None
        began = monotonic()
        try:
            async with self._lend(tenant_id) as connection:
                state = await self._state(connection, allowed)
                self._avoided.end(began)
                done = await work(connection)
        except DatabaseUnavailable as error:
            self._avoid(error)
            raise _NotServed from error
        except DBAPIError as error:
            # Also what it does not have yet, such as a column. Our mistakes fail there too.
            self._tell(sqlstate(error))
            raise _NotServed from error
        except OkrError:  # an answer, too
            if state is not None:
                told(*state)
            raise
        told(*state)
        return done

    async def _state(
        self, connection: AsyncConnection, allowed: Staleness
    ) -> tuple[float, Position]:
        """Return the age and the position of what a connection shows."""
        most, ends = min(allowed.seconds, self._longest), monotonic() + _WAITS
        while True:
            found = (await connection.execute(REPLAYED_POSITION)).one_or_none()
            if found is None:
                self._avoided.begin("it is no replica")
                raise _NotServed
            now, replayed = monotonic(), Position(*found)
            age = self._history.age(replayed, now)
            has_all = allowed.after is None or replayed >= allowed.after
            if has_all and age is not None and age <= most:
                return age, replayed
            self._require_hope(age, most, now)
            if now >= ends:
                raise _NotServed
            await asyncio.sleep(_PAUSE)

    def _require_hope(self, age: float | None, most: float, now: float) -> None:
        """Raise _NotServed where no short wait makes a state young enough."""
        known = self._history.span(now) if age is None else age
        if known > self._longest:
            self._avoided.begin(f"it is more than {self._longest:g} s behind")
        if known > most:
            raise _NotServed

    def _avoid(self, error: DatabaseUnavailable) -> None:
        cause = error.__cause__
        if not isinstance(cause.__cause__ if cause else None, PoolTimeout):  # it is busy, not away
            self._avoided.begin(str(cause))

    def _tell(self, code: str) -> None:
        if self._told_until < monotonic():
            self._told_until = monotonic() + _LEFT_ALONE[1]
            why = "conflicts with recovery" if code == _CONFLICT else f"failed ({code})"
            _log.warning("a read on the replica %s; it is done on the primary", why)

    async def _look_on(self) -> None:
        while True:
            moment = monotonic()
            with contextlib.suppress(
                DatabaseUnavailable, StatementTooLong, DBAPIError, TimeoutError
            ):
                async with asyncio.timeout(_LOOK_LASTS):
                    self._history.note(moment, await self._look())
            await asyncio.sleep(_LOOKS_EVERY)


class StaleReads:
    """The reads of one request.

    None of them shows an earlier state than one before it, and once one had to be done on the
    primary all others are.
    """

    def __init__(
        self,
        replica: Replica,
        primary: Reads,
        allowed: Staleness,
        told: Callable[[float], None],
    ) -> None:
        self._replica: Replica | None = replica
        self._primary = primary
        self._allowed = allowed
        self._told = told

    async def read(self, tenant_id: UUID | None, work: Work[_T]) -> _T:
        """Return what work comes to; it may be begun again, on the primary."""
        if self._replica is not None:
            with contextlib.suppress(_NotServed):
                return await self._replica.read(tenant_id, self._allowed, work, self._note)
            self._replica = None
        return await self._primary.read(tenant_id, work)

    def _note(self, age: float, position: Position) -> None:
        self._allowed = Staleness(
            self._allowed.seconds, max(self._allowed.after or position, position)
        )
        self._told(age)


class _Avoided:
    """Whether a replica is left alone, each time for longer; told once, and when it is over."""

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = 0.0

    def now(self) -> bool:
        return monotonic() < self._until

    def begin(self, why: str) -> None:
        if self.now():
            return  # others met the same
        if not self._seconds:
            _log.warning("the replica is not read from: %s", why)
        shortest, longest = _LEFT_ALONE
        self._seconds = min(max(shortest, 2 * self._seconds), longest)
        self._until = monotonic() + self._seconds

    def end(self, began: float) -> None:
        """Take note of a read that could be done; one from before says nothing of since."""
        if self._seconds and began >= self._until:
            _log.warning("the replica is read from again")
            self._until = self._seconds = 0.0

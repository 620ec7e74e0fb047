"""Doing something about what happens in a tenant, again and again, by a job: its turn.

A turn does rounds for as long as there is something to do, lingers for what is likely near,
lets others in, and then puts itself back into the queue. Whoever commits something has it
taken at once (`waking`); what was committed as a turn ended finds nobody to hasten, and a
process that died hastens nobody, so a turn that nobody began looks by itself, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from okr_service.events.feed import Feed
from okr_service.kernel.database import Database
from okr_service.kernel.queue import NotYet, Task, are_waiting, to_its_end

_TURN_SECONDS = 30.0  # after which others are let in, should they wait
_LETS_IN = timedelta(seconds=3)  # longer than the queue takes to look again
_LINGERS = 10.0  # seconds after the last event, for the next is likely near
_STEP = 1.0  # seconds
_SOON = timedelta(seconds=5)
_SOONEST = timedelta(milliseconds=200)


@dataclass(frozen=True)
class Round:
    """What a round came to."""

    place: int  # in the tenant's feed, up to which it was looked at
    did: bool  # there was something to do
    more: bool = False  # and there is more to look at
    due: timedelta = timedelta.max  # until something is to be done that is there already
    lingers: bool = True  # what happens next could be done at once


@dataclass(frozen=True)
class Turn:
    """How turns of a kind go about it."""

    database: Database
    feed: Feed
    kind: str  # of job
    round: Callable[[Task], Awaitable[Round | None]]  # None where the turn is over for good
    looks_every: timedelta

    async def take(self, task: Task) -> None:
        """Do rounds until there is nothing; returns where the turn is over for good.

        Raises:
            NotYet: there is nothing to do now.
        """
        ends = monotonic() + _TURN_SECONDS
        lingers_until = 0.0  # not at all, before there was anything
        while True:
            if monotonic() > ends:
                await to_its_end(self._let_others_in(task))
                ends = monotonic() + _TURN_SECONDS
            done = await to_its_end(self.round(task))
            if done is None:
                return
            if done.did:
                lingers_until = monotonic() + _LINGERS
            elif not done.more:
                await self._await_more(task, done, lingers_until - monotonic())

    async def _let_others_in(self, task: Task) -> None:
        """Raise NotYet where other turns wait for theirs."""
        async with self.database.transaction(task.tenant_id) as tx:
            if await are_waiting(tx, self.kind):
                raise NotYet(_LETS_IN)

    async def _await_more(self, task: Task, done: Round, lingers: float) -> None:
        """Wait for what is likely near; raises NotYet where that is nothing."""
        if done.lingers and lingers > 0:
            if lingers < _LINGERS - _STEP:
                await to_its_end(self._let_others_in(task))
            until = monotonic() + min(_STEP, lingers, max(done.due, _SOONEST).total_seconds())
            seconds = until - monotonic()
            if not await self.feed.beyond(task.tenant_id, done.place, seconds):
                await asyncio.sleep(max(0.0, until - monotonic()))  # where too many wait already
            return
        looks_again = _SOON if lingers > -_STEP else self.looks_every
        raise NotYet(min(max(done.due, _SOONEST), looks_again))

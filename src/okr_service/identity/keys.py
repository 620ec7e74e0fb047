"""Keeping the keys of issuers, and asking for them anew when it is time, never more.

Keys are fresh as long as their issuer said, at least a minute and at most a day. Then the
issuer is asked again, and before that whenever a token names a key that is not among them.
Nobody asks while another is asking: all wait for the same answer. Between two questions
there is a pause; after a failure it doubles from 5 seconds to 5 minutes, less a random part
of up to a half, so that processes do not come back all at once. While an issuer gives no
answer, its keys are used for a day beyond their time, then no more.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from joserfc.jwk import Key

from okr_service.identity.discovery import Found, IssuerKey, find_keys
from okr_service.identity.errors import IssuerUnavailable
from okr_service.identity.provider import Source
from okr_service.identity.signed import SignedToken
from okr_service.kernel.outgoing import NoAnswer, Outgoing

SHORTEST_AGE, LONGEST_AGE = 60.0, 86_400.0
USED_BEYOND = 86_400.0
PAUSE = 10.0
FIRST_BACK_OFF, LONGEST_BACK_OFF = 5.0, 300.0
_MOST_DOUBLINGS = 6
_MOST_TRIED = 4  # of keys that share a name, or of all for a token that names none
_MOST_ISSUERS = 1_000

_log = logging.getLogger(__name__)


@dataclass
class _Kept:
    keys: tuple[IssuerKey, ...] = ()
    fresh_until: float = 0
    usable_until: float = 0
    not_before: float = 0
    failures: int = 0
    asking: asyncio.Task[bool] | None = field(default=None, repr=False)


class Keys:
    """The keys of every issuer that tokens came from."""

    def __init__(
        self,
        outgoing: Outgoing,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outgoing, self._now, self._jitter = outgoing, now, jitter
        self._kept: dict[Source, _Kept] = {}

    async def candidates(self, source: Source, token: SignedToken) -> list[Key]:
        """Return the keys that may have signed a token; none where the issuer has no such key.

        Raises:
            IssuerUnavailable: there is no such key here and the issuer cannot be asked.
        """
        kept = self._of(source)
        if self._now() >= kept.fresh_until:
            await self._renew(source, kept)
        found = self._matching(kept, token)
        if not found and await self._renew(source, kept):
            found = self._matching(kept, token)
        if not found and (kept.failures or not kept.usable_until):
            raise IssuerUnavailable
        return found

    async def renewed(self, source: Source) -> bool:
        """Ask the issuer anew, if it is time; says whether it answered."""
        return await self._renew(source, self._of(source))

    async def check(self, source: Source) -> Found:
        """Ask the issuer now, whenever it was asked last, and keep what it says.

        Raises:
            NoAnswer: it cannot be reached, or what it says cannot be used.
        """
        found = await find_keys(self._outgoing, source)
        self._keep(self._of(source), found)
        return found

    async def close(self) -> None:
        """Wait for no answer any more."""
        asking = [kept.asking for kept in self._kept.values() if kept.asking]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _of(self, source: Source) -> _Kept:
        if source not in self._kept and len(self._kept) >= _MOST_ISSUERS:
            self._kept.pop(next(iter(self._kept)))
        return self._kept.setdefault(source, _Kept())

    def _matching(self, kept: _Kept, token: SignedToken) -> list[Key]:
        if self._now() >= kept.usable_until:
            return []
        return [
            known.key
            for known in kept.keys
            if token.algorithm in known.algorithms
            and (token.key_id is None or token.key_id == known.key_id)
        ][:_MOST_TRIED]

    async def _renew(self, source: Source, kept: _Kept) -> bool:
        if kept.asking is None:
            if self._now() < kept.not_before:
                return False
            kept.asking = asyncio.create_task(self._ask(source, kept))
        # One who gives up waiting must not take the answer from the others.
        return await asyncio.shield(kept.asking)

    async def _ask(self, source: Source, kept: _Kept) -> bool:
        try:
            self._keep(kept, await find_keys(self._outgoing, source))
        except NoAnswer as error:
            self._put_off(kept)
            _log.warning("no keys of %s: %s at %s", source.issuer, error.why, error.url)
            return False
        finally:
            kept.asking = None
        return True

    def _keep(self, kept: _Kept, found: Found) -> None:
        now = self._now()
        kept.keys = found.keys
        kept.fresh_until = now + min(max(found.max_age, SHORTEST_AGE), LONGEST_AGE)
        kept.usable_until = kept.fresh_until + USED_BEYOND
        kept.not_before = now + PAUSE
        kept.failures = 0

    def _put_off(self, kept: _Kept) -> None:
        longest = min(FIRST_BACK_OFF * 2 ** min(kept.failures, _MOST_DOUBLINGS), LONGEST_BACK_OFF)
        kept.failures += 1
        kept.not_before = self._now() + longest * (1 - self._jitter() / 2)

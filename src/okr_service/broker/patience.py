"""How long publishing waits after something went wrong, and telling of that once."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

_FIRST, _LONGEST = 1.0, 30.0  # seconds
_log = logging.getLogger(__name__)


@dataclass
class _Trouble:
    reason: str
    wait: float  # seconds
    until: float


class Patience:
    """What stands between tenants and the broker: of all of them under None, of one alone."""

    def __init__(self) -> None:
        self._troubles: dict[UUID | None, _Trouble] = {}

    def left(self, tenant_id: UUID) -> timedelta:
        """Return how long a tenant's turn is not to try, if at all."""
        of = [self._troubles[whose] for whose in (None, tenant_id) if whose in self._troubles]
        until = max((trouble.until for trouble in of), default=0.0)
        return timedelta(seconds=max(0.0, until - time.monotonic()))

    def met(self, whose: UUID | None, reason: str) -> None:
        """Take note of what went wrong: it is tried again, ever later."""
        now, known = time.monotonic(), self._troubles.get(whose)
        if known is not None and known.until > now:
            return  # another turn met the same at the same time
        if known is None or known.reason != reason:
            of = f"of tenant {whose} " if whose else ""
            _log.warning("events %sare not published, and are tried again: %s", of, reason)
        wait = _FIRST if known is None else min(2 * known.wait, _LONGEST)
        self._troubles[whose] = _Trouble(reason, wait, now + wait)

    def over(self, tenant_id: UUID) -> None:
        """Take note that an event of a tenant was published."""
        for whose in (None, tenant_id):
            if self._troubles.pop(whose, None) is not None:
                of = f"of tenant {whose} " if whose else ""
                _log.warning("events %sare published again", of)

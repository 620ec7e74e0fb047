"""How many connections for subscriptions a process and each caller may have."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from okr_service.access.policy import Principal
from okr_service.graphql.errors import TooManyConnections
from okr_service.graphql.subscriptions.renditions import Renditions
from okr_service.kernel.telemetry import level
from okr_service.settings import Settings

_connections = level("okr.subscription.connections", "Open connections for subscriptions.")
_RETRY_AFTER = 30  # seconds


@dataclass
class Seats:
    """The connections of one process, and those of each caller among them."""

    most: int
    most_each: int
    _taken: int = 0
    _of_callers: Counter[tuple[UUID, str]] = field(default_factory=Counter)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place in the process; raises TooManyConnections where there is none."""
        if self._taken >= self.most:
            raise TooManyConnections(_RETRY_AFTER, self.most)
        self._taken += 1
        _connections.add(1)
        try:
            yield
        finally:
            self._taken -= 1
            _connections.add(-1)

    @contextmanager
    def of(self, who: Principal) -> Iterator[None]:
        """Take one of a caller's; raises TooManyConnections where they have them all.

        All credentials of a person's are one.
        """
        key = (who.tenant_id, f"person:{who.person_id}" if who.person_id else who.credential)
        if self._of_callers[key] >= self.most_each:
            raise TooManyConnections(_RETRY_AFTER, self.most_each)
        self._of_callers[key] += 1
        try:
            yield
        finally:
            self._of_callers[key] -= 1
            if not self._of_callers[key]:
                del self._of_callers[key]


@dataclass(frozen=True)
class Shared:
    """What all connections of a process share."""

    seats: Seats
    renditions: Renditions

    @classmethod
    def of(cls, settings: Settings) -> "Shared":
        """Make it as the settings say."""
        most, each = settings.subscription_connections, settings.subscription_connections_per_caller
        return cls(Seats(most, each), Renditions())

"""How long API keys live, and how they come to be: what an operator decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from okr_service.credentials.errors import ExpiryInPast, ExpiryTooFar
from okr_service.credentials.hashing import KeyedHash
from okr_service.settings import Settings


@dataclass(frozen=True)
class Issuing:
    """How keys are hashed, and how many days one may live, if not for ever."""

    hashing: KeyedHash
    longest_days: int | None = None

    @classmethod
    def by(cls, settings: Settings) -> Self:
        """Return how a service with these settings issues keys; raises ApiKeySecretMissing."""
        return cls(KeyedHash.of(settings), settings.api_key_longest_days)

    def expiry(
        self, wanted: datetime | None, now: datetime, life: timedelta | None = None
    ) -> datetime | None:
        """Return when a key made now is to expire: as wanted, or after the life it may have.

        Raises:
            ExpiryInPast: it is wanted before the key is made.
            ExpiryTooFar: keys may not live for so long.
        """
        longest = None if self.longest_days is None else timedelta(days=self.longest_days)
        if wanted is None:
            lives = [one for one in (life, longest) if one is not None]
            return now + min(lives) if lives else None
        if wanted <= now:
            raise ExpiryInPast().at("/expires_at")
        if longest is not None and wanted > now + longest:
            raise ExpiryTooFar(longest.days).at("/expires_at")
        return wanted

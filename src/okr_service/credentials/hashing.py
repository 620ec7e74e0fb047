"""How API keys are hashed: with a secret that the database does not know.

Who reads the database, or writes to it, can therefore neither try out keys nor plant one.
HMAC-SHA-256 (RFC 2104) and no slow hash: keys have 256 random bits, nobody guesses them.
"""

import hmac
from typing import Self

from pydantic import SecretStr

from okr_service.settings import Settings


class ApiKeySecretMissing(ValueError):
    """The service was given no secret to hash API keys with."""

    def __str__(self) -> str:
        return (
            "set OKR_API_KEY_SECRET, 32 or more characters that all processes share and that "
            "stay the same: API keys are hashed with it"
        )


class KeyedHash:
    """Hashes keys with the service's secret, and tells how an earlier one hashed them."""

    def __init__(self, secret: SecretStr, previous: SecretStr | None = None) -> None:
        known = (secret,) if previous is None else (secret, previous)
        self._secrets = [one.get_secret_value().encode() for one in known]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return how a service with these settings hashes.

        Raises:
            ApiKeySecretMissing: they hold no secret.
        """
        if settings.api_key_secret is None:
            raise ApiKeySecretMissing
        return cls(settings.api_key_secret, settings.api_key_previous_secret)

    def __call__(self, key: str) -> bytes:
        """Return a key's hash, to be stored."""
        return self.known(key)[0]

    def known(self, key: str) -> list[bytes]:
        """Return the hashes that a key may be stored under; the first is that of today."""
        return [hmac.digest(secret, key.encode(), "sha256") for secret in self._secrets]

"""What deliveries are signed with: secrets that follow from the service's own.

The n-th secret of a webhook is the HMAC-SHA-256 (RFC 2104) of its name and n under the
service's secret: 256 bits that nobody can guess, and that no copy of the database holds.
"""

import base64
import hmac
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from standardwebhooks.webhooks import Webhook as Signer

from okr_service.credentials.hashing import ApiKeySecretMissing
from okr_service.settings import Settings
from okr_service.webhooks.model import Webhook
from okr_service.webhooks.shapes import WebhookSecret


class Secrets:
    """The secrets of webhooks."""

    def __init__(self, service_secret: bytes) -> None:
        self._service_secret = service_secret

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the secrets of a service with these settings; raises ApiKeySecretMissing."""
        if settings.api_key_secret is None:
            raise ApiKeySecretMissing
        return cls(settings.api_key_secret.get_secret_value().encode())

    def shown(self, webhook: Webhook) -> WebhookSecret:
        """Return what a webhook's receiver verifies with."""
        now, *before = self._of(webhook)
        return WebhookSecret(secret=now, previous=before[0] if before else None)

    def headers(self, webhook: Webhook, message_id: UUID, body: bytes) -> dict[str, str]:
        """Return the headers that sign a message, with both secrets while there are two."""
        now, text = datetime.now(UTC), body.decode()
        signed = [Signer(one).sign(str(message_id), now, text) for one in self._of(webhook)]
        return {
            "webhook-id": str(message_id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signed),
        }

    def _of(self, webhook: Webhook) -> list[str]:
        until, number = webhook.previous_secret_until, webhook.secret_number
        overlaps = until is not None and until > datetime.now(UTC)
        numbers = [number, number - 1] if overlaps and number > 1 else [number]
        return [self._secret(webhook, one) for one in numbers]

    def _secret(self, webhook: Webhook, number: int) -> str:
        name = f"webhook {webhook.tenant_id}/{webhook.id} {number}".encode()
        secret = hmac.digest(self._service_secret, name, "sha256")
        return "whsec_" + base64.b64encode(secret).decode()

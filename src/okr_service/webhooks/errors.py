"""What can go wrong with webhooks."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, NotFound


@dataclass(eq=False)
class WebhookNotFound(NotFound):
    """There is no webhook {ref}."""

    ref: str


@dataclass(eq=False)
class DeliveryNotFound(NotFound):
    """There is no delivery {ref}."""

    ref: str


class WebhookDisabled(Conflict):
    """The webhook is disabled; enable it first."""


class DeliveryWaits(Conflict):
    """The delivery is not finished: it waits to be sent."""


@dataclass(eq=False)
class TooManyWebhooks(Conflict):
    """There are {limit} webhooks, which is as many as a tenant can have."""

    limit: int

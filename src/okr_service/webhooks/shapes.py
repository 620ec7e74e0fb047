"""What goes in and out about webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StringConstraints

from okr_service.events.shapes import EventType
from okr_service.kernel.fields import Count, ExternalId, Input, Reference, Title, View
from okr_service.kernel.paging import Listing, Refs, Set
from okr_service.kernel.web_addresses import require_callback_address

Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^https?://"),
    AfterValidator(require_callback_address),
]


class DisabledReason(StrEnum):
    """Why a webhook was disabled by the service."""

    FAILING = "failing"
    GONE = "gone"


class DeliveryState(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class NewWebhook(Input):
    """What it takes to tell another system what happens."""

    external_id: ExternalId | None = Field(default=None, description="The caller's own key.")
    name: Title = Field(description="What people call it.", examples=["Data warehouse"])
    url: Address = Field(
        description="Where to send events: an https address (http on loopback). Addresses "
        "inside private networks are refused unless the operator allows them.",
        examples=["https://hooks.saomai.example/okr"],
    )
    types: Annotated[list[EventType], Field(max_length=50)] = Field(
        default=[], description="Only events of these types; all where empty."
    )
    unit_id: Reference | None = Field(
        default=None,
        description="Only what is of this unit and those beneath it: their objectives with all "
        "that hangs from them, their people, and themselves. An id, or `external:` and the "
        "external id.",
    )
    include_private: StrictBool = Field(
        default=False, description="Also what is about private objectives."
    )
    enabled: StrictBool = Field(
        default=True,
        description="Whether it is told. Enabled again, it is told what it missed meanwhile, as "
        "far as events are kept.",
    )


class WebhookView(View):
    """An address that is told what happens."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    url: str
    types: list[EventType]
    unit_id: UUID | None
    include_private: bool
    enabled: bool
    disabled_at: datetime | None = Field(description="When the service disabled it.")
    disabled_reason: DisabledReason | None = Field(
        description="`failing`: nothing was taken for three days; `gone`: it answered 410."
    )
    previous_secret_until: datetime | None = Field(
        description="Until when what is sent is signed with the previous secret too."
    )
    failures: int = Field(description="How often in a row nothing was taken.")
    failing_since: datetime | None = Field(description="Since when nothing was taken.")
    paused_until: datetime | None = Field(description="When it is tried again, if it fails.")


class WebhookSecret(View):
    """What a webhook's deliveries are signed with."""

    secret: str = Field(
        description="For the libraries of Standard Webhooks.", examples=["whsec_MfKQ9r8GKYqr…"]
    )
    previous: str | None = Field(description="The one before, while it is still in use.")


class SecretRotation(Input):
    """How to give a webhook another secret."""

    overlap_seconds: Annotated[Count, Field(le=604_800)] = Field(
        default=86_400, description="How long what is sent is signed with the old secret too."
    )


class DeliveryView(View):
    """An event that a webhook is told, or is to be."""

    id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="The event's `id`, and the `webhook-id` it is sent under.")
    type: str = Field(description="The event's type; `okr.webhook.ping` of a ping.")
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime = Field(description="When it is sent next, if it waits.")
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    finished_at: datetime | None
    status: int | None = Field(description="What the last attempt was answered with.")
    reason: str | None = Field(
        description="Why there was no answer: `unresolved`, `private-address`, `connection`, "
        "`certificate`, `timeout`; or why it was not sent: `event-forgotten`, `event-withheld`."
    )


class DeliveryListing(Listing):
    """Which deliveries are wanted."""

    webhook_id: Refs = Field(default=[], description="Of these webhooks.")
    state: Annotated[list[DeliveryState], Set] = Field(default=[], description="In these states.")


class Replayed(View):
    """What a replay put back."""

    replayed: int = Field(description="How many dead deliveries wait again.")

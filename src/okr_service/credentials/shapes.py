"""What goes in and out about tenants and API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from okr_service.access.policy import Scope
from okr_service.kernel.fields import Count, Input, Instant, Reference, Title, View
from okr_service.kernel.paging import Listing, Refs
from okr_service.organisation.shapes import TenantView

_DAY = 24 * 60 * 60
_LONGEST_OVERLAP = 30 * _DAY


class NewTenant(Input):
    """What it takes to take on a customer."""

    name: Title = Field(description="The group's name.", examples=["Tập đoàn Sao Mai"])


class NewApiKey(Input):
    """What it takes to make an API key."""

    name: Title = Field(description="What the key is for.", examples=["ERP nightly figures"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=6)] = Field(
        description="What the key allows; of a person's, what it narrows them to.",
        examples=[["check_in"]],
    )
    person_id: Reference | None = Field(
        default=None,
        description="The person it stands for; an integration's if absent, or the caller's own "
        "where the caller is no admin.",
    )
    expires_at: Instant | None = Field(
        default=None,
        description="When it stops working; if absent never, or at the end of the longest life "
        "that this service allows.",
    )


class Rotation(Input):
    """How a key is to be replaced."""

    overlap_seconds: Annotated[Count, Field(le=_LONGEST_OVERLAP)] = Field(
        default=_DAY, description="How much longer the old key works, up to its own expiry."
    )
    expires_at: Instant | None = Field(
        default=None,
        description="When the new key stops working; if absent, it lives as long as the old one "
        "was made to.",
    )


class ApiKeyView(View):
    """An API key without its secret."""

    id: UUID
    name: str
    beginning: str = Field(description="The key's first characters, to recognise it by.")
    scopes: list[Scope]
    person_id: UUID | None = Field(description="The person it stands for; null: an integration.")
    replaces_id: UUID | None = Field(description="The key that it was rotated from.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(
        description="To within a minute or two, and after the fact: it is written once a minute."
    )
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyView):
    """An API key with its secret, shown this once."""

    key: str = Field(description="Send it as `Authorization: Bearer`. It is not shown again.")


class ApiKeyListing(Listing):
    """Which API keys are wanted."""

    person_id: Refs = Field(default=[], description="Of these people.")
    in_force: bool | None = Field(
        default=None, description="Neither revoked nor expired, or one of both."
    )


class TenantMade(TenantView):
    """A new tenant with its first admin key, shown this once."""

    api_key_id: UUID
    api_key: str = Field(description="Its admins' first key. It is not shown again.")

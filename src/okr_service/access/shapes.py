"""What goes in and out about tenants and API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from okr_service.access.policy import Scope
from okr_service.kernel.fields import Input, Instant, Title, View


class NewTenant(Input):
    """What it takes to take on a customer."""

    name: Title = Field(description="The group's name.", examples=["Tập đoàn Sao Mai"])


class NewApiKey(Input):
    """What it takes to make an API key."""

    name: Title = Field(description="What the key is for.", examples=["ERP nightly figures"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=7)] = Field(
        description="What the key allows.", examples=[["check_in"]]
    )
    expires_at: Instant | None = Field(default=None, description="When it stops working, if ever.")


class ApiKeyView(View):
    """An API key without its secret."""

    id: UUID
    name: str
    beginning: str = Field(description="The key's first characters, to recognise it by.")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyView):
    """An API key with its secret, shown this once."""

    key: str = Field(description="Send it as `Authorization: Bearer`. It is not shown again.")


class TenantView(View):
    """A customer."""

    id: UUID
    name: str
    created_at: datetime


class TenantMade(TenantView):
    """A new customer with its first admin key, shown this once."""

    api_key: str

"""What goes in and out about identity providers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StringConstraints

from okr_service.access.policy import Role
from okr_service.identity.provider import Algorithm, PersonKey
from okr_service.kernel.fields import Count, Input, Title, View
from okr_service.kernel.web_addresses import require_web_address

WebAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^https?://"),
    AfterValidator(require_web_address),
]
Audience = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^\S+$")]
ClaimPath = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S+$")]
RoleName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# What a scope may be made of (RFC 6749, 3.3).
ScopePrefix = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[!#-\[\]-~]+$")
]
_USUAL = [Algorithm.RS256, Algorithm.ES256, Algorithm.PS256, Algorithm.EDDSA]


class NewIdentityProvider(Input):
    """What it takes to agree with an issuer on tokens."""

    external_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="The caller's own key."
    )
    name: Title = Field(description="What people call it.", examples=["Keycloak"])
    issuer: WebAddress = Field(
        description="Who signs the tokens, letter by letter as in their `iss`: an https address "
        "(http on loopback).",
        examples=["https://id.saomai.example/realms/group"],
    )
    audience: Audience = Field(
        description="Whom the tokens are for, one of those in their `aud`.",
        examples=["okr-service"],
    )
    jwks_url: WebAddress | None = Field(
        default=None,
        description="Where the keys are, beneath the issuer's address; left out, the issuer's "
        "discovery document says so.",
    )
    algorithms: Annotated[list[Algorithm], Field(min_length=1, max_length=10)] = Field(
        default=_USUAL, description="How tokens may be signed."
    )
    clock_skew_seconds: Annotated[Count, Field(le=300)] = Field(
        default=60, description="By how much the issuer's clock and ours may differ."
    )
    person_claim: ClaimPath = Field(
        default="sub", description="The claim that names the person; dots lead into objects."
    )
    person_key: PersonKey = Field(
        default=PersonKey.EXTERNAL_ID,
        description="What of the person it names. An e-mail address counts unless "
        "`email_verified` says it does not, and if one person has it.",
    )
    role_claim: ClaimPath | None = Field(
        default=None,
        description="The claim that names roles; dots lead into objects.",
        examples=["realm_access.roles"],
    )
    roles: Annotated[dict[RoleName, Role], Field(max_length=100)] = Field(
        default={},
        description="What those roles are here; the highest counts, instead of the person's own.",
        examples=[{"okr-admins": "admin"}],
    )
    scope_prefix: ScopePrefix = Field(
        default="okr:",
        description="What comes before a scope in a token: `okr:read`. Machines have the "
        "scopes of their tokens; a person's token that has some allows no more than them.",
    )
    enabled: StrictBool = Field(default=True, description="Whether tokens are accepted.")


class IdentityProviderView(View):
    """What a tenant has agreed with an issuer of tokens."""

    id: UUID
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    name: str
    issuer: str
    audience: str
    jwks_url: str | None
    algorithms: list[Algorithm]
    clock_skew_seconds: int
    person_claim: str
    person_key: PersonKey
    role_claim: str | None
    roles: dict[str, Role]
    scope_prefix: str
    enabled: bool
    proven_at: datetime | None = Field(
        description="Since when it is proven that the tenant has tokens of this issuer for this "
        "audience. Tokens are accepted from then on."
    )


class Proof(Input):
    """A token that shows whose issuer it is."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=8192)] = Field(
        description="An access token of the issuer for the audience, of a person or a machine. "
        "It is verified, and neither kept nor logged."
    )


class IssuerKeyView(View):
    """A key that an issuer publishes for signatures."""

    key_id: str | None
    algorithms: list[Algorithm] = Field(description="What it can sign by.")


class IssuerReport(View):
    """What was found at an issuer."""

    usable: bool = Field(description="Whether tokens of this issuer can be verified.")
    issuer: str
    jwks_url: str | None = Field(description="Where its keys were found.")
    keys: list[IssuerKeyView] = Field(description="Those that can verify tokens.")
    algorithms: list[Algorithm] = Field(
        description="Those that the provider allows and a key is for."
    )
    reason: str | None = Field(
        description="Why not: `unresolved`, `private-address`, `connection`, `certificate`, "
        "`timeout`, `redirect`, `status`, `encoding`, `too-large`, `not-json`, "
        "`issuer-differs`, `no-key-address`, `not-a-key-set`, `no-keys`."
    )
    url: str | None = Field(description="Where that was.")
    found: str | None = Field(description="What was there instead: a status, an issuer, …")

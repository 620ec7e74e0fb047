"""What a tenant has agreed with an issuer, as tokens are judged by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from okr_service.access.policy import Role


class Algorithm(StrEnum):
    """How a token may be signed: with a private key, so that whoever verifies cannot sign."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"  # with Ed25519, which RFC 9864 would have us call so


class PersonKey(StrEnum):
    """What of a person a token names."""

    EXTERNAL_ID = "external_id"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an issuer's keys come from."""

    issuer: str
    jwks_url: str | None


@dataclass(frozen=True, slots=True)
class Provider:
    """One tenant's agreement with one issuer."""

    tenant_id: UUID
    id: UUID
    version: int
    issuer: str
    audience: str
    jwks_url: str | None
    algorithms: frozenset[Algorithm]
    clock_skew_seconds: int
    person_claim: str
    person_key: PersonKey
    role_claim: str | None
    roles: Mapping[str, Role]
    scope_prefix: str

    @property
    def source(self) -> Source:
        """Return where the keys come from."""
        return Source(self.issuer, self.jwks_url)

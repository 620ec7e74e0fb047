"""How identity providers are stored."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.model import Resource, unique_external_id


class IdentityProvider(Resource):
    """What a tenant has agreed with an issuer of tokens."""

    __tablename__ = "identity_providers"
    __table_args__ = (
        unique_external_id(),
        ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
        # The one unique index that does not begin with the tenant: it says which tenant.
        Index(None, "issuer", "audience", unique=True, postgresql_where="proven_at IS NOT NULL"),
        CheckConstraint("person_key IN ('external_id', 'email')", name="person_key"),
        CheckConstraint("clock_skew_seconds BETWEEN 0 AND 300", name="clock_skew_seconds"),
        CheckConstraint(
            "cardinality(algorithms) > 0 AND algorithms <@ ARRAY['RS256', 'RS384', 'RS512', "
            "'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']",
            name="algorithms",
        ),
    )

    name: Mapped[str]
    issuer: Mapped[str]
    audience: Mapped[str]
    jwks_url: Mapped[str | None]
    algorithms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    clock_skew_seconds: Mapped[int]
    person_claim: Mapped[str]
    person_key: Mapped[str]
    role_claim: Mapped[str | None]
    roles: Mapped[dict[str, str]] = mapped_column(JSONB)
    scope_prefix: Mapped[str]
    enabled: Mapped[bool]
    proven_at: Mapped[datetime | None]

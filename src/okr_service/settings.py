"""Everything an operator can change, and nothing else."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SHORTEST_BOOTSTRAP_KEY = 32


class Settings(BaseSettings):
    """Read once at start-up; every variable is prefixed `OKR_`."""

    model_config = SettingsConfigDict(env_prefix="OKR_", frozen=True)

    database_url: SecretStr = Field(
        description="Where the data lives: postgresql://user:password@host/database."
    )
    owner_database_url: SecretStr | None = Field(
        default=None,
        description="The same, as the owner of the tables: for `okr migrate` and the commands "
        "that look after all tenants. OKR_DATABASE_URL if absent.",
    )
    pooled: bool = Field(
        default=False,
        description="Whether the way to the database leads through a transaction pooler "
        "(PgBouncer, pool_mode=transaction).",
    )
    bootstrap_api_key: SecretStr | None = Field(
        default=None,
        description="The first admin API key, for scripted set-ups: 32 or more characters.",
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=200,
        description="Connections each process keeps, per reading and writing.",
    )
    pool_timeout_seconds: float = Field(
        default=10, gt=0, description="Longest wait for a free connection before answering 503."
    )
    statement_timeout_ms: int = Field(
        default=30_000, ge=1, description="Longest a single statement may run."
    )
    body_limit_bytes: int = Field(
        default=1_048_576, ge=1024, description="Largest request body, but for batches and imports."
    )
    bulk_body_limit_bytes: int = Field(
        default=52_428_800,
        ge=1024,
        description="Largest body of a batch of check-ins or an import.",
    )
    credential_cache_seconds: float = Field(
        default=5,
        ge=0,
        description="How long a process may go on accepting an API key revoked through another.",
    )
    require_if_match: bool = Field(
        default=False, description="Answer 428 to edits that carry no If-Match header."
    )

    @model_validator(mode="after")
    def _refuse_weak_bootstrap_key(self) -> Self:
        if self.bootstrap_api_key is not None:
            length = len(self.bootstrap_api_key.get_secret_value())
            if length < _SHORTEST_BOOTSTRAP_KEY:
                raise ValueError("OKR_BOOTSTRAP_API_KEY must have at least 32 characters")
        return self


_OF_THE_CLIENT = {"OKR_URL", "OKR_API_KEY"}
_OF_TESTS = "OKR_TEST_"


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the `OKR_` variables that mean nothing: each is a typo."""
    known = _OF_THE_CLIENT | {f"OKR_{name}".upper() for name in Settings.model_fields}
    return [
        name
        for name in environment
        if name.startswith("OKR_") and name not in known and not name.startswith(_OF_TESTS)
    ]

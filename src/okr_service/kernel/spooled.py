"""A mapping that outgrows memory: what was used last is in memory, the rest in a file.

Python's own `shelve` keeps no order and depends on which database the machine has; this is
SQLite, in a file without a name that is gone with the process.
"""

import errno
import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import ClassVar, Generic, TypeVar, cast

import orjson

from okr_service.kernel.errors import NoRoomForFile

_AT_ONCE = 1_000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITTEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
_SETTINGS = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-2048")
_TABLE = "CREATE TABLE spooled (place INTEGER PRIMARY KEY, key BLOB UNIQUE, value BLOB)"
_K = TypeVar("_K", bound=str | int | tuple[str, ...])
_V = TypeVar("_V")


@contextmanager
def needing_room() -> Iterator[None]:
    """Raise NoRoomForFile where a file cannot be written for want of room."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoomForFile from error
        raise
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _NOT_WRITTEN:
            raise NoRoomForFile from error
        raise


class Spooled(Generic[_K, _V]):
    """Values by key, in the order in which their keys came; each has a place, from 0 on.

    Values are pickled. One that was got by `setdefault` may be changed until the next is
    asked for; what is changed later is lost. What is kept can be given another value, but
    not taken out.

    Every method may raise NoRoomForFile.
    """

    most_in_memory: ClassVar[int] = 10_000

    def __init__(self) -> None:
        self._recent: dict[_K, tuple[int, _V]] = {}
        self._at: dict[int, _V] = {}  # the same by place
        self._changed: set[_K] = set()
        self._length = 0
        self._file: sqlite3.Connection | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[_K]:
        """Yield the keys in the order of their places."""
        asked = "SELECT place, key FROM spooled WHERE place >= ? AND place < ?"
        for start in range(0, self._length, _AT_ONCE):
            end = min(start + _AT_ONCE, self._length)
            keys = {place: self._key(key) for place, key in self._asked(asked, start, end)}
            keys |= {place: key for key, (place, _) in self._recent.items()}
            yield from [keys[place] for place in range(start, end)]

    def __contains__(self, key: _K) -> bool:
        return self.place(key) is not None

    def __setitem__(self, key: _K, value: _V) -> None:
        place = self.place(key)
        if place is None:
            self._add(key, value)
        else:
            self._keep(key, place, value)
            self._changed.add(key)

    def __getitem__(self, key: _K) -> _V:
        found = self._found(key)
        if found is None:
            raise KeyError(key)
        return found[1]

    def get(self, key: _K) -> _V | None:
        """Return the value of a key, if it has one."""
        found = self._found(key)
        return None if found is None else found[1]

    def setdefault(self, key: _K, value: _V) -> _V:
        """Return the value of a key, which is the given one if it had none."""
        found = self._found(key)
        if found is None:
            self._add(key, value)
            return value
        self._changed.add(key)
        return found[1]

    def place(self, key: _K) -> int | None:
        """Return the place of a key, if it has one."""
        if (found := self._recent.get(key)) is not None:
            return found[0]
        rows = self._asked("SELECT place, key FROM spooled WHERE key = ?", orjson.dumps(key))
        return rows[0][0] if rows else None

    def at(self, places: Sequence[int]) -> list[_V]:
        """Return the values at places, in their order."""
        here = self._at
        missing = [place for place in places if place not in here]
        others: dict[int, _V] = {}
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            asked = f"SELECT place, value FROM spooled WHERE place IN ({marks})"  # noqa: S608 - marks
            for place, value in self._asked(asked, *some):
                others[place] = pickle.loads(value)  # noqa: S301 - written by us
        return [here[place] if place in here else others[place] for place in places]

    def values(self) -> Iterator[_V]:
        """Yield all values in the order of their places."""
        for start in range(0, self._length, _AT_ONCE):
            yield from self.at(range(start, min(start + _AT_ONCE, self._length)))

    def _add(self, key: _K, value: _V) -> None:
        self._keep(key, self._length, value)
        self._changed.add(key)
        self._length += 1

    def _found(self, key: _K) -> tuple[int, _V] | None:
        if (found := self._recent.get(key)) is not None:
            return found
        asked = "SELECT place, value FROM spooled WHERE key = ?"
        for place, value in self._asked(asked, orjson.dumps(key)):
            return self._keep(key, place, pickle.loads(value))  # noqa: S301 - written by us
        return None

    def _keep(self, key: _K, place: int, value: _V) -> tuple[int, _V]:
        if len(self._recent) >= self.most_in_memory:
            self._let_go(self.most_in_memory // 2)
        self._recent[key] = kept = (place, value)
        self._at[place] = value
        return kept

    def _let_go(self, how_many: int) -> None:
        """Write the oldest of those in memory, where they were changed, and forget them."""
        oldest = list(islice(self._recent, how_many))
        changed = [
            (place, orjson.dumps(key), pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
            for key in oldest
            if key in self._changed
            for place, value in (self._recent[key],)
        ]
        with needing_room():
            file = self._opened()
            file.execute("BEGIN")
            file.executemany("REPLACE INTO spooled VALUES (?, ?, ?)", changed)
            file.execute("COMMIT")
        self._changed.difference_update(oldest)
        self._recent = dict(islice(self._recent.items(), how_many, None))
        self._at = dict(self._recent.values())

    def _asked(self, statement: str, *given: object) -> list[tuple[int, bytes]]:
        if self._file is None:
            return []
        with needing_room():
            return self._file.execute(statement, given).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            # What is read in a thread is used outside it, one after the other.
            self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for setting in _SETTINGS:
                self._file.execute(f"PRAGMA {setting}")
            self._file.execute(_TABLE)
        return self._file

    @staticmethod
    def _key(written: bytes) -> _K:
        read = orjson.loads(written)
        return cast("_K", tuple(read) if isinstance(read, list) else read)

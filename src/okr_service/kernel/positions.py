"""Places in PostgreSQL's write-ahead log: how far a primary has come, and since when.

How old a replica's state is follows from where the primary was and when, by the clock of
this process: whatever a replica has replayed, it is not older than the latest moment at which
the primary had not come further. So neither clocks of other machines count, nor does a
primary that is idle pass for a replica that lags, nor a replica that hears nothing any more
for one that has all there is.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from sqlalchemy import text

_TOKEN = re.compile(r"[0-9a-f]{24}")

# After it lies nothing that anybody can see: what is inserted is beyond what is flushed where
# commits do not wait for the disk. A page's header, which is counted before there is a record
# in the page, never reaches a replica by itself; no commit's record fits in 40 bytes with one.
PRIMARY_POSITION = text(
    """
    SELECT CAST(CAST('x' || left(pg_walfile_name(flushed), 8) AS bit(32)) AS integer),
           CAST(CASE WHEN inserted - flushed <= 40
                      AND (flushed - CAST('0/0' AS pg_lsn)) % 8192 = 0
                     THEN flushed ELSE inserted END - CAST('0/0' AS pg_lsn) AS bigint)
      FROM (SELECT pg_current_wal_flush_lsn() AS flushed,
                   pg_current_wal_insert_lsn() AS inserted) AS here
    """
)
# A replica writes down its timeline some minutes after it changed; until then it passes for old.
REPLAYED_POSITION = text(
    """
    SELECT greatest((SELECT timeline_id FROM pg_control_checkpoint()),
                    (SELECT min_recovery_end_timeline FROM pg_control_recovery())),
           CAST(pg_last_wal_replay_lsn() - CAST('0/0' AS pg_lsn) AS bigint)
     WHERE pg_is_in_recovery()
    """
)


class Position(NamedTuple):
    """A place in the log.

    Each promotion begins another timeline, and whoever is on it has what came of the one before:
    a replica that still follows a former primary is behind, however much it has of that one.
    """

    timeline: int
    byte: int


def token(position: Position) -> str:
    """Return a position as callers see it."""
    return f"{position.timeline:08x}{position.byte:016x}"


def position_of(token: str) -> Position | None:
    """Return the position of a token, or None where it is none."""
    if not _TOKEN.fullmatch(token):
        return None
    return Position(int(token[:8], 16), int(token[8:], 16))


class History:
    """Where the primary was at moments, as far back as is of use."""

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._positions: list[Position] = []
        self._moments: list[float] = []

    def note(self, moment: float, position: Position) -> None:
        """Note that at a moment the primary had come no further than to a position."""
        while self._positions and self._positions[-1] > position:
            self._positions.pop()  # it was restored from a backup, which never had these
            self._moments.pop()
        self._positions.append(position)
        self._moments.append(moment)
        old = bisect_right(self._moments, moment - self._kept)
        del self._positions[:old], self._moments[:old]

    def age(self, replayed: Position, now: float) -> float | None:
        """Return how many seconds old at most a state is; None if older than all that is noted."""
        later = bisect_right(self._positions, replayed)
        return now - self._moments[later - 1] if later else None

    def span(self, now: float) -> float:
        """Return how many seconds ago the first moment is that is noted."""
        return now - self._moments[0] if self._moments else 0.0

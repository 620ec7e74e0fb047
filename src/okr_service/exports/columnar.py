"""Tables as Parquet: read by columns, a row group at a time.

arro3 writes it, which is Apache's own Rust library with as little Python around it as it
takes: a quarter of what pyarrow weighs. It reads the lines of JSON that PostgreSQL writes,
so that no row becomes a Python object, and no figure a float. It asks for its rows and does
not take them, so each file is written by a thread of its own, which waits for whoever reads.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import suppress
from threading import Thread
from typing import IO, TYPE_CHECKING, TypeVar, cast

from okr_service.exports.errors import FormNotInstalled
from okr_service.exports.tables import Kind

if TYPE_CHECKING:
    from arro3.core import RecordBatch, Schema

try:
    from arro3 import core, io
except ImportError:  # the extra is not installed
    core = io = None  # type: ignore[assignment] # see `require_parquet`

_EXTRA = "parquet"
_GROUP = 20_000  # rows
_WAITING = 8  # pieces that are written and not yet taken
_DIGITS, _PLACES = 38, 10  # a figure has at most 10 places
_T = TypeVar("_T")


def require_parquet() -> None:
    """Raise FormNotInstalled where nothing here writes Parquet."""
    if io is None:
        raise FormNotInstalled("Parquet", _EXTRA)


def schema(columns: Mapping[str, Kind]) -> "Schema":
    """Return the columns' names and types."""
    kinds = {
        Kind.FIGURE: core.DataType.decimal128(_DIGITS, _PLACES),
        Kind.RATIO: core.DataType.float64(),
        Kind.COUNT: core.DataType.int64(),
        Kind.DAY: core.DataType.date32(),
        Kind.MOMENT: core.DataType.timestamp("us", tz="UTC"),
        Kind.FLAG: core.DataType.bool(),
    }
    text = core.DataType.string()
    return core.Schema(
        [core.Field(n, kinds.get(kind, text), nullable=True) for n, kind in columns.items()]
    )


async def parquet(
    parts: AsyncIterator[IO[bytes]], columns: Mapping[str, Kind]
) -> AsyncIterator[bytes]:
    """Give a file of the rows that parts have as lines of JSON, as it is written."""
    writing = _Writing(parts, schema(columns))
    writing.start()
    try:
        while piece := await writing.pieces.get():
            yield piece
    finally:
        await writing.end()
    if writing.failure is not None:
        raise writing.failure


class _Writing(Thread):
    """A file that is being written, as the library sees one: it may be told, and not moved."""

    closed = False

    def __init__(self, parts: AsyncIterator[IO[bytes]], schema: "Schema") -> None:
        super().__init__(daemon=True)
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self.failure: Exception | None = None
        self._loop, self._parts, self._schema = asyncio.get_running_loop(), parts, schema
        self._unwanted, self._place = False, 0

    def run(self) -> None:
        """Write the file; an empty piece is its end, whole or not."""
        try:
            reader = core.RecordBatchReader.from_batches(self._schema, self._batches())
            file = cast("IO[bytes]", self)  # as much of one as the library uses
            io.write_parquet(reader, file, max_row_group_size=_GROUP, compression="zstd(3)")
        except Exception as error:  # noqa: BLE001 - whoever reads the file is to know of any
            self.failure = self.failure or error
        self._wait_for(self.pieces.put(b""))

    def _batches(self) -> Iterator["RecordBatch"]:
        try:
            while not self._unwanted and (part := self._next()) is not None:
                yield from io.read_json(part, self._schema, batch_size=_GROUP)
        except Exception as error:
            self.failure = error  # the library would pass on what it says and not what it is
            raise

    def _next(self) -> IO[bytes] | None:
        return self._wait_for(anext(self._parts, None))

    def write(self, data: bytes) -> int:
        """Take what is written next, once there is room for it."""
        if not self._unwanted:  # the library makes a panic of an error raised here
            self._wait_for(self.pieces.put(bytes(data)))
        self._place += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is on its way."""

    def tell(self) -> int:
        """Return how much is written."""
        return self._place

    def seek(self, *_: int) -> int:
        """Stay at the end."""
        return self._place

    async def end(self) -> None:
        """Let the thread end, whether or not it is through."""
        self._unwanted = True
        while self.is_alive():
            with suppress(asyncio.QueueEmpty):
                self.pieces.get_nowait()
            await asyncio.sleep(0.01)

    def _wait_for(self, work: Awaitable[_T]) -> _T:
        async def done() -> _T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

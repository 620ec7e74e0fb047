"""The bodies of requests: read up to a limit, into memory or onto a disk."""

import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, cast

from fastapi import Request

from okr_service.kernel.errors import BodyTooLarge
from okr_service.kernel.payload import Json, read_json
from okr_service.kernel.spooled import needing_room

_IN_MEMORY = 1 << 20
_TAKEN_AT_ONCE = 1 << 18


class BoundedRequest(Request):
    """A request whose body is read up to a limit, and its JSON exactly."""

    limit = 0

    async def body(self) -> bytes:
        """Return the body."""
        if not hasattr(self, "_read"):
            self._read = bytearray()
            async for chunk in self._bounded():
                self._read += chunk
        return bytes(self._read)

    async def json(self) -> Json:
        """Return the body's JSON."""
        return read_json(await self.body())

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body, a piece at a time, as often as asked."""
        yield await self.body()

    async def _bounded(self) -> AsyncIterator[bytes]:
        # FastAPI's own limit answers in plain text where the length is announced.
        if int(self.headers.get("content-length") or 0) > self.limit:
            raise BodyTooLarge
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > self.limit:
                raise BodyTooLarge
            yield chunk


class FileRequest(BoundedRequest):
    """A request whose body is a file: on the disk, where it is large."""

    async def receive_file(self) -> None:
        """Read the file.

        Raises:
            BodyTooLarge, NoRoomForFile.
        """
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - see `close`
        try:
            with needing_room():
                async for chunk in self._bounded():
                    self._file.write(chunk)
        except BaseException:
            self.close_file()
            raise

    @property
    def file(self) -> BinaryIO:
        """Return the file, at its beginning."""
        self._file.seek(0)
        return cast("BinaryIO", self._file)

    def close_file(self) -> None:
        """Give the room on the disk back."""
        self._file.close()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the file, a piece at a time, as often as asked."""
        file = self.file
        while piece := file.read(_TAKEN_AT_ONCE):
            yield piece

"""Taking the file out of a request: as its body, or as the one file of a form."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from okr_service.imports.errors import OneFileExpected
from okr_service.imports.formats import Format, Upload
from okr_service.kernel.spooled import needing_room
from okr_service.rest.errors import BadRequest, UnsupportedMediaType

_FORM = "multipart/form-data"
_TYPES = ", ".join([*Format, _FORM])
_TAKEN_AT_ONCE = 1 << 16
_VAGUE = {"", "application/octet-stream", "application/vnd.ms-excel", "text/plain"}


@asynccontextmanager
async def uploaded(headers: Headers, body: BinaryIO) -> AsyncIterator[Upload]:
    """Lend the file that a request carries.

    Raises:
        UnsupportedMediaType, OneFileExpected, BadRequest, NoRoomForFile.
    """
    given = _media_type(headers.get("content-type", ""))
    if given != _FORM:
        yield Upload(body, _format(given, ""))
        return
    parser = MultiPartParser(headers, _pieces(body), max_files=2, max_fields=10)
    try:
        with needing_room():  # for a second copy
            form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise BadRequest from error
    try:
        yield _only_file(form)
    finally:
        await form.close()


def _only_file(form: FormData) -> Upload:
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise OneFileExpected(len(files))
    [file] = files
    return Upload(file.file, _format(_media_type(file.content_type or ""), file.filename or ""))


def _media_type(given: str) -> str:
    return given.partition(";")[0].strip().lower()


def _format(given: str, name: str) -> Format:
    """Return the format by the media type, or by the name where a browser knew none."""
    named = Format.of_name(name)
    if given in _VAGUE and named is not None:
        return named
    try:
        return Format(given)
    except ValueError as error:
        raise UnsupportedMediaType(_TYPES) from error


async def _pieces(body: BinaryIO) -> AsyncGenerator[bytes, None]:
    while piece := body.read(_TAKEN_AT_ONCE):
        yield piece

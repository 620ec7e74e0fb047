"""Uploads that break off, and a service without room: the answer is exact, nothing is half done."""

import asyncio
import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.formparsers import MultiPartParser
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.files import workbook
from tests.imports.test_import import YEAR, counts, send
from tests.imports.working import rows
from tests.rest.listening import listening
from tests.rollup.stored import assert_right

from okr_service.imports.formats import Format
from okr_service.kernel.database import Database
from okr_service.kernel.errors import DatabaseUnavailable

_KINDS = ("objectives", "units", "cycles", "key-results", "check-ins", "actions")


async def _found(app: FastAPI, tenant: Tenant) -> list[int]:
    async with client(app, tenant.key) as rest:
        answers = [await rest.get(f"/v1/{kind}", params={"count": "exact"}) for kind in _KINDS]
    return [answer.json()["page"]["total"] for answer in answers]


async def _upload(
    port: int, key: str, body: bytes, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin to send a file of a length, and send what there is of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v1/imports?mode=commit HTTP/1.1",
        *("Host: okr", f"Authorization: Bearer {key}", "Content-Type: text/csv"),
        f"Content-Length: {length}",
    )
    writer.write("\r\n".join((*head, "", "")).encode() + body)
    await writer.drain()
    return reader, writer


async def test_an_upload_that_breaks_off_does_nothing(app: FastAPI, tenant: Tenant) -> None:
    body = YEAR.encode()
    async with listening(app) as port:
        for part in (0, len(body) // 2, len(body)):  # whole lines, even
            _, writer = await _upload(port, tenant.key, body[:part], len(body) + 1)
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)
        assert await _found(app, tenant) == [0] * len(_KINDS)


async def test_one_that_leaves_finds_all_done_or_nothing(
    app: FastAPI, database: Database, tenant: Tenant
) -> None:
    body, many = rows(400).encode(), 400
    async with listening(app) as port:
        for nth in range(6):
            _, writer = await _upload(port, tenant.key, body, len(body))
            await asyncio.sleep(0.1 * nth)
            writer.transport.abort()
        async with client(app, tenant.key) as rest:
            done = await send(rest, body)  # after whatever is still at it
        assert sum(counts(done.json()).values()) == many
        assert (await _found(app, tenant))[0] == many
    await assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
async def test_a_part_of_a_workbook_is_refused(app: FastAPI, tenant: Tenant, part: float) -> None:
    whole = workbook({"KH": [line.split(",") for line in YEAR.splitlines()]})
    async with client(app, tenant.key) as rest:
        answer = await rest.post(
            "/v1/imports",
            params={"mode": "commit"},
            content=whole[: int(len(whole) * part)],
            headers={"Content-Type": Format.XLSX},
        )
    assert answer.status_code in {400, 422}, answer.text
    assert await _found(app, tenant) == [0] * len(_KINDS)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Have the process write no larger files, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_a_service_without_room_for_a_file_says_so(
    start: Start, tenant: Tenant, language: str
) -> None:
    app, large = start(), rows(60_000).encode()
    async with client(app, tenant.key) as rest:
        with no_file_larger_than(1 << 20):
            refused = await send(rest, large, language=language)
        told = refused.json()
        assert (refused.status_code, told["code"]) == (503, "no-room-for-file")
        assert refused.headers["retry-after"]
        assert (await send(rest, YEAR)).status_code == 200


async def test_a_form_for_whose_second_copy_there_is_no_room_says_so(
    app: FastAPI, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: MultiPartParser) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(MultiPartParser, "parse", full)
    async with client(app, tenant.key) as rest:
        refused = await rest.post("/v1/imports", files={"file": ("year.csv", YEAR)})
    assert (refused.status_code, refused.json()["code"]) == (503, "no-room-for-file")


@pytest.mark.parametrize("state", ["53100", "53200"])
async def test_a_database_without_room_is_away(database: Database, state: str) -> None:
    failing = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as tx:
            await tx.execute(text(failing))

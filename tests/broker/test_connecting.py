"""Who may connect, and how: tokens, credentials files, and TLS where the address asks for it."""

import asyncio
import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.broker.conftest import Serving
from tests.broker.server import STREAM
from tests.broker.trust import Trust, self_signed

from okr_service.broker.errors import Away
from okr_service.broker.stream import Message, Stream
from okr_service.events.cursors import Cursor
from okr_service.settings import Settings

_PAGE = Path(__file__).parents[2] / "docs" / "following.md"
_TOKEN = "t0ken-of-the-broker"
_SAID = Message("okr.t.okr.unit.created", "1", Cursor(1), b"{}")


def stream_of(settings: Settings, *addresses: str, **given: object) -> Stream:
    """Return the stream as settings say."""
    return Stream(settings.model_copy(update={"broker_url": addresses, **given}))


async def why_not(stream: Stream) -> str | None:
    """Store a message; returns why it could not be."""
    try:
        await stream.store(_SAID, 0)
    except Away as error:
        return str(error)
    finally:
        await stream.close()
    return None


async def test_a_token_is_shown(settings: Settings, serving: Serving) -> None:
    server = serving(f'authorization {{ token: "{_TOKEN}" }}')
    good = stream_of(settings, server.address, broker_token=SecretStr(_TOKEN))
    assert await why_not(good) is None
    for token in (SecretStr("other"), None):
        bad = stream_of(settings, server.address, broker_token=token)
        assert "Authorization Violation" in str(await why_not(bad))


async def test_credentials_are_signed_with(settings: Settings, serving: Serving) -> None:
    trust = Trust.made()
    server = serving(trust.configuration)

    def with_credentials(text: str) -> Stream:
        return stream_of(settings, server.address, broker_credentials=SecretStr(text))

    assert await why_not(with_credentials(trust.credentials)) is None
    for bad in (Trust.made().credentials, "no credentials"):
        why = await why_not(with_credentials(bad))
        assert why
        assert bad not in why


async def test_the_permissions_that_the_page_names_are_enough(
    settings: Settings, serving: Serving
) -> None:
    [told] = [line for line in _PAGE.read_text().splitlines() if "$JS.API.STREAM.INFO" in line]
    publishes, subscribes = (re.findall(r"`(\S+)`", half) for half in told.split(";"))
    trust = Trust.made(publishes, subscribes)
    server = serving(trust.configuration)
    credentials = SecretStr(trust.credentials)
    for _ in range(2):  # making the stream, and finding it
        stream = stream_of(settings, server.address, broker_credentials=credentials)
        found = await stream.last(_SAID.subject)
        assert await stream.store(_SAID, found.sequence if found else 0) > 0
        await stream.close()


async def test_tls_is_spoken_with_whom_the_machine_trusts(
    settings: Settings, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    server = serving(f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}')
    address = f"tls://127.0.0.1:{server.port}"
    assert await why_not(stream_of(settings, address)) == "SSLCertVerificationError"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await why_not(stream_of(settings, address)) is None


async def test_nothing_is_sent_without_tls_where_the_address_asks_for_it(
    settings: Settings,
) -> None:
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.9.10","headers":true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        address = f"tls://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        asked = stream_of(settings, address, broker_token=SecretStr(_TOKEN))
        assert await why_not(asked) == "SecureConnWantedError"
    assert heard == b""


async def test_a_stream_for_other_subjects_is_told_of(settings: Settings, serving: Serving) -> None:
    server = serving()
    async with server.client() as connected:
        await connected.jetstream().add_stream(name=STREAM, subjects=["other.>"])
    why = await why_not(stream_of(settings, server.address))
    assert why == "the stream does not take their subjects"


async def test_another_server_of_the_cluster_is_tried(settings: Settings, serving: Serving) -> None:
    server = serving()
    for _ in range(5):  # in any order
        stream = stream_of(settings, "nats://127.0.0.1:1", server.address)
        assert await stream.last("okr.>") is None
        await stream.close()


async def test_all_who_need_a_connection_wait_for_the_same(
    settings: Settings, serving: Serving
) -> None:
    server = serving()

    async def next_client() -> int:
        async with server.client() as connected:
            return connected.client_id or 0

    assert await why_not(stream_of(settings, server.address)) is None  # which made the stream
    before = await next_client()
    stream = stream_of(settings, server.address)
    found = await asyncio.gather(*(stream.last(f"okr.other{nth}.>") for nth in range(20)))
    assert set(found) == {None}
    assert await next_client() == before + 2
    await stream.close()

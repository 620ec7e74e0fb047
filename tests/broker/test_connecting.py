"""Who may connect, and how: tokens, credentials files, and TLS where the address asks for it."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import nkeys
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from tests.broker.conftest import Serving

from okr_service.broker.errors import Away
from okr_service.broker.stream import Message, Stream
from okr_service.events.cursors import Cursor
from okr_service.settings import Settings

_TOKEN = "t0ken-of-the-broker"
_SAID = Message("okr.t.okr.unit.created", "1", Cursor(1), b"{}")
Streams = Callable[..., Stream]


def stream_of(settings: Settings, **given: object) -> Stream:
    """Return the stream as settings say."""
    return Stream(settings.model_copy(update=given))


async def is_stored(stream: Stream) -> bool:
    """Say whether a message could be stored."""
    try:
        return await stream.store(_SAID, 0) > 0
    finally:
        await stream.close()


async def test_a_token_is_shown(settings: Settings, serving: Serving) -> None:
    server = serving(f'authorization {{ token: "{_TOKEN}" }}')
    address = (server.address,)
    good = stream_of(settings, broker_url=address, broker_token=SecretStr(_TOKEN))
    assert await is_stored(good)
    for token in (SecretStr("other"), None):
        with pytest.raises(Away) as caught:
            await is_stored(stream_of(settings, broker_url=address, broker_token=token))
        assert str(caught.value) == "nats: 'Authorization Violation'"


async def test_a_credentials_file_is_signed_with(settings: Settings, serving: Serving) -> None:
    trust = _Trust.made()
    server = serving(trust.configuration)
    address = (server.address,)
    good = stream_of(settings, broker_url=address, broker_credentials=SecretStr(trust.credentials))
    assert await is_stored(good)
    for bad in (_Trust.made().credentials, "no credentials"):
        with pytest.raises(Away):
            await is_stored(
                stream_of(settings, broker_url=address, broker_credentials=SecretStr(bad))
            )


async def test_tls_is_spoken_with_whom_the_machine_trusts(
    settings: Settings, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _self_signed(tmp_path)
    server = serving(f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}')
    address = (f"tls://127.0.0.1:{server.port}",)
    with pytest.raises(Away) as caught:
        await is_stored(stream_of(settings, broker_url=address))
    assert str(caught.value) == "SSLCertVerificationError"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await is_stored(stream_of(settings, broker_url=address))


async def test_without_tls_nothing_is_sent_where_the_address_asks_for_it(
    settings: Settings,
) -> None:
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.9.10","headers":true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        address = (f"tls://127.0.0.1:{listening.sockets[0].getsockname()[1]}",)
        asked = stream_of(settings, broker_url=address, broker_token=SecretStr(_TOKEN))
        with pytest.raises(Away) as caught:
            await is_stored(asked)
    assert str(caught.value) == "SecureConnWantedError"
    assert heard == b""


async def test_another_server_of_the_cluster_is_tried(settings: Settings, serving: Serving) -> None:
    server = serving()
    for first, second in (("nats://127.0.0.1:1", server.address), (server.address, "nats://[::1]:1")):
        assert await is_stored(stream_of(settings, broker_url=(first, second))) or first
        break


async def test_all_who_wait_for_a_connection_wait_for_the_same(
    settings: Settings, serving: Serving
) -> None:
    server = serving()
    stream = stream_of(settings, broker_url=(server.address,))
    found = await asyncio.gather(*(stream.last(f"okr.t{nth}.>") for nth in range(20)))
    assert set(found) == {None}
    async with server.client() as connected:
        assert connected.client_id == 2  # the second that ever connected
    await stream.close()


@dataclass(frozen=True)
class _Trust:
    """An operator, its account, and a user of that: what `nsc` would make."""

    configuration: str
    credentials: str

    @classmethod
    def made(cls) -> "_Trust":
        operator, account, user = (_pair(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER))
        unlimited = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1, "subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1, "wildcards": True, "leaf": -1}
        of_operator = _jwt(operator, operator, {"type": "operator", "version": 2})
        of_account = _jwt(account, operator, {"type": "account", "version": 2, "limits": unlimited})
        of_user = _jwt(user, account, {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}})
        public = account.public_key.decode()
        return cls(
            f'operator: "{of_operator}"\nresolver: MEMORY\nresolver_preload {{ {public}: "{of_account}" }}\n',
            f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n",
        )

"""Asking strangers: never inside our own network, never longer or more than is bearable."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from okr_service.kernel.outgoing import LARGEST_BYTES, NoAnswer, Outgoing, Resolve, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_an_address_inside_somebodys_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "20.190.151.68", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


async def why(outgoing: Outgoing, url: str) -> str:
    with pytest.raises(NoAnswer) as refused:
        await outgoing.get(url)
    return refused.value.why


def resolving(*addresses: str) -> Resolve:
    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


class Server:
    """A server on loopback that notes what it is asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.hosts: list[str] = []
        self.sent: dict[str, str] = {}
        self.body = b"{}"
        noted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                noted.hosts.append(self.headers["Host"])
                noted.sent = dict(self.headers.items())
                self.send_response(200)
                self.end_headers()
                with suppress(ConnectionError):  # of one who has heard enough
                    self.wfile.write(noted.body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "0x7f.1", "2130706433", "127.1"]
)
async def test_loopback_is_not_asked_however_it_is_spelt(server: Server, host: str) -> None:
    refused = await why(Outgoing(allow_private=False), f"http://{host}:{server.port}/")
    assert refused in ("private-address", "unresolved", "connection")
    assert server.hosts == []


async def test_a_name_that_leads_inside_is_not_followed(server: Server) -> None:
    url = f"http://id.example:{server.port}/"
    for addresses in (("127.0.0.1",), ("10.0.0.1", "::1")):
        outgoing = Outgoing(allow_private=False, resolve=resolving(*addresses))
        assert await why(outgoing, url) == "private-address"
    assert await why(Outgoing(allow_private=False, resolve=resolving()), url) == "unresolved"
    assert server.hosts == []


async def test_a_name_is_looked_up_once_and_that_is_the_address_connected_to(
    server: Server,
) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    outgoing = Outgoing(allow_private=True, resolve=rebinding)
    await outgoing.get(f"http://id.example:{server.port}/")
    assert server.hosts == [f"id.example:{server.port}"]
    assert next(answers) == ["10.0.0.1"]


async def test_the_next_address_is_tried_where_one_refuses(server: Server) -> None:
    outgoing = Outgoing(allow_private=True, resolve=resolving("127.0.0.2", "::1", "127.0.0.1"))
    assert (await outgoing.get(f"http://id.example:{server.port}/")).body == b"{}"


@pytest.fixture
def nothing_comes_back(server: Server) -> Iterator[str]:
    """Yield an address at which the server's port takes no more connections, and refuses none."""
    address = "127.0.0.3"
    with socket.socket() as full, ExitStack() as waiting:
        full.bind((address, server.port))
        full.listen(0)
        for _ in range(2):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((address, server.port))
        yield address


async def test_the_next_address_is_tried_where_nothing_comes_back(
    server: Server, nothing_comes_back: str
) -> None:
    outgoing = Outgoing(allow_private=True, resolve=resolving(nothing_comes_back, "127.0.0.1"))
    assert (await outgoing.get(f"http://id.example:{server.port}/")).body == b"{}"


async def test_nothing_of_ours_is_sent_along(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await Outgoing(allow_private=True).get(f"http://127.0.0.1:{server.port}/")
    assert {name.lower() for name in server.sent} == {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
    }


async def test_what_is_sent_back_is_bounded(server: Server) -> None:
    server.body = b"x" * LARGEST_BYTES
    outgoing = Outgoing(allow_private=True)
    assert len((await outgoing.get(f"http://127.0.0.1:{server.port}/")).body) == LARGEST_BYTES
    server.body += b"x"
    assert await why(outgoing, f"http://127.0.0.1:{server.port}/") == "too-large"


@pytest.mark.parametrize("said", [b"", b"x\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\0" * 100])
async def test_what_is_no_http_is_no_answer(said: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    speaking = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = speaking.sockets[0].getsockname()[1]
    assert await why(Outgoing(allow_private=True), f"http://127.0.0.1:{port}/") == "connection"
    speaking.close()


async def test_a_name_that_is_none_is_not_found() -> None:
    outgoing = Outgoing(allow_private=True)
    for host in ("nowhere.invalid", "a" * 70 + ".example", "a..b"):
        assert await why(outgoing, f"https://{host}/") in ("unresolved", "connection")


def _certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate; returns what serves it, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(pem))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cadata=made.public_bytes(pem).decode())


async def test_a_server_is_known_by_the_certificate_of_its_name(tmp_path: Path) -> None:
    serving, trusting = _certificate("id.example", tmp_path)
    server = Server(serving)
    resolve = resolving("127.0.0.1")
    outgoing = Outgoing(allow_private=True, trusted=trusting, resolve=resolve)

    assert (await outgoing.get(f"https://id.example:{server.port}/")).body == b"{}"
    assert server.hosts == [f"id.example:{server.port}"]
    assert await why(outgoing, f"https://other.example:{server.port}/") == "certificate"
    untrusting = Outgoing(allow_private=True, resolve=resolve)
    assert await why(untrusting, f"https://id.example:{server.port}/") == "certificate"
    server.stop()

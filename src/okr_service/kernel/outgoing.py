"""Asking servers that a customer named, without being led inside our own network.

A name can be that of a machine of ours, or become it between being looked up and
being connected to. So it is resolved here, once, and only an address of the public
internet is connected to, under the name's own certificate; an operator may allow
others. Redirects and proxies are not followed; size and time are bounded; bodies are
not unpacked, so none is larger than it was sent.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx
from opentelemetry.trace import SpanKind

from okr_service.kernel.telemetry import span

LONGEST_SECONDS = 5.0
LARGEST_BYTES = 262_144
_SHOWN = 300
_ADDRESSES_TRIED = 4
_LOOK_UPS_AT_ONCE = 4
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")
_OK = 200
_REDIRECTS = range(300, 400)

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Why(StrEnum):
    """What came between a question and its answer."""

    UNRESOLVED = "unresolved"
    PRIVATE = "private-address"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    STATUS = "status"
    ENCODING = "encoding"
    TOO_LARGE = "too-large"


class NoAnswer(Exception):
    """A server gave no answer that can be used: why, where, and what was found instead."""

    def __init__(self, why: str, url: str, found: str | None = None) -> None:
        super().__init__(why, url, found)
        self.why, self.url, self.found = why, url, found and found[:_SHOWN]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a server took what it was sent; what it said besides was not read."""

    status: int
    headers: Mapping[str, str]


class Outgoing:
    """Asks other people's servers."""

    def __init__(
        self,
        *,
        allow_private: bool,
        trusted: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        look_ups_at_once: int = _LOOK_UPS_AT_ONCE,
    ) -> None:
        self._allow_private = allow_private
        self._look_ups_at_once = look_ups_at_once
        self._trusted = trusted
        self._resolve = resolve or self._look_up

    async def get(self, url: str) -> Answer:
        """Return what is at an address.

        Raises:
            NoAnswer: it cannot be had, or not within 5 seconds and 256 kB.
        """
        asked = self._asked("GET", url, _HEADERS, LONGEST_SECONDS)
        with span("GET", SpanKind.CLIENT):  # to whom is for nobody to read
            async with _answering(url, LONGEST_SECONDS), asked as response:
                _require_plain(response, url)
                return Answer(await _bounded(response, url), dict(response.headers))

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> Receipt:
        """Send something to an address; a redirect is an answer like any other.

        Raises:
            NoAnswer: nothing takes it, or not within so many seconds.
        """
        given = {**_HEADERS, **headers}
        asked = self._asked("POST", url, given, seconds, body)
        with span("POST", SpanKind.CLIENT) as shown:
            async with _answering(url, seconds), asked as response:
                shown.set_attribute("http.response.status_code", response.status_code)
                return Receipt(response.status_code, dict(response.headers))

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        seconds: float,
        body: bytes | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Ask the server that the URL names, certificate included, at one of its addresses.

        Of the seconds that whoever asks bounds the whole by, each address has its share, so
        that one from which nothing comes back leaves time for the next.
        """
        named = httpx.URL(url)
        last: httpx.ConnectError | httpx.ConnectTimeout | None = None
        addresses = await self._addresses(named)
        shared = httpx.Timeout(None, connect=seconds / len(addresses))
        transport = httpx.AsyncHTTPTransport(verify=self._context)
        async with httpx.AsyncClient(
            transport=transport, timeout=shared, trust_env=False
        ) as client:
            for address in addresses:
                request = client.build_request(method, named, headers=headers, content=body)
                request.extensions["sni_hostname"] = _ascii_host(named)
                request.url = named.copy_with(host=address)
                try:
                    response = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    last = error
                    continue
                try:
                    yield response
                finally:
                    await response.aclose()
                return
        assert last is not None, "there is an address to try"
        raise last

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._trusted or ssl.create_default_context()  # whom the machine trusts

    async def _addresses(self, url: httpx.URL) -> list[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(_ascii_host(url), port)
        except (OSError, UnicodeError) as error:
            raise NoAnswer(Why.UNRESOLVED, str(url)) from error
        allowed = [a for a in found if self._allow_private or is_public(ip_address(a))]
        if not allowed:
            raise NoAnswer(Why.PRIVATE if found else Why.UNRESOLVED, str(url))
        return allowed[:_ADDRESSES_TRIED]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        # Its own, so that a name server that does not answer holds up nobody else's look-ups.
        return ThreadPoolExecutor(self._look_ups_at_once, "outgoing")

    async def _look_up(self, host: str, port: int) -> list[str]:
        def found() -> Iterator[str]:
            for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                yield str(place[0])

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: list(dict.fromkeys(found())))


def _ascii_host(url: httpx.URL) -> str:
    """Return a URL's host as it was given: decoded, Python would encode it by older rules."""
    return url.raw_host.decode("ascii")


_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "okr-service",
}


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the public internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        if address not in _GLOBAL_UNICAST or address in _6TO4:
            return False
    return address.is_global and not address.is_multicast


@asynccontextmanager
async def _answering(url: str, seconds: float) -> AsyncIterator[None]:
    """Say why an address gave no answer, within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, httpx.TimeoutException) as error:
        raise NoAnswer(Why.TIMEOUT, url) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise NoAnswer(_why(error), url) from error


def _require_plain(response: httpx.Response, url: str) -> None:
    if response.status_code in _REDIRECTS:
        raise NoAnswer(Why.REDIRECT, url, response.headers.get("location"))
    if response.status_code != _OK:
        raise NoAnswer(Why.STATUS, url, str(response.status_code))
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise NoAnswer(Why.ENCODING, url, encoding)


async def _bounded(response: httpx.Response, url: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise NoAnswer(Why.TOO_LARGE, url)
    return bytes(body)


def _why(error: BaseException) -> Why:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Why.CERTIFICATE
        cause = cause.__cause__ or cause.__context__
    return Why.CONNECTION

"""A real issuer on loopback: it signs tokens and serves its discovery document and keys."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

Json = dict[str, Any]
Document = tuple[int, dict[str, str], bytes]
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
DISCOVERY = "/.well-known/openid-configuration"
METADATA = "/.well-known/oauth-authorization-server"
KEYS = "/keys"
_ISSUERS = count()
_OTHERS_KEYS = 8  # issuers of one test have keys of their own, of many tests the same


def make_key(alg: str) -> Key:
    """Make a private key for an algorithm."""
    match alg[:2]:
        case "RS" | "PS":
            return RSAKey.generate_key(2048)
        case "ES":
            return ECKey.generate_key(_CURVES[alg])
        case _:
            return OKPKey.generate_key("Ed25519")


def kept_key(alg: str, number: int) -> Key:
    """Make a private key once: RSA keys take their time."""
    return _kept_key("RS256" if alg[:2] in ("RS", "PS") else alg, number)


@cache
def _kept_key(alg: str, _number: int) -> Key:
    return make_key(alg)


def sign(header: Json, claims: Json | bytes, key: Key | None) -> str:
    """Sign whatever is given, however ill-advised."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = _Anything(algorithms=list(jws.JWSRegistry.algorithms), strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


class _Anything(jws.JWSRegistry):
    max_header_length = 100_000

    def get_alg(self, name: str) -> Any:
        return self.algorithms["Ed25519" if name == "EdDSA" else name]

    def check_header(self, header: Json) -> None:
        pass


class Issuer:
    """An issuer that does as it is told, well or badly."""

    def __init__(self, path: str = "", now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.keys: dict[str, tuple[str, Key]] = {}
        self.documents: dict[str, Document] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.answering = threading.Event()
        self.answering.set()
        self._path = path
        self._series = next(_ISSUERS) % _OTHERS_KEYS
        self._numbers = count()
        self._server = self._serve(0)
        self.rotate()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The issuer, as tokens name it."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    def rotate(self, alg: str = "RS256", kid: str | None = None, *, keep: bool = False) -> str:
        """Sign with a new key from now on; publish the old ones too if asked to keep them."""
        if not keep:
            self.keys.clear()
        number = next(self._numbers)
        kid = kid or f"key-{number}"
        self.keys[kid] = (alg, kept_key(alg, number * _OTHERS_KEYS + self._series))
        return kid

    def add(self, *algs: str) -> None:
        """Publish a key for each algorithm."""
        for alg in algs:
            self.rotate(alg, f"for-{alg}", keep=True)

    def token(
        self,
        claims: Json | None = None,
        *,
        alg: str | None = None,
        kid: str | None = None,
        header: Json | None = None,
        without: tuple[str, ...] = (),
    ) -> str:
        """Sign a person's access token: with a published key, by default the newest."""
        kid = kid or next(k for k, (a, _) in reversed(self.keys.items()) if alg in (None, a))
        by, key = self.keys[kid]
        now = int(self.now())
        everything = {
            "iss": self.url,
            "aud": "okr",
            "sub": "E-1",
            "iat": now,
            "exp": now + 300,
            "client_id": "web",
            "scope": "openid",
            **(claims or {}),
        }
        kept = {name: value for name, value in everything.items() if name not in without}
        whole = {"typ": "at+jwt", "alg": alg or by, "kid": kid, **(header or {})}
        return sign({k: v for k, v in whole.items() if v is not None}, kept, key)

    def machine_token(self, scope: str = "okr:check_in", **claims: object) -> str:
        """Sign a token of the client credentials grant."""
        return self.token({"sub": "feed", "client_id": "feed", "scope": scope, **claims})

    def jwks(self) -> Json:
        """Return the keys as published."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": alg}
                for kid, (alg, key) in self.keys.items()
            ]
        }

    def publish(self, path: str, document: object, status: int = 200, **headers: str) -> None:
        """Serve something else at a path."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[path] = (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)

    def down(self) -> None:
        """Answer no more: connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def up(self) -> None:
        """Answer again, at the same address."""
        self._server = self._serve(self._port)

    @contextmanager
    def hesitating(self) -> Iterator[None]:
        """Take questions, and answer them only afterwards."""
        self.answering.clear()
        try:
            yield
        finally:
            self.answering.set()

    async def being_asked(self) -> None:
        """Wait until somebody has asked."""
        while not self.asked:  # noqa: ASYNC110 - the server is another thread
            await asyncio.sleep(0.01)

    def document(self, path: str) -> Document:
        """Return what is at a path."""
        if path in self.documents:
            return self.documents[path]
        if path == f"{self._path}{DISCOVERY}":
            said = {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"}
            return 200, {}, json.dumps(said).encode()
        if path == f"{self._path}{KEYS}":
            return 200, self.headers, json.dumps(self.jwks()).encode()
        return 404, {}, b"{}"

    def _serve(self, port: int) -> ThreadingHTTPServer:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.answering.wait(20)
                status, headers, body = issuer.document(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):  # of one who has heard enough
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self._port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server


async def agree(rest: httpx.AsyncClient, issuer: Issuer, **given: object) -> Json:
    """Have a tenant's admin register an issuer and prove it; returns the provider."""
    body = {"name": "Issuer", "issuer": issuer.url, "audience": "okr", **given}
    made = await rest.post("/v1/identity-providers", json=body)
    assert made.status_code == 201, made.text
    token = issuer.token({"aud": body["audience"]})
    path = f"/v1/identity-providers/{made.json()['id']}:prove"
    proven = await rest.post(path, json={"token": token})
    assert proven.status_code == 200, proven.text
    provider: Json = proven.json()
    return provider

"""Finding an issuer's keys: its discovery document, then its JWK Set (RFC 7517).

Sources: OpenID Connect Discovery 1.0, RFC 8414. What the document says of the issuer must
be the issuer it was asked of (RFC 8414, 3.3), letter by letter.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, RSAKey

from okr_service.identity.addresses import discovery_addresses
from okr_service.identity.provider import Algorithm, Source
from okr_service.kernel.outgoing import Answer, NoAnswer, Outgoing, Why
from okr_service.kernel.web_addresses import is_web_address

DEFAULT_AGE = 3600.0
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)
_LONGEST_NUMBER = 1400  # of an RSA key of 8192 bits, in base64url
_LONGEST_EXPONENT = 11  # 64 bits; with more it takes as long to verify as to sign
_MAX_AGE = re.compile(r'(?:^|[\s,])max-age="?(\d{1,9})', re.IGNORECASE)
_UNKEPT = re.compile(r"\bno-(?:store|cache)\b", re.IGNORECASE)
_RSA = frozenset(a for a in Algorithm if a.value[:2] in ("RS", "PS"))
_BY_CURVE = {
    "P-256": Algorithm.ES256,
    "P-384": Algorithm.ES384,
    "P-521": Algorithm.ES512,
    "Ed25519": Algorithm.EDDSA,
}
_MATERIAL = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

NOT_JSON = "not-json"
ISSUER_DIFFERS = "issuer-differs"
NO_KEY_ADDRESS = "no-key-address"
NOT_A_KEY_SET = "not-a-key-set"


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key that an issuer publishes for signatures."""

    key_id: str | None
    algorithms: frozenset[Algorithm]
    key: Key


@dataclass(frozen=True, slots=True)
class Found:
    """What an issuer publishes: its keys, and how many seconds they may be kept."""

    jwks_url: str
    keys: tuple[IssuerKey, ...]
    max_age: float


async def find_keys(outgoing: Outgoing, source: Source) -> Found:
    """Ask an issuer for its keys.

    Raises:
        NoAnswer: it cannot be reached, or what it says cannot be used.
    """
    url = source.jwks_url or await _discover(outgoing, source.issuer)
    answer = await outgoing.get(url)
    keys = _object(answer, url).get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise NoAnswer(NOT_A_KEY_SET, url)
    return Found(url, tuple(_usable(keys)), _age(answer.headers))


async def _discover(outgoing: Outgoing, issuer: str) -> str:
    first, second = discovery_addresses(issuer)
    try:
        url, answer = first, await outgoing.get(first)
    except NoAnswer as absent:
        if absent.why != Why.STATUS:
            raise
        try:
            url, answer = second, await outgoing.get(second)
        except NoAnswer as error:
            raise absent from error
    said = _object(answer, url)
    if said.get("issuer") != issuer:
        raise NoAnswer(ISSUER_DIFFERS, url, str(said.get("issuer")))
    address = said.get("jwks_uri")
    if not isinstance(address, str) or not is_web_address(address):
        raise NoAnswer(NO_KEY_ADDRESS, url, str(address))
    return address


def _object(answer: Answer, url: str) -> Mapping[str, object]:
    try:
        value = orjson.loads(answer.body)
    except ValueError as error:
        raise NoAnswer(NOT_JSON, url) from error
    if not isinstance(value, dict):
        raise NoAnswer(NOT_JSON, url)
    return value


def _age(headers: Mapping[str, str]) -> float:
    control = headers.get("cache-control", "")
    if _UNKEPT.search(control):
        return 0
    said = _MAX_AGE.search(control)
    if said is None:
        return DEFAULT_AGE
    passed = headers.get("age", "")  # since a cache on the way had it (RFC 9111, 4.2.3)
    return float(said[1]) - (float(passed) if re.fullmatch(r"\d{1,9}", passed) else 0)


def _usable(keys: list[object]) -> Iterator[IssuerKey]:
    """Yield the keys that are for signatures we take; others are nothing to us (RFC 7517, 5)."""
    for given in keys:
        if isinstance(given, dict) and (algorithms := _purposes(given)):
            key = _imported(given)
            if key is not None:
                key_id = given.get("kid")
                yield IssuerKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def _purposes(given: Mapping[str, object]) -> frozenset[Algorithm]:
    """Return what a key is for: by its type and curve, and by what it says of itself."""
    operations = given.get("key_ops", ["verify"])
    if given.get("use", "sig") != "sig" or not isinstance(operations, list):
        return frozenset()
    if "verify" not in operations or "d" in given:  # a published private key is anybody's
        return frozenset()
    suits = _suits(given)
    said = given.get("alg")
    named = Algorithm.EDDSA.value if said == "Ed25519" else said
    return suits if said is None else frozenset(a for a in suits if a.value == named)


def _suits(given: Mapping[str, object]) -> frozenset[Algorithm]:
    match given.get("kty"), given.get("crv"):
        case "RSA", _:
            return _RSA
        case ("EC", "P-256" | "P-384" | "P-521" as curve) | ("OKP", "Ed25519" as curve):
            return frozenset([_BY_CURVE[curve]])
        case _:
            return frozenset()


def _imported(given: Mapping[str, object]) -> Key | None:
    """Make a key of its numbers alone; returns None where they make none that is safe."""
    kind = str(given["kty"])
    numbers = {name: given.get(name) for name in _MATERIAL[kind]}
    texts = {name: text for name, text in numbers.items() if isinstance(text, str)}
    if len(texts) < len(numbers) or any(len(text) > _LONGEST_NUMBER for text in texts.values()):
        return None
    if kind == "RSA" and not (
        len(texts["n"]) * 6 >= _RSA_BITS.start and len(texts["e"]) <= _LONGEST_EXPONENT
    ):
        return None
    try:
        key = JWKRegistry.import_key({"kty": kind, **texts})
    except (JoseError, ValueError, KeyError, OverflowError):
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size not in _RSA_BITS:
        return None
    return key

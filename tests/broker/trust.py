"""Whom a NATS server trusts: keys and tokens as `nsc` makes them, and a certificate."""

import base64
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import nkeys
import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ANY = -1
_USER_LIMITS = {"subs": _ANY, "data": _ANY, "payload": _ANY}
_ACCOUNT_LIMITS = {
    **_USER_LIMITS,
    **dict.fromkeys(("conn", "leaf", "imports", "exports"), _ANY),
    **dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), _ANY),
    "wildcards": True,
}


@dataclass(frozen=True)
class Trust:
    """An operator with an account in it, and one user of that."""

    configuration: str  # of a server
    credentials: str  # what is in the user's file

    @classmethod
    def made(cls, publishes: Sequence[str] = (), subscribes: Sequence[str] = ()) -> "Trust":
        """Make all anew; the user may do everything, or only so much."""
        operator = _pair(nkeys.PREFIX_BYTE_OPERATOR)
        system, account = (_pair(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(2))
        user = _pair(nkeys.PREFIX_BYTE_USER)
        claims = {"type": "operator", "system_account": _public(system)}
        of_operator = _signed(operator, operator, claims)
        preloaded = "".join(
            f"{_public(one)}: {_signed(one, operator, {'type': 'account', 'limits': limits})}\n"
            for one, limits in ((system, _USER_LIMITS), (account, _ACCOUNT_LIMITS))
        )
        may = {"pub": {"allow": list(publishes)}, "sub": {"allow": list(subscribes)}}
        of_user = _signed(user, account, {"type": "user", **_USER_LIMITS, **may})
        return cls(
            f"operator: {of_operator}\nresolver: MEMORY\nresolver_preload {{ {preloaded} }}\n",
            f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
            "------END USER NKEY SEED------\n",
        )


def _pair(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), kind))


def _public(pair: nkeys.KeyPair) -> str:
    return str(pair.public_key.decode())


def _signed(of: nkeys.KeyPair, by: nkeys.KeyPair, said: Mapping[str, object]) -> str:
    """Return what one says of another: a JWT as NATS has them."""
    claims: dict[str, object] = {
        "iat": int(time.time()),
        "iss": _public(by),
        "name": "okr",
        "sub": _public(of),
        "nats": {**said, "version": 2},
    }
    claims["jti"] = base64.b32encode(hashlib.sha256(orjson.dumps(claims)).digest()).decode()
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    text = ".".join(_encoded(orjson.dumps(part)) for part in (head, claims))
    return f"{text}.{_encoded(bytes(by.sign(text.encode())))}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for loopback; returns the files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nats")])
    loopback = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(loopback, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files

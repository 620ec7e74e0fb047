"""What an API key looks like.

    okr_<tenant: 32 hexadecimal digits>_<secret: 43 base62 digits><checksum: 6 base62 digits>

The secret has 256 bits. The checksum is the CRC-32 of everything before it, as in GitHub's
tokens: a scanner can tell a leaked key from what only looks like one, and the service what
was mistyped or cut off, without asking the database. Secrets of other kinds have the same form
behind a prefix of their own.
"""

import hmac
import re
import secrets
import string
import zlib
from uuid import UUID

from okr_service.access.errors import InvalidCredential

PREFIX = "okr_"
PATTERN = r"okr_[0-9a-f]{32}_[0-9A-Za-z]{49}"  # published, for scanners
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TENANT_DIGITS = 32
_SECRET_DIGITS = 43  # 62 ** 43 is a little more than 2 ** 256
_CHECKSUM_DIGITS = 6
_SHOWN = 43  # up to the secret's sixth digit


def new_key(tenant_id: UUID, prefix: str = PREFIX) -> str:
    """Make a key of a tenant."""
    secret = "".join(secrets.choice(_BASE62) for _ in range(_SECRET_DIGITS))
    unchecked = f"{prefix}{tenant_id.hex}_{secret}"
    return unchecked + _checksum(unchecked)


def tenant_of(key: str, prefix: str = PREFIX) -> UUID:
    """Return the tenant that a key says it is of.

    Raises:
        InvalidCredential: it has not the form of a key, or its checksum is another's.
    """
    if not re.fullmatch(PATTERN.replace(PREFIX, prefix), key):
        raise InvalidCredential
    unchecked, given = key[:-_CHECKSUM_DIGITS], key[-_CHECKSUM_DIGITS:]
    if not hmac.compare_digest(given, _checksum(unchecked)):
        raise InvalidCredential
    return UUID(hex=key[len(prefix) :][:_TENANT_DIGITS])


def beginning(key: str) -> str:
    """Return what may be shown of a key, for its owner to recognise it by."""
    return key[:_SHOWN]


def _checksum(unchecked: str) -> str:
    left = zlib.crc32(unchecked.encode())
    digits = ""
    for _ in range(_CHECKSUM_DIGITS):
        left, digit = divmod(left, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits

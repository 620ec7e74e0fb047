"""The external ids that an import gives."""

import hashlib

_LONGEST_KEY = 200


def short(key: str) -> str:
    """Return a key that fits an external id; a long one ends in its digest."""
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key[: _LONGEST_KEY - len(digest) - 1]}~{digest}"

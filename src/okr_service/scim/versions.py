"""Versions of resources: weak entity tags (RFC 7644, 3.14)."""

import hashlib


def version_of(version: int, *shown: object) -> str:
    """Return the tag of a row's version and of what else is shown with it."""
    digest = hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()
    return f'W/"{version}-{digest}"'

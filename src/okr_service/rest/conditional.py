"""Versions on the wire: strong ETags of version and digest (RFC 9110, 8.8 and 13).

`If-None-Match` compares a tag whole; `If-Match` only its version, for rolled-up
figures change a representation without being anyone's edit.
"""

import hashlib
import re

from okr_service.access.serving import Service
from okr_service.kernel.documents import Representation
from okr_service.kernel.errors import MissingIfMatch
from okr_service.kernel.references import Versions
from okr_service.rest.endpoint import UnconnectedCall, WriteCall

_TAG = re.compile(r'(?<!W/)"(\d{1,18})-[0-9a-f]*"')


def etag(shown: Representation) -> str:
    """Return a representation's entity tag, quotes included."""
    digest = hashlib.blake2b(shown.text.encode(), digest_size=8).hexdigest()
    return f'"{shown.version}-{digest}"'


def expected_versions(call: WriteCall | UnconnectedCall) -> Versions:
    """Return the versions that If-Match names, or None where any will do.

    Raises:
        MissingIfMatch: there is no If-Match and the service is set to ask for one.
    """
    header = call.request.headers.get("if-match")
    if header is None:
        service: Service = call.request.app.state.service
        if service.settings.require_if_match:
            raise MissingIfMatch
        return None
    if header.strip() == "*":
        return None
    return frozenset(int(version) for version in _TAG.findall(header))


def creates_only(call: WriteCall) -> bool:
    """Say whether the request asks, by `If-None-Match: *`, not to replace anything."""
    return call.request.headers.get("if-none-match", "").strip() == "*"


def matches(if_none_match: str | None, tag: str) -> bool:
    """Say whether the caller has this very representation already."""
    if if_none_match is None:
        return False
    tags = {given.strip().removeprefix("W/") for given in if_none_match.split(",")}
    return tag in tags or "*" in tags

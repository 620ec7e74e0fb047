"""Which web addresses a customer may name for us to ask or tell."""

import re

from pydantic_core import PydanticCustomError

_LONGEST = 500
# Nothing that one reader of addresses could take for another: no credentials, backslashes,
# queries or fragments, and no dots or slashes in disguise.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::[0-9]{1,5})?(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)",
    re.ASCII,
)
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*", re.ASCII)
_DISGUISED = re.compile(r"%(?![0-9a-f]{2})|%(?:2e|2f|5c|00)", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|\[::1\]")


def require_web_address(given: str) -> str:
    """Return a web address that can be asked: https, or http to this machine itself.

    Raises:
        PydanticCustomError: it cannot.
    """
    if not is_web_address(given):
        raise PydanticCustomError("web_address", "must be a plain https address")
    return given


def require_callback_address(given: str) -> str:
    """Return a web address that can be sent to; it may have a query, with a token of its own.

    Raises:
        PydanticCustomError: it cannot.
    """
    address, mark, query = given.partition("?")
    if not is_web_address(address) or (mark and not _QUERY.fullmatch(query)):
        raise PydanticCustomError("callback_address", "must be an https address")
    return given


def is_web_address(given: object) -> bool:
    """Say whether a web address can be asked: https, or http to this machine itself."""
    if not isinstance(given, str) or len(given) > _LONGEST:
        return False
    found = _ADDRESS.fullmatch(given)
    if found is None or _DISGUISED.search(found["path"]):
        return False
    if {".", ".."} & set(found["path"].split("/")):
        return False
    return found["scheme"] == "https" or bool(_LOOPBACK.fullmatch(found["host"]))

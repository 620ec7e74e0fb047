"""GraphiQL, the explorer for browsers, from files that the service itself has."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
_FILES = ("graphiql.js", "graphiql.css", "react.js", "react-dom.js", "page.js", "page.html")
PAGE = "page.html"
# Nothing from anywhere else; GraphiQL puts styles into the page as it goes.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Asset:
    """A file, and what a browser is to be told of it."""

    body: bytes
    media_type: str
    headers: Mapping[str, str]


@cache
def asset(name: str) -> Asset | None:
    """Return a file of the explorer's, or None where there is none of this name."""
    if name not in _FILES:
        return None
    folder, media_type = files(__package__) / "static", _TYPES[name.rpartition(".")[2]]
    packed = folder / f"{name}.gz"
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    if not packed.is_file():
        return Asset((folder / name).read_bytes(), media_type, headers)
    headers |= {"Content-Encoding": "gzip", "Cache-Control": "max-age=86400"}
    return Asset(packed.read_bytes(), media_type, headers)

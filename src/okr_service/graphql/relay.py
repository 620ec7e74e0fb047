"""Global ids: which kind of thing, and which one of it, in one opaque text."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class GlobalId:
    """What a global id names."""

    kind: str
    row_id: UUID


def global_id(kind: str, row_id: UUID) -> str:
    """Make a global id."""
    return base64.b64encode(f"{kind}:{row_id}".encode()).decode()


def global_id_sql(kind: str, row_id: str) -> str:
    """Return the SQL expression that makes the same of a column."""
    return f"encode(convert_to('{kind}:' || {row_id}::text, 'UTF8'), 'base64')"


def read_global_id(given: str) -> GlobalId | None:
    """Return what a global id names, or None where it is none."""
    try:
        kind, _, row_id = base64.b64decode(given, validate=True).decode("ascii").partition(":")
        return GlobalId(kind, UUID(row_id))
    except (ValueError, binascii.Error):
        return None


def reference(given: str) -> str:
    """Return the reference that REST would take for a global id; others as they are."""
    named = read_global_id(given)
    return given if named is None else str(named.row_id)


def cursor_sql(sort: str, key: str, row_id: str) -> str:
    """Return the SQL expression that makes a cursor, the same as `kernel.documents` makes."""
    text = f"json_build_array('{sort}', {key}, {row_id})::text"
    # URL-safe, without padding and line breaks.
    return f"translate(encode(convert_to({text}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"

"""The hashes that chain events, computed outside of the database that holds them.

The recipe is in the room's first page; `functions.sql` is the same in SQL. JSON is
handled as the text that PostgreSQL writes of it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

_text = json.JSONEncoder(ensure_ascii=False).encode  # escapes what PostgreSQL does


class Event(NamedTuple):
    """What the hash of an event covers beside the hash of the one before it, in this order."""

    tenant_id: UUID
    lane: int
    place: int
    id: UUID
    occurred_at: datetime
    actor_id: UUID | None
    credential: str
    request_id: str
    action: str
    subject: str
    subject_id: UUID
    before: str | None
    after: str | None
    personal_digest: bytes | None


@dataclass(frozen=True)
class Head:
    """The end of a lane: how many events it has, and the hash of the last."""

    length: int = 0
    hash: bytes = b""


def event_hash(previous: bytes, event: Event) -> bytes:
    """Return the hash of an event that follows one with the hash `previous`."""
    text = (
        f'["{event.tenant_id}", {event.lane}, {event.place}, "{event.id}",'
        f' "{_moment(event.occurred_at)}", {_id(event.actor_id)}, {_text(event.credential)},'
        f" {_text(event.request_id)}, {_text(event.action)}, {_text(event.subject)},"
        f' "{event.subject_id}", {event.before or "null"}, {event.after or "null"},'
        f" {_hex(event.personal_digest)}]"
    )
    return hashlib.sha256(previous + text.encode()).digest()


def personal_digest(salt: bytes, before: str | None, after: str | None) -> bytes:
    """Return the digest of what an event says of a person."""
    return hashlib.sha256(salt + f"[{before or 'null'}, {after or 'null'}]".encode()).digest()


def digest(heads: Mapping[int, Head]) -> str:
    """Return one digest of the ends of a tenant's lanes, and so of every event in them."""
    lines = [f"{lane} {head.length} {head.hash.hex()}\n" for lane, head in sorted(heads.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _id(row_id: UUID | None) -> str:
    return "null" if row_id is None else f'"{row_id}"'


def _hex(value: bytes | None) -> str:
    return "null" if value is None else f'"{value.hex()}"'

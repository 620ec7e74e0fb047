"""A POST repeated with its Idempotency-Key gets its first answer again.

The answer is stored by the transaction that did the work, so either both are
there or neither. Source: draft-ietf-httpapi-idempotency-key-header. One that shows a
secret is not stored: what is shown once is not shown again, nor kept where it could be.

An answer can be erased before its time. Its key stays taken, so that the request
does not do its work again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Index, LargeBinary, Text, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import Conflict, Invalid, Malformed
from okr_service.kernel.model import Model

_LONGEST = 255
KEPT = timedelta(hours=24)
_ERASED = b""  # the fingerprint of a request whose answer was erased


class InvalidIdempotencyKey(Malformed):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was used with another request."""


class IdempotencyKeyInFlight(Conflict):
    """A request with this Idempotency-Key is still being worked on."""


class FirstAnswerErased(Conflict):
    """The first answer to this request held personal data, since erased; it is not done again."""


@dataclass(eq=False)
class SecretShownOnce(Conflict):
    """This was done before: {made} is there, but its secret was shown once and is not kept."""

    made: str


class IdempotentAnswer(Model):
    """The first answer to a request with an idempotency key."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (Index(None, "tenant_id", "created_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class IdempotentRequest:
    """Who sent which key with which request."""

    tenant_id: UUID
    caller: str
    key: str
    fingerprint: bytes


def require_key(key: str) -> None:
    """Let a key through that can be kept; raises InvalidIdempotencyKey."""
    if not (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey


async def first_answer(tx: Transaction, request: IdempotentRequest) -> IdempotentAnswer | None:
    """Return the answer given before, or None when this request is the first.

    Holds the key until the transaction ends.

    Raises:
        IdempotencyKeyInFlight: another transaction holds the key.
        IdempotencyKeyReused: the key came with another request before.
        FirstAnswerErased: the answer given before held personal data that was erased.
    """
    name = f"{request.tenant_id}/{request.caller}/{request.key}"
    held = func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0))
    if not await tx.scalar(select(held)):
        raise IdempotencyKeyInFlight
    answer = await tx.scalar(
        select(IdempotentAnswer).where(
            IdempotentAnswer.tenant_id == request.tenant_id,
            IdempotentAnswer.caller == request.caller,
            IdempotentAnswer.key == request.key,
            IdempotentAnswer.created_at > func.now() - KEPT,
        )
    )
    if answer is not None and answer.fingerprint == _ERASED:
        raise FirstAnswerErased
    if answer is not None and answer.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return answer


async def keep_answer(
    tx: Transaction, request: IdempotentRequest, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Store the answer with the work, and drop a few that are past their time."""
    await tx.execute(_DROP_EXPIRED, {"tenant_id": request.tenant_id, "kept": KEPT})
    await tx.execute(
        delete(IdempotentAnswer).where(
            IdempotentAnswer.tenant_id == request.tenant_id,
            IdempotentAnswer.caller == request.caller,
            IdempotentAnswer.key == request.key,
        )
    )
    tx.add(
        IdempotentAnswer(
            tenant_id=request.tenant_id,
            caller=request.caller,
            key=request.key,
            fingerprint=request.fingerprint,
            status=status,
            headers=headers,
            body=body,
        )
    )
    await tx.flush()


async def erase_answers(tx: Transaction, tenant_id: UUID, mentioned: Iterable[str]) -> None:
    """Erase what is kept of answers in which one of some texts is a JSON string."""
    words = [orjson.dumps(text).decode() for text in mentioned]
    of = {"tenant_id": tenant_id, "words": words, "erased": _ERASED}
    await tx.execute(_ERASE, of)


_ERASE = text(
    """
    UPDATE idempotent_answers
       SET fingerprint = :erased, headers = '{}', body = ''
     WHERE tenant_id = :tenant_id
       AND EXISTS (
           SELECT FROM unnest(:words) AS mentioned (word)
            WHERE position(convert_to(word, 'UTF8') IN body) > 0)
    """
).bindparams(bindparam("words", type_=ARRAY(Text)), bindparam("erased", type_=LargeBinary))


# A few a time, so that no request pays for a day's worth; rows another request
# is dropping are left to it.
_DROP_EXPIRED = text(
    """
    DELETE FROM idempotent_answers
     WHERE tenant_id = :tenant_id
       AND (caller, key) IN (
           SELECT caller, key
             FROM idempotent_answers
            WHERE tenant_id = :tenant_id AND created_at <= now() - CAST(:kept AS interval)
            ORDER BY created_at
            LIMIT 20
              FOR UPDATE SKIP LOCKED)
    """
)

"""Reading many rows by `COPY … TO STDOUT`, in parts, past all that is done with single rows.

A part is the rows between two ids, so that what is read needs neither a connection nor a
snapshot for longer than one statement, however long a reader takes. PostgreSQL writes the
text; a part that is larger than it should be waits on disk, not in memory.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.kernel.connections import copy_out
from okr_service.kernel.database import Reading
from okr_service.kernel.documents import Expression
from okr_service.kernel.model import TenantRow
from okr_service.kernel.replica import Reads
from okr_service.kernel.sql import DIALECT

AT_ONCE = 20_000
_IN_MEMORY = 8 * 1024 * 1024
_PIECE = 256 * 1024
_PLACEHOLDER = re.compile(r"\$(\d+)\b")


class Form(Enum):
    """How PostgreSQL writes rows: the options of COPY."""

    CSV = {"format": "csv"}  # noqa: RUF012 - an Enum's members are no attributes
    # A row is one column of JSON, in which these two never are: it is written as it is.
    LINES = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}  # noqa: RUF012 - likewise


@dataclass(frozen=True)
class Copied:
    """What to read: columns of rows, from a source, under conditions, all within one tenant.

    The ids of `model` divide it into parts; what is joined to one of its rows is in its part.
    """

    tenant_id: UUID
    model: type[TenantRow]
    statement: Select[*tuple[object, ...]]
    conditions: Sequence[ColumnElement[bool]]  # that are about the model alone
    order: Sequence[Expression] = ()  # of what is joined to one row
    without_nulls: bool = False  # in lines of JSON


async def parts(
    reads: Reads, copied: Copied, form: Form, at_once: int = AT_ONCE
) -> AsyncIterator[IO[bytes]]:
    """Give the rows in the order of their ids, so many at once, each part as a file."""
    after: UUID | None = None
    while True:
        part, last = await reads.read(
            copied.tenant_id, partial(_part, copied, form, after, at_once)
        )
        with part:
            part.seek(0)
            yield part
        if last is None:
            return
        after = last


async def _part(
    copied: Copied, form: Form, after: UUID | None, at_once: int, tx: AsyncConnection
) -> tuple[IO[bytes], UUID | None]:
    """Return the rows after an id, so many, as a file, and the id that they end with."""
    last = await _last_of_part(tx, copied, after, at_once)
    wanted = _between(copied, after, last)
    wanted = _as_lines(wanted, copied) if form is Form.LINES else wanted
    part = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by who reads it
    await copy_out(tx, await _with_values(tx, wanted), part.write, form.value)
    return part, last


async def pieces(of: AsyncIterator[IO[bytes]]) -> AsyncGenerator[bytes, None]:
    """Give what parts hold, a piece at a time."""
    async for part in of:
        while piece := part.read(_PIECE):
            yield piece


async def _last_of_part(
    tx: Reading, copied: Copied, after: UUID | None, at_once: int
) -> UUID | None:
    """Return the id that a part ends with, or None where it is the last part."""
    model = copied.model
    wanted = select(model.id).where(model.tenant_id == copied.tenant_id, *copied.conditions)
    if after is not None:
        wanted = wanted.where(model.id > after)
    found: UUID | None = await tx.scalar(wanted.order_by(model.id).offset(at_once - 1).limit(1))
    return found


def _between(copied: Copied, after: UUID | None, last: UUID | None) -> Select[*tuple[object, ...]]:
    row_id, wanted = copied.model.id, copied.statement
    wanted = wanted.where(copied.model.tenant_id == copied.tenant_id, *copied.conditions)
    wanted = wanted if after is None else wanted.where(row_id > after)
    wanted = wanted if last is None else wanted.where(row_id <= last)
    return wanted.order_by(row_id, *copied.order)


def _as_lines(wanted: Select[*tuple[object, ...]], copied: Copied) -> Select[*tuple[object, ...]]:
    line: Expression = literal_column('row_to_json("row")', JSON())
    line = func.json_strip_nulls(line) if copied.without_nulls else line
    return select(line).select_from(wanted.subquery("row"))


async def _with_values(tx: Reading, statement: Select[*tuple[object, ...]]) -> str:
    """Return a statement with its values written into it, for COPY takes none.

    PostgreSQL itself puts them in quotes.
    """
    made = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    names, given = list(made.positiontup or ()), made.params
    quoted = [
        func.quote_literal(
            cast(literal(given[n], made.binds[n].type if n in made.binds else None), Text)
        )
        for n in names
    ]
    row = (await tx.execute(select(*quoted))).one() if quoted else ()
    texts = ["NULL" if text is None else str(text) for text in row]
    return _PLACEHOLDER.sub(lambda found: texts[int(found[1]) - 1], str(made))

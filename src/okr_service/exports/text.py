"""Files of text, as PostgreSQL writes them."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from okr_service.kernel.copying import AT_ONCE, Copied, Form, parts, pieces
from okr_service.kernel.replica import Reads

BYTE_ORDER_MARK = "\ufeff"  # so that Excel reads Vietnamese


async def delimited(
    reads: Reads, copied: Copied, before: str = "", at_once: int = AT_ONCE
) -> AsyncIterator[bytes]:
    """Give rows as CSV, beneath their names."""
    names = [column.name for column in copied.statement.selected_columns]
    head = f"{before}{row_of(names)}".encode()
    async with aclosing(pieces(parts(reads, copied, Form.CSV, at_once))) as all_pieces:
        async for piece in all_pieces:
            yield head + piece
            head = b""
    if head:
        yield head


async def lines(reads: Reads, copied: Copied, at_once: int = AT_ONCE) -> AsyncIterator[bytes]:
    """Give rows as objects, one a line."""
    async with aclosing(pieces(parts(reads, copied, Form.LINES, at_once))) as all_pieces:
        async for piece in all_pieces:
            yield piece


def row_of(cells: Iterable[object]) -> str:
    """Return a row of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()

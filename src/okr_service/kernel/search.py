"""Finding Vietnamese text without its accents: "muc tieu" finds "mục tiêu".

The folding here and the generated `search` columns (see `search_column`) follow
the same steps: decompose, drop combining marks, đ to d, lower case.
"""

import re
import unicodedata

from sqlalchemy import Computed, Index, SQLColumnExpression
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement, func

_WORD = re.compile(r"\w+")
_DSTROKE = str.maketrans("Đđ", "dd")


def fold(text: str) -> str:
    """Return text in lower case without accents."""
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    return bare.translate(_DSTROKE).lower()


def search_column(*columns: str) -> Mapped[str]:
    """Make a generated column that holds the folded words of others."""
    together = " || ' ' || ".join(columns)
    return mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple', lower(translate(regexp_replace("
            f"normalize({together}, NFD), E'[\\u0300-\\u036f]', '', 'g'), 'Đđ', 'dd')))",
            persisted=True,
        ),
        deferred=True,
    )


def search_index() -> Index:
    """Index a `search` column."""
    return Index(None, "search", postgresql_using="gin")


def matches(column: SQLColumnExpression[str], words: str) -> ColumnElement[bool]:
    """Say whether a search column has every word, the last one by its beginning."""
    found = _WORD.findall(fold(words))
    query = " & ".join([*found[:-1], f"{found[-1]}:*"]) if found else ""
    return column.bool_op("@@")(func.to_tsquery("simple", query))

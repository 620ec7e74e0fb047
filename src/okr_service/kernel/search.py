"""Finding Vietnamese text without its accents: "muc tieu" finds "mục tiêu".

The folding here and the generated `search` columns (see `search_column`) follow
the same steps: decompose, drop combining marks, đ to d, lower case.
"""

import re
import unicodedata
from uuid import UUID

from sqlalchemy import Computed, Index, any_, select
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement, func

from okr_service.kernel.model import TenantRow

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


def matches(model: type[TenantRow], tenant_id: UUID, words: str) -> ColumnElement[bool]:
    """Say whether a row's search column has every word, the last one by its beginning.

    Asked by a function of the database's for each table, `okr_<table>_found`: row-level
    security keeps a statement of the service's from the index.
    """
    asked = _WORD.findall(fold(words))
    query = " & ".join([*asked[:-1], f"{asked[-1]}:*"]) if asked else ""
    find = getattr(func, f"okr_{model.__tablename__}_found")
    found = select(find(tenant_id, func.to_tsquery("simple", query)))
    return model.id == any_(func.array(found.scalar_subquery()))

"""SQL that is too long for an expression lives in `.sql` files beside their room."""

from functools import cache
from importlib.resources import files

from sqlalchemy import Dialect, TextClause, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # it declares no types


@cache
def load_sql(package: str, name: str) -> TextClause:
    """Return the statement in `<package>/<name>.sql`; its parameters are written `:name`."""
    return text((files(package) / f"{name}.sql").read_text(encoding="utf-8"))

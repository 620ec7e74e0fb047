"""How every table begins: tenant first, UUIDv7 ids, exact decimals, a version."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, MetaData, Numeric, Text, UniqueConstraint, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

# Names are what errors are translated from, so each must say table and columns.
_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


def new_id() -> UUID:
    """Make an id that sorts by the time it was made (UUIDv7, RFC 9562)."""
    return uuid7()


class Model(DeclarativeBase):
    """A row: columns and constraints, nothing else."""

    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it off the class
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it off the class
        datetime: DateTime(timezone=True),
        Decimal: Numeric(),  # no precision: a written figure reads back as it was
        str: Text(),
        int: BigInteger(),
    }


class TenantRow(Model):
    """A row of one tenant, addressed by tenant and id."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)


class Addressable(TenantRow):
    """A row that callers address by their own key too."""

    __abstract__ = True

    external_id: Mapped[str | None] = mapped_column(sort_order=-18)


class Resource(Addressable):
    """A row that callers edit, each edit one version."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(default=1, sort_order=90)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=92)


def unique_external_id() -> UniqueConstraint:
    """Make external ids unique per tenant and kind."""
    return UniqueConstraint("tenant_id", "external_id")


def foreign_key_index(column: str, *, seldom: bool = False) -> Index:
    """Index a link from its far end, tenant first; one that few rows have, only in those."""
    where = f"{column} IS NOT NULL" if seldom else None
    return Index(None, "tenant_id", column, postgresql_where=where)

"""Writing a row: insert, change as one new version, delete; broken constraints named."""

from collections.abc import Mapping

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from okr_service.kernel.database import Transaction, constraint_name
from okr_service.kernel.errors import ExternalIdTaken, StillInUse
from okr_service.kernel.model import Model, Resource


async def add(tx: Transaction, row: Model) -> None:
    """Insert a row.

    Raises:
        ExternalIdTaken: another row of its kind has its external id.
    """
    tx.add(row)
    await _flush(tx, row)


def differences(row: object, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the wanted values that the row does not have yet, by column."""
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


async def change(
    tx: Transaction, row: Resource, changes: Mapping[str, object]
) -> dict[str, object]:
    """Write changes to a row as one new version; returns the values before.

    Raises:
        ExternalIdTaken: another row of its kind has the new external id.
    """
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = func.clock_timestamp()
    await _flush(tx, row)
    return before


async def delete(tx: Transaction, row: Model) -> None:
    """Delete a row.

    Raises:
        StillInUse: other rows refer to it.
    """
    await tx.delete(row)
    try:
        await tx.flush()
    except IntegrityError as error:
        raise StillInUse from error


async def _flush(tx: Transaction, row: Model) -> None:
    wanted = row.external_id if isinstance(row, Resource) else None  # unreadable once it failed
    try:
        await tx.flush()
    except IntegrityError as error:
        if "external_id" in constraint_name(error) and wanted is not None:
            raise ExternalIdTaken(wanted).at("/external_id") from error
        raise

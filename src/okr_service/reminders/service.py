"""Telling what is due, once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Date, Row, Uuid, delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from okr_service.events.service import Told, publish
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.references import among
from okr_service.reminders.due import Day, Place, Reminded
from okr_service.reminders.model import Reminder

_MARKS = (Reminder.subject_id, Reminder.due_date, Reminder.overdue)
_KEY = ["tenant_id", "subject_id", "due_date", "overdue"]
_TOLD = ("id", "external_id", "title", "objective_id", "owner_id", "due_date")


async def seem_due(
    tx: Reading, tenant_id: UUID, kind: Reminded, day: Day, after: Place, most: int
) -> tuple[Sequence[UUID], Place | None]:
    """Return what seems to be due in the next window, and where that ends if more follows."""
    last = (await tx.execute(kind.last(tenant_id, day, after, most))).one_or_none()
    end = None if last is None else tuple(last)
    untold = kind.untold(tenant_id, day).where(*kind.between(after, end))
    found = untold.with_only_columns(kind.model.id, maintain_column_froms=True)
    return sorted((await tx.execute(found)).scalars()), end


async def tell(
    tx: Transaction, tenant_id: UUID, kind: Reminded, day: Day, ids: Sequence[UUID]
) -> int:
    """Tell what of these is due on a day and was not told to be; returns of how many.

    They are held first, so that what is told of them is still so when it is told.
    """
    model = kind.model
    held = select(model.id).where(model.tenant_id == tenant_id, among(model.id, ids))
    await tx.execute(held.order_by(model.id).with_for_update(read=True))
    untold = kind.untold(tenant_id, day).where(among(model.id, ids))
    rows = {row.id: row for row in await tx.execute(untold)}
    mine = await _claimed(tx, tenant_id, list(rows.values()))
    if mine:
        await publish(tx, tenant_id, [_event(kind, rows[one]) for one in mine])
    return len(mine)


async def _claimed(
    tx: Transaction, tenant_id: UUID, rows: Sequence[Row[tuple[object, ...]]]
) -> list[UUID]:
    """Write down what is told; returns of what nobody else has told it meanwhile."""
    if not rows:
        return []
    columns = func.unnest(
        literal([row.id for row in rows], ARRAY(Uuid)),
        literal([row.due_date for row in rows], ARRAY(Date)),
        literal([row.overdue for row in rows], ARRAY(Boolean)),
    )
    given = columns.table_valued(*_KEY[1:]).render_derived()
    claimed = select(literal(tenant_id, Uuid), *given.c).order_by(given.c.subject_id)
    written = insert(Reminder).from_select(_KEY, claimed).on_conflict_do_nothing()
    return list(await tx.scalars(written.returning(Reminder.subject_id)))


def _event(kind: Reminded, row: Row[tuple[object, ...]]) -> Told:
    said = {name: getattr(row, name) for name in _TOLD}
    told = kind.overdue if row.overdue else kind.due
    return Told(told, kind.subject, row.id, row.objective_id, said)


async def forget(tx: Transaction, tenant_id: UUID, day: Day, most: int) -> int:
    """Forget what was told of long ago, so much at most; returns how much."""
    of = Reminder.tenant_id == tenant_id
    # A week more: where the day begins another hour, it can be the day before once more.
    old = select(*_MARKS).where(of, Reminder.due_date < day.since - timedelta(days=7))
    some = old.order_by(Reminder.due_date).limit(most).subquery()
    gone = delete(Reminder).where(of, tuple_(*_MARKS).in_(select(some)))
    returned = gone.returning(Reminder.subject_id).execution_options(synchronize_session=False)
    return len((await tx.execute(returned)).all())

"""Recording check-ins, one or ten thousand, and voiding them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, bindparam, insert, select, update

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import Change, record_all
from okr_service.checkins.errors import (
    AlreadyVoided,
    CheckInDiffers,
    CheckInNotFound,
    KeyResultHasNoValue,
    NotZeroOrOne,
    ObservedInFuture,
    VoidsAnotherKeyResult,
)
from okr_service.checkins.model import CheckIn
from okr_service.checkins.shapes import NewCheckIn
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.shapes import CycleState
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, InvalidInput, OkrError
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.sql import load_sql
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveEnded
from okr_service.objectives.shapes import Metric, ObjectiveState
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution

_AHEAD = timedelta(days=1)
_IDS = bindparam("ids", type_=ARRAY(Uuid))
_HOLD = load_sql(__package__, "hold").bindparams(
    _IDS, bindparam("external_ids", type_=ARRAY(Text)), bindparam("tenant_id", type_=Uuid)
)
_REFRESH = load_sql(__package__, "refresh").bindparams(_IDS, bindparam("tenant_id", type_=Uuid))


@dataclass(frozen=True)
class Recorded:
    """What became of one report: its id, and whether it is new."""

    id: UUID
    is_new: bool


@dataclass(frozen=True)
class _Held:
    """A key result that is being reported on, as it was when it was held."""

    id: UUID
    external_id: str | None
    objective_id: UUID
    metric: str
    weight: Decimal
    progress: Decimal
    objective_state: str
    cycle_state: str
    cycle_code: str

    @property
    def contribution(self) -> Contribution:
        return Contribution(self.weight, self.weight * self.progress)


async def record_check_in(tx: Transaction, who: Principal, new: NewCheckIn) -> Recorded:
    """Report a key result's value and roll it up.

    Raises:
        NotPermitted, KeyResultNotFound, PersonNotFound, CheckInNotFound, CycleClosed,
        ObjectiveEnded, KeyResultHasNoValue, ObservedInFuture, NotZeroOrOne, CheckInDiffers,
        AlreadyVoided, VoidsAnotherKeyResult.
    """
    outcome, errors = await record_each(tx, who, [new])
    for error in errors.values():
        raise error
    return outcome[0]


async def record_check_ins(
    tx: Transaction, who: Principal, batch: Sequence[NewCheckIn]
) -> list[Recorded]:
    """Report many values, all or none; returns what became of each, in order.

    Raises:
        NotPermitted.
        InvalidInput: some do not fit; each is named by its place, `/check_ins/<n>`.
    """
    require(who, Permission.CHECK_IN)
    await hold_structure(tx, who.tenant_id, alone=False)
    outcome, errors = await record_each(tx, who, batch)
    if errors:
        raise InvalidInput([FieldError.of(e, f"/check_ins/{n}") for n, e in errors.items()])
    return outcome


async def void_check_in(tx: Transaction, who: Principal, ref: Ref | UUID, reason: str) -> UUID:
    """Take a check-in out of account; returns its id.

    Raises:
        NotPermitted, CheckInNotFound, AlreadyVoided, CycleClosed, ObjectiveEnded.
    """
    require(who, Permission.CHECK_IN)
    check_in = await _find(tx, who, ref)
    held = await _hold(tx, who, [Ref(str(check_in.key_result_id))])
    if not held:
        raise CheckInNotFound(str(ref))
    _require_reportable(held[0])
    await _void(tx, who, check_in.id, reason)
    await record_all(tx, who, [Change("voided", "check_in", check_in.id, after={"reason": reason})])
    await _refresh(tx, who, held)
    return check_in.id


async def record_each(
    tx: Transaction, who: Principal, batch: Sequence[NewCheckIn]
) -> tuple[list[Recorded], dict[int, OkrError]]:
    """Report values; records nothing where one does not fit, and says by place why.

    The caller holds the tenant's structure where there are several.

    Raises:
        NotPermitted.
    """
    require(who, Permission.CHECK_IN)
    held = await _hold(tx, who, [new.key_result_id for new in batch])
    by_ref = {str(k.id): k for k in held} | {
        f"{references.EXTERNAL}{k.external_id}": k for k in held if k.external_id
    }
    present = await _recorded_before(tx, who, batch)
    authors = await _authors(tx, who, batch)
    latest_sensible = datetime.now(UTC) + _AHEAD
    errors: dict[int, OkrError] = {}
    outcome: list[Recorded] = []
    rows: dict[str | UUID, dict[str, object]] = {}
    for place, new in enumerate(batch):
        try:
            target = by_ref.get(str(references.row_id(new.key_result_id) or new.key_result_id))
            if target is None:
                raise KeyResultNotFound(new.key_result_id).at("/key_result_id")
            row = _row(who, new, target, authors)
            before = present.get(new.external_id or "") or rows.get(new.external_id or "")
            if before is not None:
                _require_same(before, row, new)
                outcome.append(Recorded(_id(before), is_new=False))
                continue
            _require_fits(new, target, latest_sensible)
            rows[new.external_id or _id(row)] = row
            outcome.append(Recorded(_id(row), is_new=True))
        except OkrError as error:
            errors[place] = error
    if not errors and rows:
        await _write(tx, who, list(rows.values()), held)
    return outcome, errors


async def _write(
    tx: Transaction, who: Principal, rows: list[dict[str, object]], held: Sequence[_Held]
) -> None:
    for row in rows:
        if row["voids_id"] is not None:
            await _correct(tx, who, row)
    await tx.execute(insert(CheckIn), rows)
    await record_all(tx, who, (_created(row) for row in rows))
    reported = {row["key_result_id"] for row in rows}
    await _refresh(tx, who, [k for k in held if k.id in reported])


async def _refresh(tx: Transaction, who: Principal, held: Sequence[_Held]) -> None:
    of = {"tenant_id": who.tenant_id, "ids": [k.id for k in held]}
    after = (await tx.execute(_REFRESH, of)).all()
    was = {k.id: k.contribution for k in held}
    changed = [row for row in after if was[row.id].progress != row.weight * row.progress]
    objectives = {row.objective_id for row in changed}
    if len(objectives) != 1:
        await rollup.recompute(tx, who.tenant_id, objectives)
        return
    before = Contribution(Decimal(0), sum((was[row.id].progress for row in changed), Decimal(0)))
    total = sum((row.weight * row.progress for row in changed), Decimal(0))
    await rollup.propagate(
        tx, who.tenant_id, objectives.pop(), before, Contribution(Decimal(0), total)
    )


async def _hold(tx: Transaction, who: Principal, refs: Iterable[Ref]) -> list[_Held]:
    names = set(refs)
    of = {
        "tenant_id": who.tenant_id,
        "ids": [row_id for ref in names if (row_id := references.row_id(ref))],
        "external_ids": [key for ref in names if (key := references.external_id(ref))],
    }
    return [_Held(*row) for row in await tx.execute(_HOLD, of)]


async def _recorded_before(
    tx: Transaction, who: Principal, batch: Sequence[NewCheckIn]
) -> Mapping[str, dict[str, object]]:
    keys = [new.external_id for new in batch if new.external_id]
    if not keys:
        return {}
    table = CheckIn.__table__
    found = await tx.execute(
        select(table).where(table.c.tenant_id == who.tenant_id, table.c.external_id.in_(keys))
    )
    return {row.external_id: dict(row._mapping) for row in found}  # noqa: SLF001 - public by documentation


async def _authors(
    tx: Transaction, who: Principal, batch: Sequence[NewCheckIn]
) -> Mapping[Ref, UUID | None]:
    refs = {new.author_id: place for place, new in enumerate(batch) if new.author_id}
    return {ref: await organisation.person_id(tx, who, ref, "/author_id") for ref in refs}


def _row(
    who: Principal, new: NewCheckIn, target: _Held, authors: Mapping[Ref, UUID | None]
) -> dict[str, object]:
    return {
        "tenant_id": who.tenant_id,
        "id": new_id(),
        "external_id": new.external_id,
        "key_result_id": target.id,
        "value": new.value,
        "observed_at": new.observed_at or datetime.now(UTC),
        "confidence": new.confidence and new.confidence.value,
        "comment": new.comment,
        "obstacles": new.obstacles,
        "next_steps": new.next_steps,
        "next_check_in_date": new.next_check_in_date,
        "author_id": authors.get(new.author_id) if new.author_id else None,
        "source": new.source.value,
        "voids_id": new.voids_id,
    }


def _id(row: Mapping[str, object]) -> UUID:
    found = row["id"]
    assert isinstance(found, UUID)
    return found


def _require_same(before: Mapping[str, object], row: Mapping[str, object], new: NewCheckIn) -> None:
    ignored = {"id"} | ({"observed_at"} if new.observed_at is None else set())
    if any(before[name] != value for name, value in row.items() if name not in ignored):
        raise CheckInDiffers(new.external_id or "").at("/external_id")


def _require_fits(new: NewCheckIn, target: _Held, latest_sensible: datetime) -> None:
    _require_reportable(target)
    if target.metric == Metric.ACTIONS:
        raise KeyResultHasNoValue().at("/key_result_id")
    if target.metric == Metric.BOOLEAN and new.value not in (0, 1):
        raise NotZeroOrOne().at("/value")
    if new.observed_at is not None and new.observed_at > latest_sensible:
        raise ObservedInFuture().at("/observed_at")


def _require_reportable(target: _Held) -> None:
    if target.cycle_state == CycleState.CLOSED:
        raise CycleClosed(target.cycle_code)
    if target.objective_state in (ObjectiveState.CLOSED, ObjectiveState.CANCELLED):
        raise ObjectiveEnded(target.objective_state)


def _created(row: Mapping[str, object]) -> Change:
    kept = {name: row[name] for name in ("key_result_id", "value", "observed_at", "source")}
    return Change("created", "check_in", _id(row), after=kept)


async def _correct(tx: Transaction, who: Principal, row: Mapping[str, object]) -> None:
    voided = await _find(tx, who, Ref(str(row["voids_id"])), "/voids_id")
    if voided.key_result_id != row["key_result_id"]:
        raise VoidsAnotherKeyResult().at("/voids_id")
    await _void(tx, who, voided.id, "corrected")


async def _find(
    tx: Transaction, who: Principal, ref: Ref | UUID, pointer: str | None = None
) -> CheckIn:
    absent = CheckInNotFound(str(ref))
    found = await tx.scalar(select(CheckIn).where(names(who, ref)))
    if found is None:
        raise absent.at(pointer) if pointer else absent
    return found


def names(who: Principal, ref: Ref | UUID) -> ColumnElement[bool]:
    """Return the condition for the check-in that a reference names."""
    return references.identifies(CheckIn, who.tenant_id, ref)


async def _void(tx: Transaction, who: Principal, check_in_id: UUID, reason: str) -> None:
    voided = await tx.execute(
        update(CheckIn)
        .where(
            CheckIn.tenant_id == who.tenant_id,
            CheckIn.id == check_in_id,
            CheckIn.voided_at.is_(None),
        )
        .values(voided_at=datetime.now(UTC), void_reason=reason)
        .returning(CheckIn.id)
        .execution_options(synchronize_session=False)
    )
    if voided.one_or_none() is None:
        raise AlreadyVoided

"""Recording check-ins, one or ten thousand, and voiding them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, insert, select, update

from okr_service.access.errors import NotPermitted
from okr_service.access.policy import Permission, Principal, require, require_for
from okr_service.audit.service import Change, record, record_all
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
from okr_service.checkins.shapes import MeasuredCheckIn, NewCheckIn
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.shapes import CycleState
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError, Forbidden, InvalidInput, OkrError
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.model import new_id
from okr_service.kernel.reach import Reach
from okr_service.kernel.sql import load_sql
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveEnded
from okr_service.objectives.shapes import Metric, ObjectiveState, ValueSource
from okr_service.organisation import service as organisation
from okr_service.rollup import service as rollup
from okr_service.rollup.service import Contribution, Shift

Report = NewCheckIn | MeasuredCheckIn
AHEAD = timedelta(days=1)  # that a clock elsewhere may be
_CORRECTED = "corrected"
_ADDRESS = ("tenant_id", "id")
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
    feeds_id: UUID | None
    metric: str
    source: str
    weight: Decimal
    progress: Decimal
    current_value: Decimal | None
    owner_id: UUID | None
    unit_id: UUID
    objective_owner_id: UUID | None
    private: bool
    objective_state: str
    cycle_state: str
    cycle_code: str

    def is_seen(self, sight: Reach) -> bool:
        """Say whether it is seen: the rule of `objective_seen`, of a row at hand."""
        return not self.private or sight.covers(self.unit_id, (self.objective_owner_id,))

    def require_reports(self, who: Principal) -> None:
        """Let a caller through who may report on it; raises NotPermitted."""
        owners = (self.objective_owner_id, self.owner_id)
        require_for(who, Permission.CHECK_IN, self.unit_id, *owners)


async def record_check_in(tx: Transaction, who: Principal, new: NewCheckIn) -> Recorded:
    """Report a key result's value and roll it up.

    Raises:
        NotPermitted, KeyResultNotFound, PersonNotFound, CheckInNotFound, CycleClosed,
        ObjectiveEnded, KeyResultHasNoValue, ObservedInFuture, NotZeroOrOne, CheckInDiffers,
        AlreadyVoided, VoidsAnotherKeyResult.
    """
    outcome, errors = await record_all_or_none(tx, who, [new])
    for error in errors.values():
        raise error
    return outcome[0]


async def record_check_ins(
    tx: Transaction, who: Principal, batch: Sequence[NewCheckIn]
) -> list[Recorded]:
    """Report many values, all or none; returns what became of each, in order.

    Raises:
        NotPermitted: the caller may not report, or not one of them.
        InvalidInput: some do not fit; each is named by its place, `/check_ins/<n>`.
    """
    require(who, Permission.CHECK_IN)
    await hold_structure(tx, who.tenant_id, alone=False)
    outcome, errors = await record_all_or_none(tx, who, batch)
    for place, error in errors.items():
        if isinstance(error, Forbidden):
            raise error.at(f"/check_ins/{place}{error.pointer or ''}")
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
    if not held:  # its key result is deleted, or not seen
        raise CheckInNotFound(str(ref))
    held[0].require_reports(who)
    _require_reportable(held[0])
    if not await _void(tx, who, [check_in.id], reason):
        raise AlreadyVoided
    await record(tx, who, _voided(check_in.id, reason, held[0].objective_id))
    await _refresh(tx, who, held)
    return check_in.id


async def void_check_ins(
    tx: Transaction, who: Principal, check_in_ids: Mapping[UUID, Sequence[UUID]], reason: str
) -> None:
    """Take check-ins, by their key results, out of account; those that are void already stay so.

    The caller holds the tenant's structure.

    Raises:
        NotPermitted, CycleClosed, ObjectiveEnded.
    """
    held = await _hold(tx, who, [Ref(str(key_result_id)) for key_result_id in check_in_ids])
    for key_result in held:
        key_result.require_reports(who)
        _require_reportable(key_result)
    voided = await _void(tx, who, [i for k in held for i in check_in_ids[k.id]], reason)
    await record_all(
        tx,
        who,
        [
            _voided(check_in_id, reason, k.objective_id)
            for k in held
            for check_in_id in check_in_ids[k.id]
            if check_in_id in voided
        ],
    )
    await _refresh(tx, who, held)


async def record_all_or_none(
    tx: Transaction, who: Principal, batch: Sequence[Report]
) -> tuple[list[Recorded], dict[int, OkrError]]:
    """Report values; where some do not fit, records nothing and says by place why.

    The caller holds the tenant's structure where there are several.

    Raises:
        NotPermitted.
    """
    require(who, Permission.CHECK_IN)
    batch = [_signed(who, new) for new in batch]
    held = await _hold(tx, who, [new.key_result_id for new in batch])
    known = _Known(
        {str(k.id): k for k in held}
        | {f"{references.EXTERNAL}{k.external_id}": k for k in held if k.external_id},
        await _recorded_before(tx, who, batch),
        await _authors(tx, who, batch),
        await _voidable(tx, who, batch),
        set(),
        datetime.now(UTC) + AHEAD,
    )
    errors: dict[int, OkrError] = {}
    outcome: list[Recorded] = []
    rows: dict[str | UUID, dict[str, object]] = {}
    for place, new in enumerate(batch):
        try:
            known.key_result(new).require_reports(who)
            row = _row(who, new, known)
            before = known.recorded.get(new.external_id or "") or rows.get(new.external_id or "")
            if before is not None:
                _require_same(before, row, new)
                outcome.append(Recorded(_id(before), is_new=False))
                continue
            _require_fits(new, known)
            rows[new.external_id or _id(row)] = row
            outcome.append(Recorded(_id(row), is_new=True))
        except OkrError as error:
            errors[place] = error
    if errors:
        return [], errors
    if rows:
        await _write(tx, who, list(rows.values()), held)
    return outcome, {}


def _signed(who: Principal, new: Report) -> Report:
    """Return a report with the caller as its author, where the caller is a person who reports."""
    if isinstance(new, MeasuredCheckIn) or who.person_id is None or new.author_id is not None:
        return new
    return new.model_copy(update={"author_id": references.ref(who.person_id)})


@dataclass(frozen=True)
class _Known:
    """What a batch refers to, read at once."""

    key_results: Mapping[str, _Held]
    recorded: Mapping[str, dict[str, object]]
    authors: Mapping[Ref, UUID | OkrError]
    voidable: Mapping[UUID, CheckIn]
    voided: set[UUID]
    latest_sensible: datetime

    def key_result(self, new: Report) -> _Held:
        named = str(references.row_id(new.key_result_id) or new.key_result_id)
        if named not in self.key_results:
            raise KeyResultNotFound(new.key_result_id).at("/key_result_id")
        return self.key_results[named]

    def author(self, new: Report) -> UUID | None:
        author = self.authors[new.author_id] if new.author_id else None
        if isinstance(author, OkrError):
            raise author
        return author


async def _write(
    tx: Transaction, who: Principal, rows: list[dict[str, object]], held: Sequence[_Held]
) -> None:
    voided = [found for row in rows if isinstance(found := row["voids_id"], UUID)]
    if voided:
        await _void(tx, who, voided, _CORRECTED)
    await tx.execute(insert(CheckIn), rows)
    of: dict[object, UUID] = {k.id: k.objective_id for k in held}
    changes = [
        _voided(row["voids_id"], _CORRECTED, of[row["key_result_id"]])
        for row in rows
        if isinstance(row["voids_id"], UUID)
    ]
    changes += [_created(row, of[row["key_result_id"]]) for row in rows]
    await record_all(tx, who, changes)
    reported = {row["key_result_id"] for row in rows}
    await _refresh(tx, who, [k for k in held if k.id in reported])


async def _refresh(tx: Transaction, who: Principal, held: Sequence[_Held]) -> None:
    of = {"tenant_id": who.tenant_id, "ids": [k.id for k in held]}
    now_is = {row.id: row for row in await tx.execute(_REFRESH, of)}
    shifts, fed = [], set()
    for was in held:
        now = now_is[was.id]
        if was.progress != now.progress:
            before = Contribution.measured(was.weight, was.progress)
            after = Contribution.measured(now.weight, now.progress)
            shifts.append(Shift(was.objective_id, before, after))
        # Not only where the value changed: a newer report of it is fed on, too.
        if was.feeds_id is not None:
            fed.add(was.feeds_id)
    if fed:
        # Held already, but where it was made to feed while its row was waited for.
        await hold_structure(tx, who.tenant_id, alone=False)
    await rollup.propagate(tx, who.tenant_id, shifts, fed)


async def _hold(tx: Transaction, who: Principal, refs: Iterable[Ref]) -> list[_Held]:
    names = set(refs)
    of = {
        "tenant_id": who.tenant_id,
        "ids": [row_id for ref in names if (row_id := references.row_id(ref))],
        "external_ids": [key for ref in names if (key := references.external_id(ref))],
    }
    held = [_Held(*row) for row in await tx.execute(_HOLD, of)]
    return [one for one in held if one.is_seen(who.sight)]


async def _recorded_before(
    tx: Transaction, who: Principal, batch: Sequence[Report]
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
    tx: Transaction, who: Principal, batch: Sequence[Report]
) -> Mapping[Ref, UUID | OkrError]:
    refs = {new.author_id for new in batch if new.author_id}
    return {ref: await _author(tx, who, ref) for ref in refs}


async def _author(tx: Transaction, who: Principal, ref: Ref) -> UUID | OkrError:
    try:
        author = await organisation.person_id(tx, who, ref, "/author_id")
    except OkrError as error:
        return error
    assert author is not None, "a reference was given"
    return author


async def _voidable(
    tx: Transaction, who: Principal, batch: Sequence[Report]
) -> dict[UUID, CheckIn]:
    ids = {new.voids_id for new in batch if new.voids_id}
    if not ids:
        return {}
    of = (CheckIn.tenant_id == who.tenant_id, references.among(CheckIn.id, sorted(ids)))
    return {row.id: row for row in await tx.scalars(select(CheckIn).where(*of))}


def _row(who: Principal, new: Report, known: _Known) -> dict[str, object]:
    return {
        "tenant_id": who.tenant_id,
        "id": new_id(),
        "external_id": new.external_id,
        "key_result_id": known.key_result(new).id,
        "value": new.value,
        "observed_at": new.observed_at or datetime.now(UTC),
        "confidence": new.confidence and new.confidence.value,
        "comment": new.comment,
        "obstacles": new.obstacles,
        "next_steps": new.next_steps,
        "next_check_in_date": new.next_check_in_date,
        "author_id": _require_may_sign(who, known.author(new)),
        "source": new.source.value,
        "voids_id": new.voids_id,
        "feed_mapping_id": new.feed_mapping_id if isinstance(new, MeasuredCheckIn) else None,
        "feed_reading_id": new.feed_reading_id if isinstance(new, MeasuredCheckIn) else None,
    }


def _require_may_sign(who: Principal, author_id: UUID | None) -> UUID | None:
    """Return an author, where the caller may report in their name; raises NotPermitted."""
    if author_id != who.person_id and not who.reach(Permission.CHECK_IN).everything:
        raise NotPermitted(Permission.CHECK_IN).at("/author_id")
    return author_id


def _id(row: Mapping[str, object]) -> UUID:
    found = row["id"]
    assert isinstance(found, UUID)
    return found


def _require_same(before: Mapping[str, object], row: Mapping[str, object], new: Report) -> None:
    ignored = {"id"} | ({"observed_at"} if new.observed_at is None else set())
    if any(before[name] != value for name, value in row.items() if name not in ignored):
        raise CheckInDiffers(new.external_id or "").at("/external_id")


def _require_fits(new: Report, known: _Known) -> None:
    target = known.key_result(new)
    _require_reportable(target)
    if target.source != ValueSource.CHECK_INS:
        raise KeyResultHasNoValue().at("/key_result_id")
    if target.metric == Metric.BOOLEAN and new.value not in (0, 1):
        raise NotZeroOrOne().at("/value")
    if new.observed_at is not None and new.observed_at > known.latest_sensible:
        raise ObservedInFuture().at("/observed_at")
    if new.voids_id is not None:
        _require_voidable(new.voids_id, target, known)


def _require_voidable(voids_id: UUID, target: _Held, known: _Known) -> None:
    voided = known.voidable.get(voids_id)
    if voided is None:
        raise CheckInNotFound(str(voids_id)).at("/voids_id")
    if voided.key_result_id != target.id:
        raise VoidsAnotherKeyResult().at("/voids_id")
    if voided.voided_at is not None or voids_id in known.voided:
        raise AlreadyVoided().at("/voids_id")
    known.voided.add(voids_id)


def _require_reportable(target: _Held) -> None:
    if target.cycle_state == CycleState.CLOSED:
        raise CycleClosed(target.cycle_code)
    if target.objective_state in (ObjectiveState.CLOSED, ObjectiveState.CANCELLED):
        raise ObjectiveEnded(target.objective_state)


def _created(row: Mapping[str, object], objective_id: UUID) -> Change:
    said = {n: v for n, v in row.items() if v not in (None, "") and n not in _ADDRESS}
    return Change("created", "check_in", _id(row), after=said, objective_id=objective_id)


def _voided(check_in_id: UUID, reason: str, objective_id: UUID) -> Change:
    said = {"void_reason": reason}
    return Change("voided", "check_in", check_in_id, after=said, objective_id=objective_id)


async def _find(tx: Transaction, who: Principal, ref: Ref | UUID) -> CheckIn:
    found = await tx.scalar(
        select(CheckIn).where(references.identifies(CheckIn, who.tenant_id, ref))
    )
    if found is None:
        raise CheckInNotFound(str(ref))
    return found


async def _void(
    tx: Transaction, who: Principal, check_in_ids: Sequence[UUID], reason: str
) -> set[UUID]:
    """Mark check-ins as void; returns those that were valid until now."""
    voided = await tx.execute(
        update(CheckIn)
        .where(
            CheckIn.tenant_id == who.tenant_id,
            references.among(CheckIn.id, check_in_ids),
            CheckIn.voided_at.is_(None),
        )
        .values(voided_at=func.clock_timestamp(), void_reason=reason)
        .returning(CheckIn.id)
        .execution_options(synchronize_session=False)
    )
    return set(voided.scalars())

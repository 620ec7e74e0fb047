"""Planning periods, closing and reopening them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from okr_service.access.policy import Permission, Principal, require_everywhere
from okr_service.audit.service import Change, record
from okr_service.cycles.errors import (
    CycleClosed,
    CycleCodeTaken,
    CycleDatesInUse,
    CycleEndsBeforeStart,
    CycleNotFound,
    CycleOutsideParent,
    CyclesTooDeep,
    CycleWouldLoop,
    DateOutsideCycle,
)
from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import Cadence, CycleState, NewCycle
from okr_service.kernel import references
from okr_service.kernel.database import Transaction, constraint_name
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure, require_place
from okr_service.kernel.references import Named, Versions
from okr_service.kernel.sql import load_sql
from okr_service.kernel.writes import add, change, delete, differences


async def create_cycle(tx: Transaction, who: Principal, new: NewCycle) -> Cycle:
    """Plan a period.

    Raises:
        NotPermitted, CycleNotFound, CycleEndsBeforeStart, CycleOutsideParent, CyclesTooDeep,
        CycleCodeTaken, ExternalIdTaken.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=False)
    values = await _values(tx, who, new, None)
    cycle = Cycle(tenant_id=who.tenant_id, **values)
    with _CodeTaken(new.code):
        await add(tx, cycle)
    await record(tx, who, Change("created", "cycle", cycle.id, after=values))
    return cycle


async def edit_cycle(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    edit: Callable[[NewCycle], NewCycle],
    expected: Versions = None,
) -> Cycle:
    """Change a cycle into what `edit` makes of it.

    Raises:
        NotPermitted, CycleNotFound, VersionMismatch, CycleClosed, CycleEndsBeforeStart,
        CycleOutsideParent, CycleWouldLoop, CyclesTooDeep, CycleDatesInUse, CycleCodeTaken,
        ExternalIdTaken.
    """
    require_everywhere(who, Permission.PLAN)
    await hold_structure(tx, who.tenant_id, alone=True)
    cycle = await _lock(tx, who, ref, expected)
    _require_open(cycle)
    wanted = edit(_input(cycle))
    changes = differences(cycle, await _values(tx, who, wanted, cycle.id))
    if {"start_date", "end_date"} & changes.keys():
        await _require_room_for_contents(tx, who, cycle.id, wanted)
    if changes:
        with _CodeTaken(wanted.code):
            before = await change(tx, cycle, changes)
        await record(tx, who, Change("updated", "cycle", cycle.id, before, changes))
    return cycle


async def set_cycle_state(
    tx: Transaction,
    who: Principal,
    ref: Ref | UUID,
    state: CycleState,
    expected: Versions = None,
) -> Cycle:
    """Close a cycle to every write, or reopen it.

    Raises:
        NotPermitted, CycleNotFound, VersionMismatch.
    """
    require_everywhere(who, Permission.PLAN)
    cycle = await _lock(tx, who, ref, expected)
    if cycle.state != state:
        before = await change(tx, cycle, {"state": state.value})
        await record(tx, who, Change(state.value, "cycle", cycle.id, before, {"state": state}))
    return cycle


async def hold_cycles_within(tx: Transaction, who: Principal, ref: Ref | UUID) -> list[Cycle]:
    """Return a cycle and all beneath it, the outer ones first, held until the transaction ends.

    The caller holds the tenant's structure alone.

    Raises:
        CycleNotFound.
    """
    outermost = await _lock(tx, who, ref, None)
    within = [outermost]
    level = [outermost.id]
    while level:
        beneath = select(Cycle.id).where(
            Cycle.tenant_id == who.tenant_id, Cycle.parent_id.in_(level)
        )
        level = list(await tx.scalars(beneath.order_by(Cycle.start_date, Cycle.id)))
        within += [await _lock(tx, who, row_id, None) for row_id in level]
    return within


async def delete_cycle(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> None:
    """Delete a cycle that nothing is in.

    Raises:
        NotPermitted, CycleNotFound, VersionMismatch, CycleClosed, StillInUse.
    """
    require_everywhere(who, Permission.PLAN)
    cycle = await _lock(tx, who, ref, expected)
    _require_open(cycle)
    before = _input(cycle).model_dump(mode="json")
    await delete(tx, cycle)
    await record(tx, who, Change("deleted", "cycle", cycle.id, before))


async def named_cycles(tx: Transaction, who: Principal, refs: Iterable[Ref]) -> Named:
    """Return the ids of the cycles that fields refer to."""
    return await references.name(tx, Cycle, who.tenant_id, refs, CycleNotFound)


async def cycle_id(tx: Transaction, who: Principal, ref: Ref, pointer: str) -> UUID:
    """Return the id of the cycle that a field refers to; raises CycleNotFound."""
    return await references.resolve(tx, Cycle, who.tenant_id, ref, CycleNotFound(ref).at(pointer))


async def open_cycle(tx: Transaction, who: Principal, cycle_id: UUID) -> Cycle:
    """Return a cycle that stays open until this transaction ends.

    Raises:
        CycleNotFound: it has just been deleted.
        CycleClosed: it accepts no writes.
    """
    return (await open_cycles(tx, who, [cycle_id])).cycle(cycle_id)


@dataclass(frozen=True)
class OpenCycles:
    """Cycles that stay as they are until this transaction ends, by id."""

    by_id: Mapping[UUID, Cycle]

    def cycle(self, cycle_id: UUID) -> Cycle:
        """Return one of them that accepts writes.

        Raises:
            CycleNotFound: it has just been deleted.
            CycleClosed: it accepts no writes.
        """
        if cycle_id not in self.by_id:
            raise CycleNotFound(str(cycle_id))
        _require_open(self.by_id[cycle_id])
        return self.by_id[cycle_id]


async def open_cycles(tx: Transaction, who: Principal, cycle_ids: Iterable[UUID]) -> OpenCycles:
    """Return cycles, held against being closed until this transaction ends."""
    wanted = sorted(set(cycle_ids))
    if not wanted:
        return OpenCycles({})
    of = (Cycle.tenant_id == who.tenant_id, references.among(Cycle.id, wanted))
    held = select(Cycle).where(*of).order_by(Cycle.id).with_for_update(read=True, key_share=True)
    rows = await tx.scalars(held.execution_options(populate_existing=True))
    return OpenCycles({row.id: row for row in rows})


def require_within(cycle: Cycle, day: date | None, pointer: str) -> None:
    """Make sure that a date, where there is one, lies in a cycle; raises DateOutsideCycle."""
    if day is not None and not cycle.start_date <= day <= cycle.end_date:
        start, end = cycle.start_date.isoformat(), cycle.end_date.isoformat()
        raise DateOutsideCycle(day.isoformat(), start, end).at(pointer)


def contains(outer: Cycle, inner: Cycle) -> bool:
    """Say whether a cycle's dates lie within another's."""
    return outer.start_date <= inner.start_date and inner.end_date <= outer.end_date


async def _lock(tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions) -> Cycle:
    absent = CycleNotFound(str(ref))
    cycle = await references.lock(tx, Cycle, who.tenant_id, ref, absent, expected)
    # Writers in the cycle hold its row FOR KEY SHARE: this waits for them, and they for this.
    await tx.execute(_of(who, cycle.id).with_for_update())
    return cycle


def _of(who: Principal, cycle_id: UUID) -> Select[Cycle]:
    return select(Cycle).where(Cycle.tenant_id == who.tenant_id, Cycle.id == cycle_id)


def _require_open(cycle: Cycle) -> None:
    if cycle.state == CycleState.CLOSED:
        raise CycleClosed(cycle.code)


async def _values(
    tx: Transaction, who: Principal, new: NewCycle, row_id: UUID | None
) -> dict[str, object]:
    if new.end_date < new.start_date:
        raise CycleEndsBeforeStart().at("/end_date")
    parent = await cycle_id(tx, who, new.parent_id, "/parent_id") if new.parent_id else None
    if parent:
        outer = await open_cycle(tx, who, parent)
        if new.start_date < outer.start_date or new.end_date > outer.end_date:
            raise CycleOutsideParent().at("/parent_id")
        loop, deep = CycleWouldLoop().at("/parent_id"), CyclesTooDeep().at("/parent_id")
        await require_place(tx, Cycle, who.tenant_id, row_id, parent, loop, deep)
    return {
        "external_id": new.external_id,
        "code": new.code,
        "name": new.name or new.code,
        "start_date": new.start_date,
        "end_date": new.end_date,
        "parent_id": parent,
        "cadence": new.cadence and new.cadence.value,
    }


async def _require_room_for_contents(
    tx: Transaction, who: Principal, cycle_id: UUID, wanted: NewCycle
) -> None:
    dates = {"start_date": wanted.start_date, "end_date": wanted.end_date}
    of = {"tenant_id": who.tenant_id, "cycle_id": cycle_id}
    if await tx.scalar(load_sql(__package__, "falls_outside"), of | dates):
        raise CycleDatesInUse().at("/start_date")


def _input(cycle: Cycle) -> NewCycle:
    return NewCycle(
        external_id=cycle.external_id,
        code=cycle.code,
        name=cycle.name,
        start_date=cycle.start_date,
        end_date=cycle.end_date,
        parent_id=references.ref(cycle.parent_id),
        cadence=cycle.cadence and Cadence(cycle.cadence),
    )


class _CodeTaken:
    """Names the error for two cycles of one code, which only the database can see in a race."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if (
            isinstance(error, IntegrityError)
            and constraint_name(error) == "cycles_tenant_id_code_key"
        ):
            raise CycleCodeTaken(self._code).at("/code") from error

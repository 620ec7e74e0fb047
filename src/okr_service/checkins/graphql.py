"""Check-ins in GraphQL."""

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement

from okr_service.access.policy import Permission
from okr_service.checkins import service
from okr_service.checkins.errors import CheckInNotFound
from okr_service.checkins.model import CheckIn
from okr_service.checkins.reads import CHECK_INS, check_ins_wanted
from okr_service.checkins.shapes import (
    BatchOutcome,
    CheckInBatch,
    CheckInListing,
    CheckInsFollowed,
    CheckInView,
    NewCheckIn,
    Voiding,
)
from okr_service.events.happenings import Happening
from okr_service.events.shapes import EventType
from okr_service.graphql.kinds import Kind, One
from okr_service.graphql.roots import Done, Followed, ReadCall, Room, Wanted, Write, WriteCall
from okr_service.kernel.errors import NotFound
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import Addressable
from okr_service.kernel.reach import Reach
from okr_service.kernel.references import resolve
from okr_service.objectives.access import key_result_seen, objective_seen
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveNotFound
from okr_service.objectives.graphql import KEY_RESULT
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation.errors import PersonNotFound, UnitNotFound
from okr_service.organisation.graphql import PERSON
from okr_service.organisation.model import Person, Unit

CHECK_IN = Kind(
    "CheckIn",
    "checkIns",
    CHECK_INS,
    CheckInView,
    Permission.READ,
    CheckInListing,
    lambda who, wanted: check_ins_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    CheckInNotFound,
    NewCheckIn,
)
CHECK_IN.link(
    "key_result", CheckIn.key_result_id, KEY_RESULT, "The key result it reports on.",
    back="check_ins", about_back="What was reported, the latest first.", sort="-observed_at",
)  # fmt: skip
CHECK_IN.link(
    "author", CheckIn.author_id, PERSON, "The person who reports.",
    back="check_ins", about_back="What they reported, the latest first.", sort="-observed_at",
)  # fmt: skip
CHECK_IN.link("voids", CheckIn.voids_id, CHECK_IN, "The check-in that this one corrects.")
KEY_RESULT.ones["latest_check_in"] = One(
    CHECK_IN,
    KeyResult.id,
    CheckIn.key_result_id,
    "The check-in that its current value comes from.",
    only=[CheckIn.voided_at.is_(None)],
    order=[CheckIn.observed_at.desc(), CheckIn.recorded_at.desc(), CheckIn.id.desc()],
)


async def _record(call: WriteCall, new: NewCheckIn) -> Done:
    recorded = await service.record_check_in(call.tx, call.who, new)
    return Done(recorded.id)


async def _record_all(call: WriteCall, given: CheckInBatch) -> Done:
    recorded = await service.record_check_ins(call.tx, call.who, given.check_ins)
    new = sum(one.is_new for one in recorded)
    ids = [str(one.id) for one in recorded]
    return Done(told={"recorded": new, "unchanged": len(ids) - new, "ids": ids})


async def _void(call: WriteCall, given: Voiding) -> Done:
    return Done(await service.void_check_in(call.tx, call.who, call.ref, given.reason))


async def _wanted(call: ReadCall, _: Ref, followed: CheckInsFollowed) -> Wanted:
    sight, named = call.who.sight, partial(_ids, call)
    key_results = await named(
        KeyResult, followed.key_result_id, KeyResultNotFound, key_result_seen(sight)
    )
    objectives = await named(Objective, followed.under, ObjectiveNotFound, objective_seen(sight))
    units = await named(Unit, followed.unit_id, UnitNotFound)
    authors = await named(Person, followed.author_id, PersonNotFound)

    def is_wanted(happening: Happening, sight: Reach) -> bool:
        return (
            (not key_results or happening.key_result_id in key_results)
            and (not objectives or happening.is_beneath(objectives, sight))
            and (not units or not units.isdisjoint(happening.units))
            and (not authors or happening.author_id in authors)
        )

    return is_wanted


async def _ids(
    call: ReadCall,
    model: type[Addressable],
    refs: Sequence[Ref],
    absent: Callable[[str], NotFound],
    seen: Sequence[ColumnElement[bool]] = (),
) -> set[UUID]:
    """Return the ids of the rows that references name; raises `absent` for one that none does."""
    tenant_id = call.who.tenant_id
    return {await resolve(call.tx, model, tenant_id, ref, absent(str(ref)), seen) for ref in refs}


ROOM = Room(
    [CHECK_IN],
    writes=[
        Write(
            "recordCheckIn",
            "Report a key result's value; an external id sent again records nothing twice.",
            Permission.CHECK_IN, _record, NewCheckIn, about_one=False, shows=CHECK_IN,
        ),
        Write(
            "recordCheckIns", "Report many values, all or none.", Permission.CHECK_IN,
            _record_all, CheckInBatch, about_one=False, also=BatchOutcome,
        ),
        Write(
            "voidCheckIn", "Take a check-in out of account; the one before it counts again.",
            Permission.CHECK_IN, _void, Voiding, versioned=False, shows=CHECK_IN,
        ),
    ],
    followed=[
        Followed(
            "checkInAdded", "A key result's value was reported.", Permission.READ,
            EventType.CHECK_IN_RECORDED, CHECK_IN, _wanted, filter=CheckInsFollowed,
        ),
    ],
)  # fmt: skip

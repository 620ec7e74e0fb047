"""Check-ins in GraphQL."""

from okr_service.access.policy import Permission
from okr_service.checkins import service
from okr_service.checkins.errors import CheckInNotFound
from okr_service.checkins.model import CheckIn
from okr_service.checkins.reads import CHECK_INS, check_ins_wanted
from okr_service.checkins.shapes import (
    BatchOutcome,
    CheckInBatch,
    CheckInListing,
    CheckInView,
    NewCheckIn,
    Voiding,
)
from okr_service.graphql.kinds import Kind, One
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.objectives.graphql import KEY_RESULT
from okr_service.objectives.model import KeyResult
from okr_service.organisation.graphql import PERSON

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
)  # fmt: skip

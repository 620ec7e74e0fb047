"""How check-ins are shown and found."""

from uuid import UUID

from sqlalchemy import ColumnElement, literal

from okr_service.access.policy import Permission, Principal
from okr_service.checkins.model import CheckIn
from okr_service.checkins.shapes import CheckInListing, VoidedCheckIn
from okr_service.kernel.documents import Collection, PageRequest, figure
from okr_service.kernel.reach import Reach
from okr_service.kernel.references import refers
from okr_service.objectives.access import of_key_result_seen
from okr_service.objectives.model import KeyResult
from okr_service.organisation.model import Person


def check_in_seen(sight: Reach) -> list[ColumnElement[bool]]:
    """Return the conditions that a check-in is seen: its key result is."""
    return of_key_result_seen(sight, CheckIn.tenant_id, CheckIn.key_result_id)


CHECK_INS = Collection(
    CheckIn,
    {
        "id": CheckIn.id,
        "external_id": CheckIn.external_id,
        "version": literal(1),
        "key_result_id": CheckIn.key_result_id,
        "value": figure(CheckIn.value),
        "observed_at": CheckIn.observed_at,
        "recorded_at": CheckIn.recorded_at,
        "confidence": CheckIn.confidence,
        "comment": CheckIn.comment,
        "obstacles": CheckIn.obstacles,
        "next_steps": CheckIn.next_steps,
        "next_check_in_date": CheckIn.next_check_in_date,
        "author_id": CheckIn.author_id,
        "source": CheckIn.source,
        "voids_id": CheckIn.voids_id,
        "voided_at": CheckIn.voided_at,
        "void_reason": CheckIn.void_reason,
        "feed_mapping_id": CheckIn.feed_mapping_id,
        "feed_reading_id": CheckIn.feed_reading_id,
    },
    sorts={"observed_at": CheckIn.observed_at, "recorded_at": CheckIn.recorded_at},
    seen=check_in_seen,
)


def shape_for_writer(who: Principal) -> PageRequest:
    """Return what a check-in's answer shows who voided it: only that, to who may not read."""
    if Permission.READ in who.grants:
        return PageRequest()
    return PageRequest(fields=tuple(VoidedCheckIn.model_fields)[1:])


def check_ins_wanted(tenant_id: UUID, wanted: CheckInListing) -> list[ColumnElement[bool]]:
    """Return the conditions that check-ins must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.key_result_id:
        conditions.append(refers(CheckIn.key_result_id, KeyResult, tenant_id, wanted.key_result_id))
    if wanted.author_id:
        conditions.append(refers(CheckIn.author_id, Person, tenant_id, wanted.author_id))
    if wanted.source:
        conditions.append(CheckIn.source.in_(wanted.source))
    if wanted.voided is not None:
        conditions.append(CheckIn.voided_at.is_not(None) == wanted.voided)
    if wanted.observed_from:
        conditions.append(CheckIn.observed_at >= wanted.observed_from)
    if wanted.observed_until:
        conditions.append(CheckIn.observed_at < wanted.observed_until)
    if wanted.recorded_since:
        conditions.append(CheckIn.recorded_at >= wanted.recorded_since)
    return conditions

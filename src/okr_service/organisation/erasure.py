"""Erasing what is known of a person, on request and for good."""

from uuid import UUID

from sqlalchemy import delete, func, update

from okr_service.access.policy import Permission, Principal, require
from okr_service.audit.service import Change, erase_personal_data, is_known, record
from okr_service.events.service import erase_from_events
from okr_service.imports.model import ImportPiece
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.idempotency import erase_answers
from okr_service.kernel.references import Versions
from okr_service.kernel.writes import change, differences
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.handover import hand_over_to_leader
from okr_service.organisation.model import Person
from okr_service.reminders.model import CalendarAddress
from okr_service.scim.model import ScimUser

_NAMELESS = "—"
# What is left is the id, which objectives, check-ins and events refer to.
_ERASED = {
    "name": _NAMELESS,
    "external_id": None,
    "email": None,
    "job_title": None,
    "unit_id": None,
    "active": False,
}


async def erase_person(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions = None
) -> Person | None:
    """Erase what the record of a person, the audit, the feed and kept answers hold of them.

    Where the record was deleted before, the id still names what else there is; then
    returns None. Doing it again changes nothing.

    Raises:
        NotPermitted, PersonNotFound, VersionMismatch.
    """
    require(who, Permission.ADMINISTER)
    person_id, person = await _held(tx, who, ref, expected)
    mentioned = {str(person_id)}
    changed = False
    if person is not None:
        mentioned |= {text for text in (person.name, person.email) if text} - {_NAMELESS}
        if person.active:
            await hand_over_to_leader(tx, who, person_id, person.unit_id)
        if changes := differences(person, _ERASED):
            await change(tx, person, changes)
            changed = True
    events = await erase_personal_data(tx, who, person_id)
    await erase_from_events(tx, who.tenant_id, person_id)
    await _erase_user(tx, who.tenant_id, person_id)
    of = (CalendarAddress.tenant_id == who.tenant_id, CalendarAddress.person_id == person_id)
    await tx.execute(delete(CalendarAddress).where(*of))
    await erase_answers(tx, who.tenant_id, mentioned)
    await _erase_reports(tx, who.tenant_id)
    if changed or events:
        await record(tx, who, Change("erased", "person", person_id))
    return person


async def _erase_user(tx: Transaction, tenant_id: UUID, person_id: UUID) -> None:
    """Erase what SCIM knows of a person, who is not there any more for whoever provisions."""
    nothing = dict.fromkeys(
        ("user_name", "external_id", "formatted", "family_name", "given_name", "middle_name")
    )
    known = (ScimUser.tenant_id == tenant_id, ScimUser.person_id == person_id)
    await tx.execute(update(ScimUser).where(*known).values(**nothing, deleted_at=func.now()))


async def _erase_reports(tx: Transaction, tenant_id: UUID) -> None:
    """Erase what is kept of all imports for a few days: any may mention anybody."""
    reports = (ImportPiece.tenant_id == tenant_id, ImportPiece.part != "file")
    await tx.execute(delete(ImportPiece).where(*reports))


async def _held(
    tx: Transaction, who: Principal, ref: Ref | UUID, expected: Versions
) -> tuple[UUID, Person | None]:
    absent = PersonNotFound(str(ref))
    try:
        person = await references.lock(tx, Person, who.tenant_id, ref, absent, expected)
    except PersonNotFound:
        row_id = ref if isinstance(ref, UUID) else references.row_id(ref)
        if row_id is None or not await is_known(tx, who, "person", row_id):
            raise
        return row_id, None
    return person.id, person

"""How audit events are shown and found."""

from sqlalchemy import ColumnElement

from okr_service.audit.model import AuditEvent
from okr_service.audit.shapes import AuditEventListing
from okr_service.kernel.documents import Collection, open_to_all

AUDIT_EVENTS = Collection(
    AuditEvent,
    {
        "id": AuditEvent.id,
        "occurred_at": AuditEvent.occurred_at,
        "action": AuditEvent.action,
        "subject": AuditEvent.subject,
        "subject_id": AuditEvent.subject_id,
        "credential": AuditEvent.credential,
        "request_id": AuditEvent.request_id,
        "before": AuditEvent.before,
        "after": AuditEvent.after,
    },
    seen=open_to_all,
    sorts={"occurred_at": AuditEvent.occurred_at},
    default_sort="-id",
)


def audit_events_wanted(wanted: AuditEventListing) -> list[ColumnElement[bool]]:
    """Return the conditions that audit events must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.subject:
        conditions.append(AuditEvent.subject == wanted.subject)
    if wanted.subject_id:
        conditions.append(AuditEvent.subject_id == wanted.subject_id)
    if wanted.action:
        conditions.append(AuditEvent.action == wanted.action)
    if wanted.request_id:
        conditions.append(AuditEvent.request_id == wanted.request_id)
    if wanted.occurred_since:
        conditions.append(AuditEvent.occurred_at >= wanted.occurred_since)
    return conditions

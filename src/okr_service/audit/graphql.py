"""Audit events in GraphQL."""

from okr_service.access.policy import Permission
from okr_service.audit.errors import AuditEventNotFound
from okr_service.audit.reads import AUDIT_EVENTS, audit_events_wanted
from okr_service.audit.shapes import AuditEventListing, AuditEventView
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Room

AUDIT_EVENT = Kind(
    "AuditEvent",
    "auditEvents",
    AUDIT_EVENTS,
    AuditEventView,
    Permission.READ_AUDIT,
    AuditEventListing,
    lambda _, wanted: audit_events_wanted(wanted),  # type: ignore[arg-type] # its own
    AuditEventNotFound,
)
ROOM = Room([AUDIT_EVENT])

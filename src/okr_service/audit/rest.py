"""Audit events over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.audit.errors import AuditEventNotFound
from okr_service.audit.model import AuditEvent
from okr_service.audit.reads import AUDIT_EVENTS, audit_events_wanted, exported
from okr_service.audit.shapes import (
    AuditEventListing,
    AuditEventsWanted,
    AuditEventView,
    ExportedAuditEvent,
)
from okr_service.rest.answers import page, show, streamed
from okr_service.rest.endpoint import Read, StreamEndpoint, Unconnected, needs
from okr_service.rest.routing import PageOf, room

router = room("audit")
exports = room("audit", StreamEndpoint)

_LINES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "One audit event a line, the oldest first.",
        "content": {"application/x-ndjson": {"schema": ExportedAuditEvent.model_json_schema()}},
    }
}


@exports.get("/audit-events:export", response_class=Response, responses=_LINES)
@needs(Permission.READ_AUDIT)
async def export_audit_events(
    wanted: Annotated[AuditEventsWanted, Query()], call: Unconnected
) -> Response:
    """Export who changed what until now, as a stream of lines (NDJSON)."""
    lines = exported(call.database, call.who.tenant_id, audit_events_wanted(wanted))
    return await streamed(lines, "audit-events.ndjson")


@router.get("/audit-events", response_model=PageOf[AuditEventView])
@needs(Permission.READ_AUDIT)
async def list_audit_events(wanted: Annotated[AuditEventListing, Query()], call: Read) -> Response:
    """List who changed what, the latest first."""
    return await page(call, AUDIT_EVENTS, audit_events_wanted(wanted), wanted.page())


@router.get("/audit-events/{event_id}", response_model=AuditEventView)
@needs(Permission.READ_AUDIT)
async def get_audit_event(
    event_id: Annotated[UUID, Path(description="The event's id.")], call: Read
) -> Response:
    """Show one change of one thing."""
    absent = AuditEventNotFound(str(event_id))
    return await show(call, AUDIT_EVENTS, AuditEvent.id == event_id, absent)

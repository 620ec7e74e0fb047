"""Audit events over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.audit.reads import AUDIT_EVENTS, audit_events_wanted
from okr_service.audit.shapes import AuditEventListing, AuditEventView
from okr_service.rest.answers import page
from okr_service.rest.endpoint import Read, needs
from okr_service.rest.routing import PageOf, room

router = room("audit")


@router.get("/audit-events", response_model=PageOf[AuditEventView])
@needs(Permission.ADMINISTER)
async def list_audit_events(wanted: Annotated[AuditEventListing, Query()], call: Read) -> Response:
    """List who changed what, the latest first."""
    return await page(call, AUDIT_EVENTS, audit_events_wanted(wanted), wanted.page())

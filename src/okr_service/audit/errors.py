"""What can go wrong with audit events."""

from dataclasses import dataclass

from okr_service.kernel.errors import NotFound


@dataclass(eq=False)
class AuditEventNotFound(NotFound):
    """There is no audit event {ref}."""

    ref: str

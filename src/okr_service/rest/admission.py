"""Who is let in: callers with a good credential, as often as they may ask."""

from fastapi import Request

from okr_service.access.policy import Principal
from okr_service.serving import Caller, Service


async def admitted(request: Request, service: Service) -> Principal:
    """Return the caller of a request; raises what `Service.admitted` raises."""
    return await service.admitted(caller_of(request))


def caller_of(request: Request) -> Caller:
    """Return what is known of who calls before they are recognised."""
    return Caller(
        request.headers.get("authorization") or "",
        request.client.host if request.client else "",
        request.scope["request_id"],
        request.scope["answer_headers"],
    )

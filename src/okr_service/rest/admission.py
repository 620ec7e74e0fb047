"""Who is let in: callers with a good credential, as often as they may ask."""

from fastapi import Request

from okr_service.access.credential import bearer_token
from okr_service.access.errors import InvalidCredential
from okr_service.access.gatekeeper import Gatekeeper
from okr_service.access.policy import Principal
from okr_service.limits.allowances import WINDOW
from okr_service.limits.failures import LoginFailures
from okr_service.limits.service import Limits, Standings, require_within


async def admitted(request: Request, gatekeeper: Gatekeeper, limits: Limits) -> Principal:
    """Return the caller of a request that is within its limits.

    Raises:
        TooManyFailures, TooManyRequests, and what `Gatekeeper.recognise` raises.
    """
    who = await _recognised(request, gatekeeper, limits.failures)
    # All credentials of a person's are one, or a person could make more of them to ask more.
    caller = f"person:{who.person_id}" if who.person_id else who.credential
    standings = await limits.rates.count(who.tenant_id, caller)
    request.scope["answer_headers"] += _headers(standings)
    require_within(standings)
    return who


async def _recognised(
    request: Request, gatekeeper: Gatekeeper, failures: LoginFailures
) -> Principal:
    authorization = request.headers.get("authorization")
    shown = bearer_token(authorization)
    address = request.client.host if request.client else ""
    failures.hold_off(address, shown)
    try:
        who = await gatekeeper.recognise(authorization, request.scope["request_id"])
    except InvalidCredential:
        await failures.count(address, shown)
        raise
    failures.remember(shown)
    return who


def _headers(standings: Standings) -> list[tuple[bytes, bytes]]:
    """Tell of the limits that a request was counted against.

    Source: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
    """
    if not standings:
        return []
    policies = [f'"{name}";q={standing.limit};w={WINDOW}' for name, standing in standings.items()]
    present = [f'"{name}";r={s.left};t={s.seconds}' for name, s in standings.items()]
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(present).encode()),
    ]

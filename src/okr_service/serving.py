"""What every request needs and passes, whichever door it comes through."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from okr_service.access.credential import bearer_token
from okr_service.access.errors import InvalidCredential, NotPermitted
from okr_service.access.gatekeeper import Gatekeeper
from okr_service.access.policy import Principal
from okr_service.events.feed import Feed
from okr_service.kernel.database import Database, Transaction, is_retryable
from okr_service.kernel.doing import in_tenant
from okr_service.kernel.errors import (
    Forbidden,
    InvalidReadAfter,
    OkrError,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from okr_service.kernel.positions import Position, position_of, token
from okr_service.kernel.replica import Reads, Staleness
from okr_service.kernel.statements import BROKEN_OFF_FOR
from okr_service.kernel.telemetry import counter
from okr_service.kernel.translating import sqlstate
from okr_service.limits.allowances import WINDOW
from okr_service.limits.service import Limits, Standings, require_within
from okr_service.settings import Settings

_T = TypeVar("_T")
_TRIES = 4
Header = tuple[bytes, bytes]
Work = Callable[[Transaction, list[Callable[[], None]]], Awaitable[_T]]

# As caches that do not understand a directive, ours is strict with one that it cannot read.
_MAX_STALE = re.compile(r"(?:^|,)\s*max-stale\s*(?:=\s*(\d{1,9})\s*)?(?=,|$)", re.IGNORECASE)
_READ_AFTER = "okr-read-after"
_WRITTEN_AT, _AGE = b"okr-written-at", b"age"

_retries = counter("okr.transactions.retried", "Writes done again, for they met another.")
_BEARER = 'Bearer realm="okr-service"'


@dataclass(frozen=True)
class Caller:
    """What is known of who calls before they are recognised."""

    authorization: str
    address: str
    request_id: str
    answer_headers: list[Header]  # where what the answer is to carry goes


@dataclass(frozen=True)
class Exchange:
    """What a request says of how old what it reads may be, and what its answer tells of that."""

    request_headers: Mapping[str, str]
    answer_headers: list[Header]

    def allowed(self) -> Staleness:
        """Return the staleness that a request allows (`max-stale`: RFC 9111, 5.2.1.2).

        Raises:
            InvalidReadAfter.
        """
        given, after = self.request_headers.get(_READ_AFTER), None
        if given is not None and (after := position_of(given.strip())) is None:
            raise InvalidReadAfter
        found = _MAX_STALE.search(self.request_headers.get("cache-control", ""))
        if found is None:
            return Staleness(0, after)
        return Staleness(math.inf if found[1] is None else int(found[1]), after)

    def read(self, age: float) -> None:
        """Tell that what was read may be so many seconds old (`Age`: RFC 9111, 5.1)."""
        told = [int(value) for name, value in self.answer_headers if name == _AGE]
        self._tell(_AGE, str(max(*told, math.ceil(age), 0)))

    def wrote(self, position: Position) -> None:
        """Tell what is to be said in `Okr-Read-After` by who reads what was written."""
        self._tell(_WRITTEN_AT, token(position))

    def _tell(self, name: bytes, value: str) -> None:
        others = [header for header in self.answer_headers if header[0] != name]
        self.answer_headers[:] = [*others, (name, value.encode())]


@dataclass(frozen=True)
class Service:
    """What every request needs, made once by `create_app`."""

    settings: Settings
    database: Database
    gatekeeper: Gatekeeper
    limits: Limits
    feed: Feed

    async def admitted(self, caller: Caller) -> Principal:
        """Return the caller of a request, who has a good credential and is within its limits.

        Raises:
            TooManyFailures, TooManyRequests, and what `Gatekeeper.recognise` raises.
        """
        shown = bearer_token(caller.authorization)

        async def recognise() -> Principal:
            return await self.gatekeeper.recognise(caller.authorization, caller.request_id)

        return await self.admitted_by(caller, shown, recognise, InvalidCredential)

    async def admitted_by(
        self,
        caller: Caller,
        shown: str,
        recognise: Callable[[], Awaitable[Principal]],
        refusal: type[OkrError],
    ) -> Principal:
        """Return whom `recognise` finds by what was shown; `refusal` is its word for a bad one.

        Raises:
            TooManyFailures, TooManyRequests, and what `recognise` raises.
        """
        who = await self._recognised(caller, shown, recognise, refusal)
        in_tenant(who.tenant_id)
        # All credentials of a person's are one, or a person could make more of them to ask more.
        counted = f"person:{who.person_id}" if who.person_id else who.credential
        standings = await self.limits.rates.count(who.tenant_id, counted)
        caller.answer_headers.extend(_rate_limits(standings))
        require_within(standings)
        return who

    def reads(self, exchange: Exchange) -> Reads:
        """Return what reads for a request: the database, or its replica where that is allowed.

        Raises:
            InvalidReadAfter.
        """
        return self.database.reads(exchange.allowed(), exchange.read)

    async def write(self, who: Principal, exchange: Exchange, work: Work[_T]) -> _T:
        """Do a caller's work in one transaction, from the start again where it met another.

        What is to be done once it is committed, the work appends to the list that it is given.
        """
        for tries_left in reversed(range(_TRIES)):
            afterwards: list[Callable[[], None]] = []
            try:
                async with self.database.transaction(who.tenant_id, exchange.wrote) as tx:
                    done = await work(tx, afterwards)
            except DBAPIError as error:
                if not (tries_left and is_retryable(error)):
                    raise
                _retries.add(1, {"reason": BROKEN_OFF_FOR.get(sqlstate(error), "unique")})
            else:
                for follow in afterwards:
                    follow()
                self.feed.wrote(who.tenant_id)
                return done
        raise AssertionError("the last try returns or raises")

    async def _recognised(
        self,
        caller: Caller,
        shown: str,
        recognise: Callable[[], Awaitable[Principal]],
        refusal: type[OkrError],
    ) -> Principal:
        failures = self.limits.failures
        failures.hold_off(caller.address, shown)
        try:
            who = await recognise()
        except refusal:
            await failures.count(caller.address, shown)
            raise
        failures.remember(shown)
        return who


def headers_of(error: OkrError) -> dict[str, str]:
    """Return what the answer to a refused request tells besides the refusal."""
    match error:
        case Throttled():
            return {"Retry-After": str(error.retry_after)}
        case Unavailable():
            return {"Retry-After": "1"}
        case Unauthenticated() | Forbidden():
            return {"WWW-Authenticate": _challenge(error)}
        case _:
            return {}


def _challenge(error: OkrError) -> str:
    """Say what is wrong with a bearer token, or that one is needed (RFC 6750, 3)."""
    reasons = {InvalidCredential: "invalid_token", NotPermitted: "insufficient_scope"}
    reason = next((text for kind, text in reasons.items() if isinstance(error, kind)), None)
    return _BEARER if reason is None else f'{_BEARER}, error="{reason}"'


def _rate_limits(standings: Standings) -> list[Header]:
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

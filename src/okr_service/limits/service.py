"""Counting what credentials and tenants ask."""

from uuid import UUID

from okr_service.kernel.database import Database
from okr_service.limits.allowances import Allowances, Standing
from okr_service.limits.errors import TooManyRequests
from okr_service.limits.failures import LoginFailures
from okr_service.settings import Settings

Standings = dict[str, Standing]


class RateLimiter:
    """Counts requests by credential and by tenant; a limit of 0 is none."""

    def __init__(self, database: Database, per_credential: int, per_tenant: int) -> None:
        self._allowances = Allowances(database)
        self._per_credential = per_credential
        self._per_tenant = per_tenant

    async def count(self, tenant_id: UUID, credential: str) -> Standings:
        """Count a request; returns how its credential and its tenant stand after it.

        A request beyond its credential's limit does not count against the tenant.
        """
        standings: Standings = {}
        if self._per_credential:
            subject = f"credential:{credential}"
            standing = await self._allowances.spend(tenant_id, subject, self._per_credential)
            standings["credential"] = standing
            if not standing.within:
                return standings
        if self._per_tenant:
            standing = await self._allowances.spend(tenant_id, "tenant", self._per_tenant)
            standings["tenant"] = standing
        return standings


def require_within(standings: Standings) -> None:
    """Let a request through that is within its limits.

    Raises:
        TooManyRequests: it is not.
    """
    for policy, standing in standings.items():
        if not standing.within:
            raise TooManyRequests(standing.seconds, standing.limit, policy)


class Limits:
    """What a process knows of requests and of bad credentials, shared by its doors."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.rates = RateLimiter(
            database, settings.rate_limit_per_credential, settings.rate_limit_per_tenant
        )
        self.failures = LoginFailures(database, settings)

"""Slowing those who show one bad credential after another.

An address may show so many in a minute; then all replicas refuse it before they
look a credential up: for half a minute, and for twice as long with each further
minute of the past fifteen in which it went so far, up to five minutes.

Many share an address behind a company's gateway, and one of their programs with
an old key must not lock out the others. So a credential that this process found
good within the past day goes on being looked up, wherever it comes from; its
owner notices nothing. Only newcomers wait, minutes at the most. Keys are too long
to be guessed at any rate: what is held off is the cost of looking them up. For
the same reason failures are not counted by tenant: whoever has seen one of a
tenant's keys could then keep all its newcomers out.
"""

import hashlib
import logging
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic
from uuid import UUID

from okr_service.kernel.database import Database
from okr_service.limits.allowances import WINDOW, Allowances
from okr_service.limits.errors import TooManyFailures
from okr_service.settings import Settings

# Whose are the counts of what belongs to no tenant yet.
NOBODY = UUID(int=0)
_KEPT = 900
_LONGEST_WAIT = 300
_GOOD_FOR = 86_400
_MOST = 20_000
_log = logging.getLogger(__name__)


class LoginFailures:
    """Counts bad credentials by client address; see the module's first lines."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        window: int = WINDOW,
        first_wait: float = 30,
    ) -> None:
        self._allowances = Allowances(database, window=window, kept=_KEPT)
        self._limit = settings.login_failures_per_minute
        self._first_wait = first_wait
        self._key = _key_of(settings)
        self._slowed: dict[str, float] = {}  # until when, by subject
        self._good: dict[int, float] = {}  # until when, by the hash of what was shown

    def hold_off(self, address: str, shown: str) -> None:
        """Refuse a bearer token that is not to be looked up now.

        Raises:
            TooManyFailures: its address showed too many bad ones, and it is not known as good.
        """
        if not (self._slowed and shown):
            return
        until = self._slowed.get(self._subject(address), 0.0)
        now = monotonic()
        if until > now and self._good.get(hash(shown), 0.0) <= now:
            raise TooManyFailures(int(until - now) + 1)

    def remember(self, shown: str) -> None:
        """Note that a credential was found good."""
        self._good.pop(hash(shown), None)
        self._good[hash(shown)] = monotonic() + _GOOD_FOR
        if len(self._good) > _MOST:
            del self._good[next(iter(self._good))]  # the one that was shown least lately

    async def count(self, address: str, shown: str) -> None:
        """Note that a credential was found bad, and slow its address if it was one too many."""
        self._good.pop(hash(shown), None)
        if not self._limit:
            return
        subject = self._subject(address)
        standing = await self._allowances.spend(NOBODY, subject, self._limit)
        if not standing.within:
            await self._slow(subject)

    async def _slow(self, subject: str) -> None:
        windows = await self._allowances.exhausted(NOBODY, subject, self._limit)
        wait = min(self._first_wait * 2 ** max(0, windows - 1), _LONGEST_WAIT)
        if len(self._slowed) >= _MOST:
            self._slowed = {}
        self._slowed[subject] = monotonic() + wait
        _log.warning("%.16s… showed too many bad credentials and waits %d s", subject, wait)

    def _subject(self, address: str) -> str:
        digest = hashlib.blake2b(_network(address).encode(), key=self._key, digest_size=16)
        return f"address:{digest.hexdigest()}"


def _key_of(settings: Settings) -> bytes:
    """Return what whoever has only the database lacks to try all addresses against a hash."""
    secrets = [settings.database_url, settings.bootstrap_api_key]
    given = "\n".join(secret.get_secret_value() if secret else "" for secret in secrets)
    return hashlib.sha256(f"okr-service addresses\n{given}".encode()).digest()


def _network(address: str) -> str:
    """Return what one client can be thought to have: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.packed[:8].hex())
    return str(found)

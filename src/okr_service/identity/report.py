"""Saying what is found at an issuer, to an admin who wonders why tokens do not work."""

from okr_service.identity.discovery import Found
from okr_service.identity.keys import Keys
from okr_service.identity.provider import Provider
from okr_service.identity.shapes import IssuerKeyView, IssuerReport
from okr_service.kernel.outgoing import NoAnswer

NO_KEYS = "no-keys"


async def report(keys: Keys, provider: Provider) -> IssuerReport:
    """Ask a provider's issuer for its keys now; returns what was found or what is in the way."""
    try:
        found = await keys.check(provider.source)
    except NoAnswer as error:
        return IssuerReport(
            usable=False,
            issuer=provider.issuer,
            jwks_url=None,
            keys=[],
            algorithms=[],
            reason=error.why,
            url=error.url,
            found=error.found,
        )
    return _of(provider, found)


def _of(provider: Provider, found: Found) -> IssuerReport:
    possible = frozenset[str]().union(*(key.algorithms for key in found.keys))
    algorithms = sorted(possible & provider.algorithms)
    return IssuerReport(
        usable=bool(algorithms),
        issuer=provider.issuer,
        jwks_url=found.jwks_url,
        keys=[
            IssuerKeyView(key_id=key.key_id, algorithms=sorted(key.algorithms))
            for key in found.keys
        ],
        algorithms=algorithms,
        reason=None if algorithms else NO_KEYS,
        url=None if algorithms else found.jwks_url,
        found=None,
    )

"""Bad credentials slow the address that shows them, everywhere, and not for ever."""

import asyncio
from collections.abc import Callable
from itertools import count
from time import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from okr_service.kernel.database import Database
from okr_service.limits.errors import TooManyFailures
from okr_service.limits.failures import NOBODY, LoginFailures
from okr_service.settings import Settings

Replica = Callable[..., LoginFailures]
_hosts = count(1)


@pytest.fixture
def address() -> str:
    """Return an address that no other test has."""
    return f"10.{uuid4().int % 250}.{uuid4().int % 250}.{next(_hosts)}"


@pytest.fixture
def replica(database: Database, settings: Settings) -> Replica:
    """Make what another process would remember."""

    def make(*, window: int = 600, first_wait: float = 30, allowed: int = 8) -> LoginFailures:
        changed = settings.model_copy(update={"login_failures_per_minute": allowed})
        return LoginFailures(database, changed, window=window, first_wait=first_wait)

    return make


async def fail(failures: LoginFailures, address: str, times: int) -> int:
    """Show bad credentials; returns how many were looked up."""
    for looked_up in range(times):
        try:
            failures.hold_off(address, f"bad-{looked_up}")
        except TooManyFailures:
            return looked_up
        await failures.count(address, f"bad-{looked_up}")
    return times


async def test_after_so_many_an_address_waits(replica: Replica, address: str) -> None:
    failures = replica()
    assert await fail(failures, address, 100) == 9
    with pytest.raises(TooManyFailures) as caught:
        failures.hold_off(address, "another")
    assert 25 <= caught.value.retry_after <= 30
    failures.hold_off("192.0.2.1", "another")


async def test_replicas_share_the_count(replica: Replica, address: str) -> None:
    replicas = [replica() for _ in range(4)]
    looked_up = await asyncio.gather(*(fail(one, address, 100) for one in replicas))
    assert sum(looked_up) <= 8 + len(replicas)
    assert await fail(replica(), address, 100) == 1


async def test_each_time_the_wait_doubles_and_then_is_over(replica: Replica, address: str) -> None:
    failures = replica(window=1, first_wait=0.4)
    waits = []
    for _ in range(3):
        await asyncio.sleep(1 - time() % 1)  # so that all fall into one window
        await fail(failures, address, 100)
        waits.append(failures._slowed[failures._subject(address)])
        wait = waits[-1] - asyncio.get_running_loop().time()
        await asyncio.sleep(max(wait, 1) + 0.05)
        failures.hold_off(address, "another")
        waits[-1] = wait
    assert waits == pytest.approx([0.4, 0.8, 1.6], abs=0.1)


async def test_behind_one_gateway_what_was_good_goes_on(replica: Replica, address: str) -> None:
    failures = replica()
    failures.remember("good")
    await fail(failures, address, 100)
    failures.hold_off(address, "good")
    await failures.count(address, "good")  # it has been revoked
    with pytest.raises(TooManyFailures):
        failures.hold_off(address, "good")


async def test_no_address_is_stored(replica: Replica, address: str, database: Database) -> None:
    await fail(replica(), address, 3)
    asked = "SELECT string_agg(request_counts::text, ' ') FROM request_counts WHERE tenant_id = :id"
    async with database.reading() as connection:
        stored: str = await connection.scalar(text(asked), {"id": NOBODY})
    assert "address:" in stored
    assert address not in stored


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "192.0.2.8", False),
    ],
)
def test_one_client_is_one_address_however_it_is_written(
    replica: Replica, one: str, other: str, *, same: bool
) -> None:
    failures = replica()
    assert (failures._subject(one) == failures._subject(other)) == same


def test_a_hash_says_nothing_without_the_settings(database: Database, settings: Settings) -> None:
    other = settings.model_copy(update={"bootstrap_api_key": None})
    [mine, theirs] = [LoginFailures(database, s)._subject("192.0.2.7") for s in (settings, other)]
    assert mine != theirs


async def test_a_limit_of_0_slows_nobody(replica: Replica, address: str) -> None:
    assert await fail(replica(allowed=0), address, 50) == 50

"""Keeping keys: rotation, caching, back-off, one question at a time, and using them stale."""

import asyncio

import pytest
from tests.identity.conftest import Clock
from tests.identity.issuer import DISCOVERY, KEYS, Issuer, kept_key, sign

from okr_service.identity.errors import IssuerUnavailable
from okr_service.identity.keys import (
    FIRST_BACK_OFF,
    LONGEST_BACK_OFF,
    PAUSE,
    USED_BEYOND,
    Keys,
)
from okr_service.identity.provider import Source
from okr_service.identity.signed import SignedToken, is_signed_by, read_token
from okr_service.kernel.outgoing import NoAnswer, Outgoing

_HOUR = 3600.0


def read(token: str) -> SignedToken:
    signed = read_token(token)
    assert signed is not None
    return signed


def source(issuer: Issuer) -> Source:
    return Source(issuer.url, None)


async def verified(keys: Keys, issuer: Issuer, token: str | None = None) -> bool:
    signed = read(token or issuer.token())
    return is_signed_by(signed, await keys.candidates(source(issuer), signed))


def unknown(issuer: Issuer, name: str = "unknown") -> str:
    """Return a token by a key that the issuer never had."""
    header = {"alg": "RS256", "kid": name}
    return sign(header, {"iss": issuer.url}, kept_key("RS256", -1))


# Caching


async def test_an_issuer_is_asked_once_for_many_tokens(keys: Keys, issuer: Issuer) -> None:
    for _ in range(20):
        assert await verified(keys, issuer)
    assert issuer.asked == [DISCOVERY, KEYS]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, _HOUR),
        ({"Cache-Control": "public, max-age=7200"}, 7200),
        ({"Cache-Control": 'max-age="600", must-revalidate'}, 600),
        ({"Cache-Control": "max-age=7200", "Age": "7000"}, 200),
        ({"Cache-Control": "max-age=7200", "Age": "x"}, 7200),
        ({"Cache-Control": "s-maxage=5"}, _HOUR),
        ({"Cache-Control": "max-age=0"}, 60),
        ({"Cache-Control": "max-age=7200", "Age": "999999"}, 60),
        ({"Cache-Control": "no-store"}, 60),
        ({"Cache-Control": "no-cache, max-age=7200"}, 60),
        ({"Cache-Control": "max-age=31536000"}, 86_400),
        ({"Cache-Control": "max-age=" + "9" * 400}, 86_400),
        ({"Cache-Control": "max-age=-1"}, _HOUR),
    ],
)
async def test_keys_are_fresh_as_long_as_the_issuer_says_within_bounds(
    keys: Keys, issuer: Issuer, clock: Clock, headers: dict[str, str], seconds: float
) -> None:
    issuer.headers = headers
    await verified(keys, issuer)
    clock.pass_by(seconds - 1)
    await verified(keys, issuer)
    assert issuer.asked == [DISCOVERY, KEYS]
    clock.pass_by(1)
    await verified(keys, issuer)
    assert issuer.asked == [DISCOVERY, KEYS] * 2


# Rotation


async def test_a_new_key_is_found_when_a_token_names_it(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    assert await verified(keys, issuer)
    old = issuer.token()
    issuer.rotate(keep=True)
    clock.pass_by(PAUSE)
    assert await verified(keys, issuer)
    assert await verified(keys, issuer, old)
    assert issuer.asked.count(KEYS) == 2


async def test_a_key_that_is_published_no_more_verifies_no_more(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    old = issuer.token()
    assert await verified(keys, issuer, old)
    issuer.rotate()
    assert await verified(keys, issuer, old)  # until somebody asks
    clock.pass_by(PAUSE)
    assert await verified(keys, issuer)
    assert not await verified(keys, issuer, old)


async def test_an_issuer_that_withdraws_every_key_is_believed(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    token = issuer.token()
    assert await verified(keys, issuer, token)
    issuer.publish(KEYS, {"keys": []})
    clock.pass_by(_HOUR)
    assert not await verified(keys, issuer, token)


async def test_unknown_keys_have_the_issuer_asked_once_a_pause(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    assert await verified(keys, issuer)
    for number in range(50):
        assert not await verified(keys, issuer, unknown(issuer, f"k{number}"))
    assert issuer.asked.count(KEYS) == 1  # it was asked just now
    clock.pass_by(PAUSE)
    for number in range(50):
        assert not await verified(keys, issuer, unknown(issuer, f"k{number}"))
    assert issuer.asked.count(KEYS) == 2
    assert await verified(keys, issuer)


async def test_a_token_that_names_no_key_is_not_tried_with_all_of_many(
    keys: Keys, issuer: Issuer
) -> None:
    for number in range(4):
        issuer.rotate(kid=f"k{number}", keep=True)
    unnamed = issuer.token(kid="k3", header={"kid": None})
    assert not await verified(keys, issuer, unnamed)
    assert await verified(keys, issuer, issuer.token(kid="k3"))
    assert await verified(keys, issuer, issuer.token(kid="k2", header={"kid": None}))


# One at a time


async def test_many_who_need_a_key_at_once_ask_once(keys: Keys, issuer: Issuer) -> None:
    with issuer.hesitating():
        waiting = [asyncio.create_task(verified(keys, issuer)) for _ in range(50)]
        await asyncio.sleep(0.05)
    assert await asyncio.gather(*waiting) == [True] * 50
    assert issuer.asked == [DISCOVERY, KEYS]


async def test_one_who_gives_up_does_not_take_the_answer_from_others(
    keys: Keys, issuer: Issuer
) -> None:
    with issuer.hesitating():
        first = asyncio.create_task(verified(keys, issuer))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(verified(keys, issuer))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
    assert await second
    assert first.cancelled()
    assert issuer.asked == [DISCOVERY, KEYS]


async def test_an_issuer_that_takes_its_time_keeps_no_other_waiting(keys: Keys) -> None:
    slow, quick = Issuer(), Issuer()
    with slow.hesitating():
        waiting = asyncio.create_task(verified(keys, slow))
        await asyncio.sleep(0.05)
        assert await verified(keys, quick)
        assert not waiting.done()
    assert await waiting
    slow.down()
    quick.down()


async def test_closing_waits_for_nobody(keys: Keys, issuer: Issuer) -> None:
    with issuer.hesitating():
        waiting = asyncio.create_task(verified(keys, issuer))
        await asyncio.sleep(0.05)
        await keys.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


# Back-off and stale keys


async def test_a_failing_issuer_is_asked_more_and_more_seldom(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    issuer.publish(DISCOVERY, {}, 500)
    for expected in (5, 10, 20, 40, 80, 160, LONGEST_BACK_OFF, LONGEST_BACK_OFF):
        issuer.asked.clear()
        for passed in (0, expected - 1):  # the pause is not over a second before its end
            clock.pass_by(passed)
            for _ in range(3):
                with pytest.raises(IssuerUnavailable):
                    await verified(keys, issuer)
        assert issuer.asked.count(DISCOVERY) == 1, expected
        clock.pass_by(1)
    issuer.documents.clear()
    assert await verified(keys, issuer)
    issuer.publish(DISCOVERY, {}, 500)
    clock.pass_by(_HOUR)
    assert await verified(keys, issuer)
    clock.pass_by(FIRST_BACK_OFF)  # it begins anew
    issuer.asked.clear()
    assert await verified(keys, issuer)
    assert DISCOVERY in issuer.asked


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 5.0), (0.5, 3.75), (1.0, 2.5)])
async def test_processes_do_not_come_back_all_at_once(
    issuer: Issuer, clock: Clock, jitter: float, pause: float
) -> None:
    keys = Keys(Outgoing(allow_private=True), clock, lambda: jitter)
    issuer.down()
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer)
    issuer.up()
    clock.pass_by(pause - 0.01)
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer)
    clock.pass_by(0.01)
    assert await verified(keys, issuer)


async def test_known_keys_are_used_for_a_day_while_the_issuer_is_down(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    assert await verified(keys, issuer)
    issuer.down()
    clock.pass_by(_HOUR + 1)
    assert await verified(keys, issuer)
    clock.pass_by(USED_BEYOND - 2)
    assert await verified(keys, issuer)
    clock.pass_by(1)
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer)
    issuer.up()
    clock.pass_by(LONGEST_BACK_OFF)
    assert await verified(keys, issuer)


async def test_an_unknown_key_of_an_issuer_that_is_down_may_be_a_new_one(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    assert await verified(keys, issuer)
    issuer.down()
    clock.pass_by(PAUSE)
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer, unknown(issuer))
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer, unknown(issuer))  # within the back-off too
    assert await verified(keys, issuer)
    issuer.up()


async def test_an_issuer_that_never_answered_cannot_be_judged(keys: Keys, issuer: Issuer) -> None:
    issuer.down()
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer)
    issuer.up()


async def test_nonsense_from_an_issuer_does_not_displace_its_keys(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    assert await verified(keys, issuer)
    for nonsense in (b"<html>", b"{}", b"[]", b'{"keys": {}}', b'{"keys": null}'):
        issuer.publish(KEYS, nonsense)
        clock.pass_by(_HOUR)
        assert await verified(keys, issuer), nonsense


async def test_asking_now_does_not_mind_the_back_off(keys: Keys, issuer: Issuer) -> None:
    issuer.down()
    with pytest.raises(IssuerUnavailable):
        await verified(keys, issuer)
    with pytest.raises(NoAnswer):
        await keys.check(source(issuer))
    issuer.up()
    await keys.check(source(issuer))
    assert await verified(keys, issuer)


async def test_a_key_that_changed_under_its_name_is_asked_for_again(
    keys: Keys, issuer: Issuer, clock: Clock
) -> None:
    issuer.rotate(kid="same")
    assert await verified(keys, issuer)
    issuer.rotate(kid="same")
    token = issuer.token()
    assert not await verified(keys, issuer, token)
    assert not await keys.renewed(source(issuer))  # it was asked just now
    clock.pass_by(PAUSE)
    assert await keys.renewed(source(issuer))
    assert await verified(keys, issuer, token)

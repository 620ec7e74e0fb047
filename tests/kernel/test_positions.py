"""How old a replica's state is, judged by where the primary was at moments."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.kernel.database import Database
from okr_service.kernel.positions import (
    PRIMARY_POSITION,
    REPLAYED_POSITION,
    History,
    Position,
    position_of,
    token,
)

_KEPT = 100.0


def _at(byte: int, timeline: int = 1) -> Position:
    return Position(timeline, byte)


def _history(positions: list[int]) -> History:
    history = History(_KEPT)
    for moment, position in enumerate(positions):
        history.note(float(moment), _at(position))
    return history


@given(st.lists(st.integers(0, 20), min_size=1, max_size=100), st.integers(0, 20))
def test_a_state_is_as_old_as_the_last_moment_whose_all_it_has(
    steps: list[int], replayed: int
) -> None:
    positions = [sum(steps[: n + 1]) for n in range(len(steps))]
    now = float(len(steps))
    moments = bisect_right(positions, replayed)
    wanted = now - (moments - 1) if moments else None
    assert _history(positions).age(_at(replayed), now) == wanted


def test_an_idle_primary_does_not_make_a_replica_old() -> None:
    assert _history([5] * 50).age(_at(5), 49.5) == 0.5


def test_a_replica_that_hears_nothing_any_more_grows_old() -> None:
    history = _history([5, 5, 6, 6, 6])
    assert [history.age(_at(5), now) for now in (4.0, 40.0)] == [3.0, 39.0]


def test_a_primary_that_is_not_heard_of_makes_every_replica_old() -> None:
    assert _history([5]).age(_at(9), 60.0) == 60.0


def test_nothing_is_known_before_the_first_moment() -> None:
    assert History(_KEPT).age(_at(9), 0.0) is None
    assert History(_KEPT).span(7.0) == 0.0
    assert _history([5]).age(_at(4), 1.0) is None


def test_who_follows_a_former_primary_grows_old_whatever_they_have() -> None:
    history = _history([5, 9])
    history.note(2.0, _at(7, timeline=2))
    assert history.age(_at(99), 4.0) == 3.0
    assert history.age(_at(7, timeline=2), 4.0) == 2.0


def test_what_a_primary_had_before_it_was_restored_counts_no_more() -> None:
    history = _history([5, 9, 7])
    assert history.age(_at(8), 2.0) == 0.0
    history.note(3.0, _at(9))
    assert history.age(_at(8), 3.0) == 1.0


def test_no_more_is_kept_than_is_of_use() -> None:
    history = _history(list(range(1_000)))
    assert history.span(999.0) < _KEPT
    assert history.age(_at(900), 999.0) == 99.0
    assert history.age(_at(800), 999.0) is None


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_tokens_stand_for_positions_and_have_their_order(timeline: int, byte: int) -> None:
    assert position_of(token(_at(byte, timeline))) == (timeline, byte)
    assert token(_at(0, timeline)) <= token(_at(byte, timeline))


@given(st.text(max_size=25))
def test_anything_else_is_no_token(given: str) -> None:
    found = position_of(given)
    assert found is None or token(found) == given


async def test_a_commit_lies_before_the_position_that_is_asked_for_after_it(
    database: Database,
) -> None:
    async with database.reading() as connection:
        for _ in range(3):
            before = await _position(connection)
            async with database.transaction() as tx:
                await tx.execute(text("SELECT pg_current_xact_id()"))
            assert await _position(connection) > before
        assert (await connection.execute(REPLAYED_POSITION)).one_or_none() is None


async def _position(connection: AsyncConnection) -> Position:
    return Position(*(await connection.execute(PRIMARY_POSITION)).one())


@pytest.mark.skipif("'OKR_TEST_DATABASE_URL' in os.environ", reason="needs a superuser's right")
async def test_where_a_segment_has_just_begun_nothing_lies_beyond_what_is_flushed(
    database: Database,
) -> None:
    """Else a replica of a primary that is idle since then would never have all there is."""
    switch = text("SELECT pg_switch_wal()")
    flushed = text(
        "SELECT CAST(pg_current_wal_flush_lsn() - CAST('0/0' AS pg_lsn) AS bigint),"
        " CAST(pg_current_wal_insert_lsn() - CAST('0/0' AS pg_lsn) AS bigint)"
    )
    async with database.transaction() as tx:
        await tx.execute(text("SELECT pg_current_xact_id()"))
    async with database.reading() as connection:
        await connection.execute(switch)
        there = (await connection.execute(flushed)).one()
        assert there[1] > there[0]  # what it is about: a header that is not there yet
        assert (await _position(connection)).byte == there[0]

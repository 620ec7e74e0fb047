"""`okr_ratio` in PostgreSQL against fractions."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric, column, func, literal, select, values
from tests.rollup.exact import rounded

from okr_service.kernel.database import Database

Pair = tuple[Decimal, Decimal]

_LONG = 10**30 - 1


def _decimal(digits: int, places: int) -> Decimal:
    return Decimal(f"{digits}E-{places}")  # from text: arithmetic would round to 28 digits


_places = st.integers(0, 10)
_long = st.builds(_decimal, st.integers(-_LONG, _LONG), _places)
_short = st.builds(_decimal, st.integers(-30, 30), st.integers(0, 2))
_any = _long | _short


@st.composite
def _about_a_half(draw: st.DrawFn) -> Pair:
    """Draw a quotient with an exact 5 at the 7th decimal, or a hair beside it."""
    millionths = draw(st.integers(-3_000_000, 3_000_000))
    unit = draw(st.integers(1, 10**24))
    beside = draw(st.sampled_from([0, 1, -1]))
    sign = draw(st.sampled_from([1, -1]))
    places = draw(_places)
    part, whole = (2 * millionths + 1) * unit + beside, 2_000_000 * unit
    return _decimal(sign * part, places), _decimal(sign * whole, places)


@settings(deadline=None, max_examples=100)
@given(pairs=st.lists(st.tuples(_any, _any) | _about_a_half(), min_size=1, max_size=40))
@example(pairs=[(Decimal(123456499999999999999999999999), Decimal(10**30))])
@example(pairs=[(Decimal("0.0000005"), Decimal(1)), (Decimal("-0.0000005"), Decimal(1))])
async def test_is_the_exact_quotient_rounded_once(database: Database, pairs: list[Pair]) -> None:
    given_pairs = values(
        column("place", Numeric), column("part", Numeric), column("whole", Numeric), name="given"
    ).data([(place, *pair) for place, pair in enumerate(pairs)])
    ratio = func.okr_ratio(given_pairs.c.part, given_pairs.c.whole)

    async with database.reading() as connection:
        found = await connection.scalars(select(ratio).order_by(given_pairs.c.place))

    exact = [rounded(Fraction(part) / Fraction(whole)) if whole else None for part, whole in pairs]
    assert [None if one is None else Fraction(one) for one in found] == exact


async def test_postgresql_rounds_twice_where_this_does_not(database: Database) -> None:
    part = literal(Decimal(123456499999999999999999999999), Numeric)
    whole = literal(Decimal(10**30), Numeric)
    both = select(func.okr_ratio(part, whole), func.round(part / whole, 6))

    async with database.reading() as connection:
        ours, theirs = (await connection.execute(both)).one()

    assert ours == Decimal("0.123456")
    assert theirs == Decimal("0.123457")

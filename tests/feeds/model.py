"""What readings make of key results: the definition in fractions, over all readings at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import floor

_PLACES = 10**10

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """A reading: of which metric, of which day of January, what it is and says."""

    metric: str
    day: int
    reading_id: str
    dimensions: Dimensions
    value: Decimal


@dataclass
class Mapped:
    """What a key result makes of readings."""

    metric: str
    dimensions: Dimensions
    aggregation: str
    factor: Decimal
    offset: Decimal
    negated: bool

    def history(self, readings: Iterable[Sent]) -> list[tuple[int, Decimal]]:
        """Return the values by day that a complete set of readings gives."""
        mine = [r for r in readings if (r.metric, r.dimensions) == (self.metric, self.dimensions)]
        return [(day, self._value(mine, day)) for day in sorted({r.day for r in mine})]

    def _value(self, readings: list[Sent], day: int) -> Decimal:
        until = [r for r in readings if r.day <= day]
        last = max((r for r in until if r.day == day), key=lambda r: r.reading_id.encode())
        total = sum((Fraction(r.value) for r in until), Fraction(0))
        figure = {
            "latest": Fraction(last.value),
            "sum": total,
            "average": total / len(until),
        }[self.aggregation]
        factor = -self.factor if self.negated else self.factor
        return _rounded(figure * Fraction(factor) + Fraction(self.offset))


@dataclass
class Feed:
    """All that a feed knows: each reading as it was last sent."""

    readings: dict[tuple[str, int, str], Sent] = field(default_factory=dict)

    def take(self, sent: Iterable[Sent]) -> list[str]:
        """Take readings; returns whether each is new, the same or a correction."""
        outcomes = []
        for one in sent:
            key = (one.metric, one.day, one.reading_id)
            before = self.readings.get(key)
            outcomes.append(
                "new" if before is None else "unchanged" if before == one else "corrected"
            )
            self.readings[key] = one
        return outcomes


def _rounded(exact: Fraction) -> Decimal:
    """Round half away from zero to 10 decimals."""
    millions = floor(abs(exact) * _PLACES + Fraction(1, 2))
    return Decimal(millions if exact >= 0 else -millions).scaleb(-10)

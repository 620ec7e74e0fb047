"""Rounding as the domain defines it, on fractions."""

from fractions import Fraction

_MILLION = 1_000_000


def rounded(value: Fraction) -> Fraction:
    """Round half away from zero to 6 decimals."""
    scaled = abs(value) * _MILLION
    millionths = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(millionths if value >= 0 else -millionths, _MILLION)

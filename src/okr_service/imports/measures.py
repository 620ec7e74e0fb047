"""Thousands, millions and billions: in a unit of measure, and written behind a figure.

A figure is in its unit: with the unit `tỷ đồng`, 120 is 120 billion, and stays 120. Only
a word behind the figure itself changes it, as far as the unit does not already say so:
`1,5 tỷ` is 1.5 in `tỷ đồng`, 1500 in `triệu đồng` and 1500000000 in `đồng`.
"""

from okr_service.imports.errors import UnreadableNumber
from okr_service.kernel.search import fold

_POWERS = {
    "nghin": 3,
    "ngan": 3,
    "thousand": 3,
    "trieu": 6,
    "tr": 6,
    "million": 6,
    "mn": 6,
    "ty": 9,
    "ti": 9,
    "billion": 9,
    "bn": 9,
}
_NO_POWER_BEFORE = {"le", "suat", "trong"}  # tỷ lệ, tỷ suất, tỷ trọng: ratios
_MONEY = {"dong", "d", "vnd", "vnđ", "₫"}


def shift(words: str, unit_of_measure: str | None) -> int:
    """Return the power of ten between a figure with words behind it and the figure in its unit.

    Raises:
        UnreadableNumber: the words are neither a power of ten nor the unit.
    """
    power, measured = _parted(words)
    own, unit = _parted(unit_of_measure or "")
    if (
        measured
        and measured != unit
        and not (_is_money(measured) and (_is_money(unit) or not unit))
    ):
        raise UnreadableNumber(words)
    if measured and not power:
        return 0 - own
    return power - own


def has_power(words: str) -> bool:
    """Say whether words begin with a power of ten."""
    return _parted(words)[0] > 0


def _is_money(measured: list[str]) -> bool:
    return len(measured) == 1 and measured[0] in _MONEY


def _parted(words: str) -> tuple[int, list[str]]:
    power, parts = 0, fold(words).split()
    while parts and parts[0] in _POWERS and not (set(parts[1:2]) & _NO_POWER_BEFORE):
        power += _POWERS[parts.pop(0)]
    return power, parts

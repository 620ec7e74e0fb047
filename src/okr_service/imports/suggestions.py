"""What somebody may have meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

from okr_service.kernel.search import fold

_ALIKE = 0.72
_MOST_COMPARED = 5_000
_LONGEST = 60


def closest(given: str, known: Iterable[str]) -> str | None:
    """Return the known word most like the one given, accents and case aside, or None."""
    if len(given) > _LONGEST:
        return None
    folded = {fold(word): word for word, _ in zip(known, range(_MOST_COMPARED), strict=False)}
    found = get_close_matches(fold(given), folded, n=1, cutoff=_ALIKE)
    return folded[found[0]] if found else None

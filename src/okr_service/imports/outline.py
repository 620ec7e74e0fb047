"""What empty cells mean in a sheet that is written as an outline.

People write a unit, a cycle, an objective or a key result once, and leave the cells
below it empty as long as the rows are about the same. So a row that speaks of a key
result or an action and names no objective belongs to the objective above; an action
without a key result, to the key result above; an objective without unit or cycle, to
those above. Nothing else is carried down, and nothing that the row itself contradicts.
"""

from collections.abc import Container, Sequence

_KEYS = ("unit", "cycle", "objective", "key_result")
_NONE: frozenset[str] = frozenset()


class Outline:
    """Remembers what was said last, from the first row of a sheet to its last."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._keys = [key for key in _KEYS if key in columns]
        self._above: dict[str, str] = {}

    def complete(self, said: dict[str, str], faulty: Container[str]) -> frozenset[str]:
        """Fill in what a row leaves to those above it, and return these columns."""
        above = self._above
        repeated: frozenset[str] = _NONE
        missing = [key for key in self._keys if key not in said]
        if missing and above:
            repeated = self._carried(said, [key for key in missing if key not in faulty])
        if said.get("objective") != above.get("objective"):
            above.pop("key_result", None)
        for key in self._keys:
            if key in said:
                above[key] = said[key]
        return repeated

    def _carried(self, said: dict[str, str], missing: list[str]) -> frozenset[str]:
        above, carried = self._above, list[str]()
        if "objective" in missing and self._is_beneath(said):
            carried.append("objective")
        if "objective" not in said and not carried:
            return _NONE
        same = said.get("objective", above.get("objective")) == above.get("objective")
        unnamed = "key_result" in missing and "key_result_title" not in said
        if same and unnamed and "action" in said:
            carried.append("key_result")
        carried += [key for key in ("unit", "cycle") if key in missing]
        filled = {key: above[key] for key in carried if key in above}
        said.update(filled)
        return frozenset(filled)

    def _is_beneath(self, said: dict[str, str]) -> bool:
        """Say whether a row without an objective speaks of a key result or an action."""
        beneath = said.keys() & {"key_result", "key_result_title", "action"}
        return bool(beneath) and "objective_title" not in said and self._fits(said)

    def _fits(self, said: dict[str, str]) -> bool:
        above = self._above
        return all(said[key] == above.get(key) for key in ("unit", "cycle") if key in said)

"""JSON Merge Patch (RFC 7396): a change is the present input with some members replaced."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from okr_service.kernel.validation import validated

_I = TypeVar("_I", bound=BaseModel)


def merge(target: object, patch: object) -> object:
    """Return the target with the patch applied; null removes a member."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def patched(shape: type[_I], patch: Mapping[str, object]) -> Callable[[_I], _I]:
    """Return the edit that a merge patch stands for.

    The edit raises InvalidInput where the outcome does not fit the shape.
    """

    def edit(present: _I) -> _I:
        merged = merge(present.model_dump(mode="json"), patch)
        assert isinstance(merged, Mapping), "both are objects"
        return validated(shape, merged)

    return edit

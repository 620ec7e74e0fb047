"""Saying in our own words what pydantic finds wrong."""

from collections.abc import Mapping, Sequence

from okr_service.kernel.errors import FieldError
from okr_service.kernel.messages.fields import CODES


def escape(name: str) -> str:
    """Escape a member's name for a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def field_errors(found: Sequence[Mapping[str, object]], skip: int = 0) -> list[FieldError]:
    """Translate pydantic's errors, leaving out the first parts of their locations."""
    return [_field_error(error, skip) for error in found]


def _field_error(error: Mapping[str, object], skip: int) -> FieldError:
    location = error["loc"]
    assert isinstance(location, tuple)
    pointer = "".join(f"/{escape(str(part))}" for part in location[skip:])
    kind, context = str(error["type"]), error.get("ctx") or {}
    assert isinstance(context, Mapping)
    facts = {str(k): v for k, v in context.items() if k != "error"}
    return FieldError(pointer, CODES.get(kind, "invalid-value"), facts)

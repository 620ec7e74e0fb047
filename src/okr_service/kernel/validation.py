"""Saying in our own words what pydantic finds wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from okr_service.kernel.errors import FieldError, InvalidInput
from okr_service.kernel.messages.fields import CODES

_I = TypeVar("_I", bound=BaseModel)


def validated(shape: type[_I], fields: Mapping[str, object]) -> _I:
    """Return an input made of fields; raises InvalidInput where they do not fit its shape."""
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput(field_errors(error.errors())) from error


def merging(shape: type[_I], said: Mapping[str, object]) -> Callable[[_I], _I]:
    """Return the edit that replaces some fields; it raises as `validated` does."""
    return lambda present: validated(shape, {**dict(present), **said})


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

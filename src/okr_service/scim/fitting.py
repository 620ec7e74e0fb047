"""Making inputs of the organisation's of what SCIM says."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel

from okr_service.kernel.errors import FieldError, InvalidInput
from okr_service.kernel.validation import validated
from okr_service.scim.filters import storable

_I = TypeVar("_I", bound=BaseModel)


def fitting(shape: type[_I], fields: Mapping[str, object]) -> _I:
    """Return an input of what is said; raises InvalidInput."""
    require_plain(fields)
    return validated(shape, fields)


def require_plain(fields: Mapping[str, object]) -> None:
    """Let texts through that PostgreSQL can hold; raises InvalidInput."""
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    bad = [name for name, text in texts.items() if not storable(text)]
    if bad:
        raise InvalidInput([FieldError(f"/{name}", "invalid-character") for name in bad])

"""The kinds of value that requests carry, each bounded and told apart strictly.

A number is a number, a date is a string in ISO 8601, an id is a UUID or
`external:<external_id>`; nothing is guessed from another type.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, NewType, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

Ref = NewType("Ref", str)
Exact = NewType("Exact", str)  # a figure on its way out: a string, so that no digit is lost
_D = TypeVar("_D", bound=date)

# A figure has at most 20 digits before the point and 10 after it: enough for a
# group's revenue in đồng, and sums of millions of them stay far inside `numeric`.
_FIGURE_DIGITS, _FIGURE_PLACES = 30, 10
# Python takes more for a number than people do: 1_000, and digits of every script.
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf(?:inity)?)",
    re.IGNORECASE,
)
_NUMBERS = (Decimal, int, float, str)
_WEIGHT_LIMIT = Decimal(1_000_000)


def _text_only(value: object) -> object:
    if isinstance(value, date) or isinstance(value, str):  # noqa: SIM101 - datetime is a date
        return value
    raise PydanticCustomError("string_type", "must be text")


def _number_only(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise PydanticCustomError("decimal_type", "must be a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise PydanticCustomError("decimal_parsing", "must be a number")
    return value.strip() if isinstance(value, str) else value


def ordinary_year(value: _D) -> _D:
    """Refuse years in which calendars and clients disagree, or overflow."""
    if not 1900 <= value.year <= 2200:  # noqa: PLR2004
        raise PydanticCustomError("year_out_of_range", "must be between 1900 and 2200")
    return value


def _plain(value: Decimal) -> Decimal:
    return value or Decimal(0)  # no negative zero; arithmetic would round to 28 digits


Figure = Annotated[
    Decimal,
    # Right beside its type pydantic checks it in its core, else in Python, at ten times the cost.
    Field(max_digits=_FIGURE_DIGITS, decimal_places=_FIGURE_PLACES, allow_inf_nan=False),
    BeforeValidator(_number_only, json_schema_input_type=str | int | float),
    AfterValidator(_plain),
    PlainSerializer(str, return_type=str, when_used="json"),
]
Weight = Annotated[
    Decimal,
    Field(ge=0, le=_WEIGHT_LIMIT, decimal_places=4, allow_inf_nan=False),
    BeforeValidator(_number_only, json_schema_input_type=str | int | float),
    AfterValidator(_plain),
    PlainSerializer(float, return_type=float, when_used="json"),
]
Day = Annotated[
    date, BeforeValidator(_text_only, json_schema_input_type=date), AfterValidator(ordinary_year)
]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_text_only, json_schema_input_type=datetime),
    AfterValidator(ordinary_year),
]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Prose = Annotated[str, StringConstraints(max_length=20_000)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Reference = Annotated[
    Ref,
    StringConstraints(min_length=1, max_length=220),
    Field(
        description="An id, or `external:` and the external id.",
        examples=["external:MT-GACH-01"],
    ),
]
Count = Annotated[StrictInt, Field(ge=0)]
Tags = Annotated[list[Label], Field(max_length=50)]


class Input(BaseModel):
    """What callers send: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What callers get; the database builds it, this documents it."""

    model_config = ConfigDict(extra="forbid")

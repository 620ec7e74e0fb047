"""Reading JSON bodies exactly and strictly.

Numbers become `Decimal`, never floats; a member named twice, NaN, Infinity and
depths beyond reason are refused; so are NUL characters and lone surrogates,
which PostgreSQL could not store.
"""

import json
from decimal import Decimal
from typing import NoReturn, TypeAlias

from okr_service.kernel.errors import FieldError, InvalidInput, MalformedJson, NotUtf8
from okr_service.kernel.validation import escape

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"

_DEEPEST = 32


def read_json(body: bytes) -> Json:
    """Return the value a JSON text stands for.

    Raises:
        NotUtf8: the bytes are not UTF-8.
        MalformedJson: the text is not JSON (RFC 8259), names a member twice or nests too deep.
        InvalidInput: a string holds a NUL character or a lone surrogate.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(error.start) from error
    try:
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJson(error.lineno, error.colno) from error
    except (RecursionError, ValueError, ArithmeticError) as error:
        raise MalformedJson(1, 1) from error
    _check(value, "", 0)
    return value


def _refuse(_: str) -> NoReturn:
    raise ValueError("not JSON")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is named twice")
    return members


def _check(value: Json, pointer: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise MalformedJson(1, 1)
    if isinstance(value, str):
        _check_text(value, pointer)
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_text(name, pointer)
            _check(member, f"{pointer}/{escape(name)}", depth + 1)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _check(item, f"{pointer}/{place}", depth + 1)


def _check_text(text: str, pointer: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidInput([FieldError(pointer, "invalid-character")])


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_members)

"""The form of keys: what is one, and what only looks like one."""

import re
import zlib
from contextlib import AbstractContextManager
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from tests.calling import client

from okr_service.access.errors import InvalidCredential
from okr_service.credentials.keys import PATTERN, beginning, new_key, tenant_of

_TENANT = UUID("01a20fde-9556-760c-b712-893159dc5640")
_KEY = new_key(_TENANT)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_key_says_whose_it_is_and_is_found_by_the_published_pattern() -> None:
    assert tenant_of(_KEY) == _TENANT
    assert re.findall(PATTERN, f'KEY="{_KEY}"\n') == [_KEY]
    assert _KEY.startswith(beginning(_KEY))
    assert len(_KEY) - len(beginning(_KEY)) == 37 + 6


def test_no_two_keys_are_the_same() -> None:
    assert len({new_key(_TENANT) for _ in range(1000)}) == 1000


def test_the_checksum_is_what_the_readme_says() -> None:
    value = 0
    for digit in _KEY[-6:]:
        value = value * 62 + _BASE62.index(digit)
    assert value == zlib.crc32(_KEY[:-6].encode())


@given(st.integers(0, len(_KEY) - 1), st.sampled_from(_BASE62 + "_- .é０\0"))
def test_one_changed_character_makes_it_no_key(place: int, character: str) -> None:
    changed = _KEY[:place] + character + _KEY[place + 1 :]
    if changed != _KEY:
        with pytest.raises(InvalidCredential):
            tenant_of(changed)


@given(st.text())
def test_no_text_is_taken_for_a_key(text: str) -> None:
    for candidate in (text, f"okr_{text}", f"okr_{_TENANT.hex}_{text}"):
        with pytest.raises(InvalidCredential):
            tenant_of(candidate)


_GARBAGE = {
    "cut off": _KEY[:-1],
    "without its checksum": _KEY[:-6],
    "longer": _KEY + "0",
    "twice": _KEY + _KEY,
    "in capitals": _KEY.upper(),
    "in small letters": _KEY.lower(),
    "in swapped case": _KEY[:37] + _KEY[37:].swapcase(),
    "a newline after": _KEY + "\n",
    "a no-break space after": _KEY + "\xa0",
    "look-alike letters": _KEY.replace("okr_", "оkr_"),  # a Cyrillic о
    "full-width digits": _KEY[:4] + "０" + _KEY[5:],
    "Arabic digits": _KEY[:4] + "٠" + _KEY[5:],
    "another tenant's prefix": _KEY.replace(_TENANT.hex, uuid4().hex),
    "dashes in the tenant": _KEY.replace(_TENANT.hex, str(_TENANT)),
    "a megabyte": "okr_" + "0" * 1_000_000,
    "a megabyte of a key": _KEY + "0" * 1_000_000,
    "an old key": f"okr_{_TENANT.hex}_7Kx7Uty2EHG0sZx2_057HJ2nx3-smNusrCWS9_3IAVw",
    "a statement": f"okr_{_TENANT.hex}_' OR true --",
}


@pytest.mark.parametrize("token", _GARBAGE.values(), ids=_GARBAGE)
async def test_what_is_no_key_costs_no_statement(
    app: FastAPI, heard: AbstractContextManager[list[str]], token: str
) -> None:
    async with client(app, "none") as calling:
        calling.headers.pop("Authorization")
        with heard as statements:
            value = b"Bearer " + token.encode("utf-8")
            answer = await calling.get("/v1/units", headers=[(b"authorization", value)])
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-credential")
    assert statements == []
    assert token not in answer.text

"""Every error speaks both languages and says the same facts."""

import importlib
import pkgutil
import re

import pytest

import okr_service
from okr_service.kernel.errors import OkrError
from okr_service.kernel.messages import preferred_language, sentence_template
from okr_service.kernel.messages.fields import CODES, FIELD_MESSAGES
from okr_service.kernel.messages.vi import SENTENCES

for _module in pkgutil.walk_packages(okr_service.__path__, "okr_service."):
    if not _module.name.endswith(("embedded", "cli")):
        importlib.import_module(_module.name)

_ERRORS = dict(OkrError.by_code)


def _facts(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("code", sorted(_ERRORS))
def test_each_error_has_a_sentence_in_both_languages(code: str) -> None:
    english = sentence_template(_ERRORS[code], "en")
    assert english[-1] in ".;…", english
    assert code in SENTENCES, english
    assert _facts(english) == _facts(SENTENCES[code])
    assert _facts(english) <= set(getattr(_ERRORS[code], "__dataclass_fields__", ()))


def test_no_sentence_is_left_over() -> None:
    assert set(SENTENCES) == set(_ERRORS)


def test_field_codes_are_told_apart_from_errors() -> None:
    assert not set(FIELD_MESSAGES) & set(_ERRORS)
    assert set(CODES.values()) <= set(FIELD_MESSAGES)
    for english, vietnamese in FIELD_MESSAGES.values():
        assert _facts(english) == _facts(vietnamese)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en-GB,en;q=0.9,vi;q=0.5", "en"),
        ("fr, vi;q=0.1", "vi"),
        ("vi;q=x", "en"),
        ("vi;q=0", "en"),
        ("*", "en"),
    ],
)
def test_the_preferred_language_is_chosen(header: str, language: str) -> None:
    assert preferred_language(header) == language

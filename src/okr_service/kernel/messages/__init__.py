"""What the service says to people, in English and Vietnamese.

An error's English sentence is its class's docstring; the Vietnamese ones are in
`vi`. Fields that do not fit have their sentences in `fields`, in both.
"""

import inspect
from typing import Literal

from okr_service.kernel.errors import FieldError, OkrError
from okr_service.kernel.messages.fields import FIELD_MESSAGES
from okr_service.kernel.messages.vi import SENTENCES

Language = Literal["en", "vi"]
_PLACE = ("sheet", "row", "column", "cell", "suggestion")


def sentence_template(error: type[OkrError], language: Language) -> str:
    """Return an error class's sentence, its `{facts}` unfilled."""
    english = inspect.cleandoc(error.__doc__ or error.code).partition("\n\n")[0]
    return SENTENCES.get(error.code, english) if language == "vi" else english


def sentence(error: OkrError, language: Language) -> str:
    """Say what went wrong."""
    return sentence_template(type(error), language).format_map(_Facts(error.facts))


def field_message(error: FieldError, language: Language) -> str:
    """Say why a field does not fit."""
    if (kind := OkrError.by_code.get(error.code)) is not None:
        template = sentence_template(kind, language)
    else:
        both = FIELD_MESSAGES.get(error.code, FIELD_MESSAGES["invalid-value"])
        template = both[1] if language == "vi" else both[0]
    return template.format_map(_Facts(error.facts))


def located_error(error: FieldError, language: Language) -> dict[str, object]:
    """Render a field's error, with its place in a spreadsheet where it has one."""
    place = {name: fact for name, fact in error.facts.items() if name in _PLACE and fact}
    message = field_message(error, language)
    return {**place, "pointer": error.pointer, "code": error.code, "message": message}


def preferred_language(accept_language: str) -> Language:
    """Choose between Vietnamese and English by an Accept-Language header (RFC 9110 12.5.4)."""
    weights = {"en": 0.0, "vi": 0.0}
    for part in accept_language.lower().split(","):
        tag, _, parameter = part.partition(";")
        language = tag.strip().split("-")[0]
        if language in weights:
            weights[language] = max(weights[language], _quality(parameter))
    return "vi" if weights["vi"] > weights["en"] else "en"


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"

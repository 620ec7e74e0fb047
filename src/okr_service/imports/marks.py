"""What is wrong with a cell, as a note on it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from okr_service.kernel.errors import FieldError
from okr_service.kernel.messages import Language, field_message

Marks = Mapping[int, Mapping[str, str]]  # row number of the file → header → what is wrong
_MEANT = {"vi": "Có phải ý bạn là {}?", "en": "Did you mean {}?"}
FILL = "FFC7CE"
AUTHOR = "okr-service"
MARGIN = {"vi": "Lỗi", "en": "errors"}  # the column of what is wrong, which an import passes over


def said_of(error: FieldError, language: Language) -> str:
    """Say what is wrong with a cell, and what may be meant."""
    message = field_message(error, language)
    likely = error.facts.get("suggestion")
    return f"{message} {_MEANT[language].format(likely)}" if likely else message


def marks(errors: Iterable[FieldError], language: Language) -> Marks:
    """Gather what is wrong with each cell."""
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for error in errors:
        number, header = error.facts.get("number"), str(error.facts.get("column", ""))
        if isinstance(number, int):
            before = found[number].get(header)
            said = said_of(error, language)
            found[number][header] = said if before is None else f"{before}\n{said}"
    return found

"""How a cell is written so that a spreadsheet shows it and an import knows it again."""

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal

from okr_service.imports.harmless import ABOUT_A_FORMULA
from okr_service.kernel.documents import Expression

_AMBIGUOUS_PLACES = 3  # 1.234 may be a thousand and more; 1.2340 may not
_ABOUT_A_FORMULA = literal(ABOUT_A_FORMULA)
# Words with single spaces between them, which every reader leaves as they are.
_WORD = r"[^\s\u0001-\u001f\u007f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
_WORDS = literal(f"^{_WORD}( {_WORD})*$")


def text_cell(words: Expression) -> Expression:
    """Write a text so that no spreadsheet takes it for a formula."""
    text = cast(words, Text)
    return case((text.op("~")(_ABOUT_A_FORMULA), literal("'").concat(text)), else_=text)


def number_cell(number: Expression) -> Expression:
    """Write a number so that its point starts decimals, and cannot be grouping thousands."""
    bare = cast(func.trim_scale(number), Text)
    looks_grouped = func.scale(func.trim_scale(number)) == _AMBIGUOUS_PLACES
    return case((looks_grouped, bare.concat("0")), else_=bare)


def is_plain(words: Expression) -> ColumnElement[bool]:
    """Return the condition that a text comes back from any file as it is."""
    return and_(cast(words, Text).op("~")(_WORDS), func.normalize(words) == words)

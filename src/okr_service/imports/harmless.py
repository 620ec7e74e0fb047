"""Texts that a spreadsheet would run as formulas, and how files keep them from it.

An apostrophe before such a text says that it is one. What is read without it comes back as
it was: a text that has apostrophes before what would be a formula gets one more.
"""

import re

# Blanks before it count too: readers leave them out. Written so that PostgreSQL reads the same.
_BLANKS = r"\t\r\n \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
ABOUT_A_FORMULA = rf"^['{_BLANKS}]*[-=+@\t\r\n|＝＋－＠]"
_ABOUT_A_FORMULA = re.compile(ABOUT_A_FORMULA)


def harmless(text: str) -> str:
    """Return a text as a cell has it."""
    return f"'{text}" if _ABOUT_A_FORMULA.match(text) else text


def meant(cell: str) -> str:
    """Return the text that a cell stands for."""
    return cell[1:] if cell[:1] == "'" and _ABOUT_A_FORMULA.match(cell) else cell

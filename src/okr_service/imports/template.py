"""A workbook to fill in: headers that stay in view, notes, lists to choose from, an example."""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from okr_service.imports.columns import MONTHS, header_of
from okr_service.imports.reads import Lists
from okr_service.imports.wording import CHOICES, EXAMPLE, MONTH_NOTE, NOTES, SHEETS, TITLES
from okr_service.imports.workbook import EXAMPLES
from okr_service.kernel.messages import Language

MADE = datetime(2026, 1, 1, tzinfo=UTC)  # the same always: what is the same is the same file
_GROUPS = {  # the columns in the order of the sheet, and how the header of each group is coloured
    "#1F4E78": {
        "unit": 9,
        "unit_name": 18,
        "unit_kind": 11,
        "parent_unit": 9,
        "cycle": 9,
        "cycle_start": 11,
        "cycle_end": 11,
    },
    "#375623": {
        "objective": 13,
        "objective_title": 28,
        "parent_objective": 13,
        "objective_weight": 9,
        "objective_owner": 18,
        "ambition": 10,
    },
    "#7F3F00": {
        "key_result": 8,
        "key_result_title": 28,
        "metric": 12,
        "unit_of_measure": 10,
        "start": 10,
        "target": 10,
        "target_max": 10,
        "current": 10,
        "key_result_weight": 8,
        "owner": 18,
        "due": 11,
    },
    "#44546A": dict.fromkeys(MONTHS, 8),
    "#5B2C6F": {
        "action": 26,
        "action_owner": 18,
        "action_due": 11,
        "action_state": 12,
        "action_weight": 9,
        "note": 22,
    },
}
COLUMNS = [column for group in _GROUPS.values() for column in group]
_DATES = {"cycle_start", "cycle_end", "due", "action_due"}
_PEOPLE = {"objective_owner", "owner", "action_owner"}
_TEXTS = {"unit", "parent_unit", "objective", "parent_objective", "key_result", "cycle"}
_ROWS = 2_000  # prepared to be filled in
_A4 = 9


def template(lists: Lists, language: Language) -> bytes:
    """Make the workbook."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_urls": False}) as book:
        book.set_properties({"title": TITLES[language], "created": MADE})
        plan, listed = SHEETS[language]
        sheet = book.add_worksheet(plan)
        example = book.add_worksheet(EXAMPLES[language])
        sources = _write_lists(book.add_worksheet(listed), book, lists)
        _prepare(book, sheet, language)
        _offer(sheet, sources, language)
        _prepare(book, example, language)
        _fill(example, language)
        sheet.activate()
    return buffer.getvalue()


def _write_lists(sheet: Worksheet, book: Workbook, lists: Lists) -> Mapping[str, str]:
    """Write the tenant's own words where nobody looks, and name them."""
    sheet.hide()
    named = {}
    for place, (name, words) in enumerate(vars(lists).items()):
        sheet.write_column(0, place, words or [""], book.add_format({"num_format": "@"}))
        letter, last = "ABC"[place], max(len(words), 1)
        book.define_name(name, f"='{sheet.name}'!${letter}$1:${letter}${last}")
        named[name] = f"={name}"
    return named


def _prepare(book: Workbook, sheet: Worksheet, language: Language) -> None:
    place = 0
    forms = _forms(book)
    for colour, columns in _GROUPS.items():
        head = book.add_format(
            {
                "bold": True,
                "font_color": "white",
                "bg_color": colour,
                "border": 1,
                "text_wrap": True,
                "align": "center",
                "valign": "vcenter",
            }
        )
        for column, width in columns.items():
            sheet.set_column(place, place, width, forms[_kind(column)])
            sheet.write_string(0, place, header_of(column, language), head)
            note = NOTES.get(column, MONTH_NOTE)[0 if language == "vi" else 1]
            sheet.write_comment(0, place, note, {"x_scale": 1.6, "author": "okr-service"})
            place += 1
    sheet.set_row(0, 36)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, _ROWS, len(COLUMNS) - 1)
    _lay_out(sheet, language)


def _forms(book: Workbook) -> dict[str, Format]:
    wrapped = {"text_wrap": True, "valign": "top"}
    return {
        "date": book.add_format({"num_format": "dd/mm/yyyy", "valign": "top"}),
        "code": book.add_format({"num_format": "@", "valign": "top"}),
        "text": book.add_format(wrapped),
        "number": book.add_format({"num_format": "#,##0.######", "valign": "top"}),
    }


def _kind(column: str) -> str:
    if column in _DATES:
        return "date"
    if column in _TEXTS:
        return "code"
    words = column.endswith(("_title", "_name")) or column in {"action", "note", "unit_of_measure"}
    return "text" if words or column in _PEOPLE or column in CHOICES else "number"


def _lay_out(sheet: Worksheet, language: Language) -> None:
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.set_margins(0.4, 0.4, 0.6, 0.6)
    sheet.repeat_rows(0)
    ends = list(accumulate(len(columns) for columns in _GROUPS.values()))
    sheet.set_v_pagebreaks([ends[1], ends[2]])
    sheet.set_print_scale(68)
    sheet.set_header(f"&L{TITLES[language]}&R&A")
    sheet.set_footer("&L&D&R&P/&N")
    sheet.print_area(0, 0, 60, len(COLUMNS) - 1)


def _offer(sheet: Worksheet, sources: Mapping[str, str], language: Language) -> None:
    """Let people choose; what is not in a tenant's list may still be written, as a new code."""
    at = 0 if language == "vi" else 1
    for place, column in enumerate(COLUMNS):
        area = (1, place, _ROWS, place)
        if column in CHOICES:
            _validate(sheet, area, CHOICES[column][at], "stop")
        elif column in _PEOPLE:
            _validate(sheet, area, sources["people"], "warning")
        elif column in ("unit", "parent_unit"):
            _validate(sheet, area, sources["units"], "information")
        elif column == "cycle":
            _validate(sheet, area, sources["cycles"], "information")


def _validate(
    sheet: Worksheet, area: tuple[int, int, int, int], source: str | Sequence[str], strictness: str
) -> None:
    rule = {"validate": "list", "source": source, "error_type": strictness}
    sheet.data_validation(*area, rule)


def _fill(sheet: Worksheet, language: Language) -> None:
    at = 0 if language == "vi" else 1
    for number, row in enumerate(EXAMPLE, 1):
        for column, words in row.items():
            said = words[at] if isinstance(words, tuple) else words
            sheet.write(number, COLUMNS.index(column), said)

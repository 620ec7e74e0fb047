"""What the columns are called: in English, in Vietnamese, and as other tools call them."""

import re
from calendar import month_abbr, month_name
from collections.abc import Sequence

from okr_service.imports.errors import ColumnMissing, ColumnRepeats, UnknownColumn
from okr_service.imports.measures import has_power
from okr_service.imports.suggestions import closest
from okr_service.kernel.errors import FieldError, OkrError
from okr_service.kernel.search import fold
from okr_service.kernel.validation import escape

MONTHS = [f"T{month}" for month in range(1, 13)]


def _month_names(number: int) -> list[str]:
    return [
        f"Tháng {number}",
        f"Tháng {number:02}",
        f"T{number:02}",
        month_name[number],
        month_abbr[number],
    ]


_CALLED = {
    "unit": ["Mã đơn vị", "Mã phòng ban", "Mã phòng ban/team", "Dept code"],
    "unit_name": ["Tên đơn vị"],
    "unit_kind": ["Loại đơn vị", "Scope"],
    "parent_unit": ["Đơn vị cấp trên"],
    "cycle": ["Kỳ"],
    "cycle_start": ["Từ ngày", "Start time"],
    "cycle_end": ["Đến ngày", "End time"],
    "objective": ["Mã mục tiêu"],
    "objective_title": ["Mục tiêu", "Tên mục tiêu"],
    "parent_objective": ["Mục tiêu cấp trên", "OKRs cấp trên"],
    "objective_weight": ["Trọng số mục tiêu"],
    "objective_owner": ["Chủ mục tiêu"],
    "ambition": ["Cam kết/Kỳ vọng"],
    "key_result": ["Mã KR"],
    "key_result_title": ["Kết quả then chốt", "Kết quả chính"],
    "metric": ["Loại chỉ tiêu", "Metatype"],
    "unit_of_measure": ["Đơn vị tính"],
    "start": ["Giá trị đầu kỳ"],
    "target": ["Chỉ tiêu", "Chỉ tiêu được giao", "Kết quả mong muốn"],
    "target_max": ["Chỉ tiêu tối đa"],
    "current": ["Thực hiện", "Kết quả thực tế đạt được"],
    "key_result_weight": ["Trọng số KR"],
    "owner": ["Người phụ trách", "Người chịu trách nhiệm"],
    "due": ["Thời hạn"],
    **{month: _month_names(number) for number, month in enumerate(MONTHS, 1)},
    "action": ["Giải pháp"],
    "action_owner": ["Người thực hiện"],
    "action_due": ["Hạn hoàn thành"],
    "action_state": ["Trạng thái"],
    "action_weight": ["Trọng số hành động"],
    "note": ["Ghi chú"],
}


# One word for what may be the objective's or the key result's: the second, where there is one.
_LOOSE = {
    "name": ("objective_title", "key_result_title"),
    "weight": ("objective_weight", "key_result_weight"),
    "trongso": ("objective_weight", "key_result_weight"),
    "assignto": ("objective_owner", "owner"),
}
# Row numbers that people put first, and the errors that we gave a file back with.
_NOT_READ = {"stt", "tt", "no", "sott", "loi", "errors"}
_EXPLANATION = re.compile(r"\s*\(([^()]*)\)\s*$")
REQUIRED = "objective"


def _folded(header: str) -> str:
    return "".join(c for c in fold(header) if c.isalnum())


_BY_HEADER = {
    _folded(header): column for column, headers in _CALLED.items() for header in (column, *headers)
}
KNOWN_HEADERS = [header for column, headers in _CALLED.items() for header in (*headers, column)]


def header_of(column: str, language: str) -> str:
    """Return what a column is called in a template."""
    named = language == "vi" and column not in MONTHS
    return _CALLED[column][0] if named else column


def column_of(header: str) -> str | None:
    """Return the column that a header names for certain; what is in brackets explains it."""
    explained = _EXPLANATION.search(header)
    if explained and not has_power(explained[1]):
        header = header[: explained.start()]
    return _BY_HEADER.get(_folded(header))


def is_read(header: str) -> bool:
    """Say whether a header names a column that is more than a row number."""
    folded = _folded(header)
    return bool(folded) and folded not in _NOT_READ


def recognised(headers: Sequence[str]) -> int:
    """Return how many cells of a row are headers that we know."""
    return sum(1 for header in headers if header and column_of(header) is not None)


def recognise(
    headers: Sequence[str], row: int = 1, sheet: str | None = None
) -> tuple[dict[str, int], list[FieldError]]:
    """Return where each column stands, and what is wrong with the header."""
    places: dict[str, int] = {}
    errors: list[FieldError] = []
    columns = [column_of(header) for header in headers]
    for place, header in enumerate(headers):
        column = columns[place] or _loosely(header, columns)
        if column is None:
            if is_read(header):
                unknown = UnknownColumn(shown_header(header), closest(header, KNOWN_HEADERS))
                errors.append(cell_error(unknown, row, header, place, sheet))
        elif column in places:
            repeats = ColumnRepeats(shown_header(header), headers[places[column]].strip())
            errors.append(cell_error(repeats, row, header, place, sheet))
        else:
            places[column] = place
    if REQUIRED not in places:
        errors.append(cell_error(ColumnMissing(REQUIRED), row, REQUIRED, None, sheet))
    return places, errors


def _loosely(header: str, certain: Sequence[str | None]) -> str | None:
    choices = _LOOSE.get(_folded(header))
    if choices is None:
        return None
    free = [column for column in choices if column not in certain]
    if "key_result" not in certain or not free:
        return next(iter(free), choices[0])
    return free[-1]


def shown_header(header: str) -> str:
    """Return a header as an error repeats it: on one line and not at any length."""
    return " ".join(header.split())[:80]


def cell_error(
    error: OkrError, row: int, header: str, place: int | None, sheet: str | None = None
) -> FieldError:
    """Say what is wrong with a cell, as `located` does."""
    return located(FieldError.of(error, ""), row, header, place, sheet)


def located(
    error: FieldError, row: int, header: str, place: int | None, sheet: str | None = None
) -> FieldError:
    """Place an error in the file: by sheet, row number, column header and spreadsheet address."""
    header = shown_header(header)
    facts = {**error.facts, "row": row, "column": header}
    if place is not None:
        facts["cell"] = f"{letters(place)}{row}"
    if sheet is not None:
        facts["sheet"] = sheet
    within = "" if sheet is None else f"/{escape(sheet)}"
    return FieldError(f"{within}/rows/{row}/{escape(header)}", error.code, facts)


def letters(place: int) -> str:
    """Return a spreadsheet's name of the n-th column, counted from 0: A, B, and AA after Z."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name

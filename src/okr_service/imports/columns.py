"""What the columns are called: in English, in Vietnamese, and as other tools call them."""

from okr_service.imports.errors import ColumnMissing, ColumnRepeats, UnknownColumn
from okr_service.kernel.errors import FieldError, OkrError
from okr_service.kernel.search import fold
from okr_service.kernel.validation import escape

MONTHS = [f"T{month}" for month in range(1, 13)]

_VIETNAMESE = {
    "unit": ["Mã đơn vị", "Mã phòng ban", "Mã phòng ban/team"],
    "unit_name": ["Tên đơn vị"],
    "unit_kind": ["Loại đơn vị"],
    "parent_unit": ["Đơn vị cấp trên"],
    "cycle": ["Kỳ"],
    "cycle_start": ["Từ ngày"],
    "cycle_end": ["Đến ngày"],
    "objective": ["Mã mục tiêu"],
    "objective_title": ["Mục tiêu", "Tên mục tiêu"],
    "parent_objective": ["Mục tiêu cấp trên", "OKRs cấp trên"],
    "objective_weight": ["Trọng số mục tiêu"],
    "objective_owner": ["Chủ mục tiêu"],
    "key_result": ["Mã KR"],
    "key_result_title": ["Kết quả then chốt", "Kết quả chính"],
    "metric": ["Loại chỉ tiêu"],
    "unit_of_measure": ["Đơn vị tính"],
    "start": ["Giá trị đầu kỳ"],
    "target": ["Chỉ tiêu", "Chỉ tiêu được giao", "Kết quả mong muốn"],
    "target_max": ["Chỉ tiêu tối đa"],
    "current": ["Thực hiện", "Kết quả thực tế đạt được"],
    "key_result_weight": ["Trọng số KR"],
    "owner": ["Người phụ trách", "Người chịu trách nhiệm"],
    "due": ["Thời hạn"],
    **{month: [] for month in MONTHS},
    "action": ["Giải pháp"],
    "action_owner": ["Người thực hiện"],
    "action_due": ["Hạn hoàn thành"],
    "action_state": ["Trạng thái"],
    "action_weight": ["Trọng số hành động"],
    "note": ["Ghi chú"],
}


def _folded(header: str) -> str:
    return "".join(c for c in fold(header) if c.isalnum())


_BY_HEADER = {
    _folded(header): column
    for column, headers in _VIETNAMESE.items()
    for header in (column, *headers)
}


def recognise(headers: list[str]) -> tuple[dict[str, int], list[FieldError]]:
    """Return where each column stands, and what is wrong with the header."""
    places: dict[str, int] = {}
    errors: list[FieldError] = []
    for place, header in enumerate(headers):
        column = _BY_HEADER.get(_folded(header))
        if column is None:
            if header.strip():
                errors.append(header_error(UnknownColumn(header), header, place))
        elif column in places:
            errors.append(header_error(ColumnRepeats(header), header, place))
        else:
            places[column] = place
    errors += [
        header_error(ColumnMissing(column), column, None)
        for column in ("objective",)
        if column not in places
    ]
    return places, errors


def header_error(error: OkrError, header: str, place: int | None) -> FieldError:
    """Say what is wrong with a column, as an error of row 1."""
    return cell_error(error, 1, header, place)


def cell_error(error: OkrError, row: int, header: str, place: int | None) -> FieldError:
    """Say what is wrong with a cell, as `located` does."""
    return located(FieldError.of(error, ""), row, header, place)


def located(error: FieldError, row: int, header: str, place: int | None) -> FieldError:
    """Place an error in the file: by row number, column header and spreadsheet address."""
    facts = {**error.facts, "row": row, "column": header}
    if place is not None:
        facts["cell"] = f"{letters(place)}{row}"
    return FieldError(f"/rows/{row}/{escape(header)}", error.code, facts)


def letters(place: int) -> str:
    """Return a spreadsheet's name of the n-th column, counted from 0: A, B, and AA after Z."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
